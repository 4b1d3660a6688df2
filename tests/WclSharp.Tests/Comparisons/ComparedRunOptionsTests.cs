using WclSharp.Comparisons;
using WclSharp.Configuration;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Comparisons;

/// <summary>What each run of a comparison is trained and measured with, by its method; nothing is trained here.</summary>
public sealed class ComparedRunOptionsTests
{
    [Theory]
    [InlineData("wlc,simclr", "did you mean wcl?")]
    [InlineData("wcl,simcrl", "did you mean simclr?")]
    [InlineData("wcl+nearest", "no local crops \"nearest\"")]
    [InlineData(",", "whose item 1 is empty")]
    public void Methods_ThatAreUnknown_NameTheNearest(string list, string message) =>
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => MethodNames.Parse(list)).Message, StringComparison.Ordinal);

    [Fact]
    public void Methods_OfEveryMember_HaveANameThatParses() =>
        Assert.All(Enum.GetValues<ContrastiveMethod>(), method => Assert.Equal([method, new(method, MultiCrop.Knn)], MethodNames.Parse($"{MethodNames.Of(method)}, {MethodNames.Of(new(method, MultiCrop.Knn))}")));

    [Fact]
    public void ChangesNothing_IsWhatEveryMethodsRunsLeaveOut()
    {
        var given = SmallRun.Options with { BankK = 7, LocalCrops = 3, Beta = 0.5, Temperature = 0.3, AdpClrK = 4 };
        string[] Of(params ComparedMethod[] methods) =>
            [.. PretrainOptionTable.All.Where(option => Comparison.ChangesNothing(option, new ComparisonOptions { Methods = methods, Training = given })).Select(option => option.Name).Order()];
        Assert.Equal(["adpclr-k", "bank-k", "beta", "local-crops"], Of(ContrastiveMethod.SimClr, ContrastiveMethod.InstDisc));
        Assert.Equal(["adpclr-k", "bank-k", "local-crops"], Of(ContrastiveMethod.SimClr, ContrastiveMethod.Wcl));
        Assert.Equal(["bank-k"], Of(new ComparedMethod(ContrastiveMethod.Wcl, MultiCrop.Standard), ContrastiveMethod.AdpClr));
        Assert.Empty(Of(new ComparedMethod(ContrastiveMethod.Wcl, MultiCrop.Knn), ContrastiveMethod.AdpClr));
        given = SmallRun.Options with { LocalSize = 8, LocalScaleMin = 0.1, LocalScaleMax = 0.3, LocalWeakWeight = 0.5 };
        Assert.Equal(["local-scale-max", "local-scale-min", "local-size", "local-weak-weight"], Of(ContrastiveMethod.SimClr, ContrastiveMethod.Wcl));
        Assert.Equal(["local-weak-weight"], Of(new ComparedMethod(ContrastiveMethod.SimClr, MultiCrop.Standard), ContrastiveMethod.Wcl));
        Assert.Empty(Of(new ComparedMethod(ContrastiveMethod.Wcl, MultiCrop.Standard), ContrastiveMethod.SimClr));
    }

    [Theory]
    [InlineData("data", "elsewhere", false), InlineData("test", "elsewhere", false), InlineData("labels", "l.csv", false), InlineData("init", "w.pth", false), InlineData("temperature", "0.3", false)]
    [InlineData("device", "cpu", true), InlineData("workers", "3", true)]
    public void RequireSame_WhatMakesRunsUnequal_IsRefused(string name, string value, bool mayDiffer)
    {
        var started = new ComparisonOptions { Methods = [ContrastiveMethod.Wcl] };
        var asked = started with { Training = PretrainOptionTable.Find(name)!.Parse(started.Training, value) };
        Assert.NotEqual(started.Training, asked.Training);
        if (mayDiffer) ComparisonConfig.RequireSame(started, asked, "f");
        else Assert.StartsWith($"--{name} ", Assert.Throws<WclUsageException>(() => ComparisonConfig.RequireSame(started, asked, "f")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cifar", null, "wcl,wcl+standard", 0.2)] // beside local crops
    [InlineData("cifar", null, "wcl,simclr", null)]
    [InlineData("cifar", null, "wcl+knn,wcl+standard", null)] // the runs' own
    [InlineData("cifar", 0.3, "wcl,wcl+standard", 0.3)]
    [InlineData("tiny", null, "wcl,wcl+standard", null)] // the preset's, for all
    public void EqualViews_GiveEveryRunGlobalCropsOfOneSize(string preset, double? given, string methods, double? crop)
    {
        var asked = new ComparisonOptions { Methods = MethodNames.Parse(methods), Training = new() { Preset = preset, CropMin = given } };
        Assert.Equal(crop, EqualViews.Of(asked, started: null).Training.CropMin);
        Assert.False(EqualViews.Differ(EqualViews.Of(asked, started: null)));

        // Runs that are there already were trained without.
        Assert.Equal(given, EqualViews.Of(asked, started: asked).Training.CropMin);
        Assert.Equal(crop == 0.2, EqualViews.Differ(EqualViews.Of(asked, started: asked)));
        var other = asked with { Training = asked.Training with { CropMin = 0.4 } };
        Assert.Equal(given, EqualViews.Of(asked, started: other).Training.CropMin); // so that what is refused is what was given
    }

    [Fact]
    public void Ignored_AreTheOptionsThatAMethodHasNoUseFor()
    {
        Assert.Contains("temperature", MethodDefaults.Ignored(new() { Method = ContrastiveMethod.InstDisc }));
        Assert.DoesNotContain("temperature", MethodDefaults.Ignored(new() { Method = ContrastiveMethod.SimClr }));
        Assert.Contains("beta", MethodDefaults.Ignored(new() { Method = ContrastiveMethod.SimClr }));
        Assert.DoesNotContain("beta", MethodDefaults.Ignored(new()));
        Assert.Contains("bank-k", MethodDefaults.Ignored(new() { MultiCrop = MultiCrop.Standard }));
        Assert.DoesNotContain("bank-k", MethodDefaults.Ignored(new() { MultiCrop = MultiCrop.Knn }));
    }

    [Fact]
    public void Arguments_OfARunThatGoesOn_AreOnlyThoseThatMayChange()
    {
        var options = new PretrainOptions { Epochs = 5, Workers = 1, Out = "x y", Seed = 7 };
        var start = TrainingProcess.Arguments(options);
        var resume = TrainingProcess.Arguments(options with { Resume = true });

        Assert.Equal("pretrain", start[0]);
        Assert.Subset(start.ToHashSet(), new HashSet<string> { "--epochs=5", "--workers=1", "--out=x y", "--seed=7", "--method=wcl" });
        Assert.DoesNotContain("--resume", start);
        Assert.Subset(resume.ToHashSet(), new HashSet<string> { "--workers=1", "--out=x y", "--resume" });
        Assert.DoesNotContain("--epochs=5", resume);
    }

    [Fact]
    public void Apply_WhatIsMeantForAWeakLoss_IsNoneOfAMethodThatHasNone()
    {
        var training = new PretrainOptions { Beta = 0.5, BetaRamp = 2, WeakKeys = WeakKeys.Full };

        Assert.Equal(training with { Method = ContrastiveMethod.WclBank }, new ComparedMethod(ContrastiveMethod.WclBank).Apply(training));
        Assert.Equal(new PretrainOptions { Method = ContrastiveMethod.SimClr }, new ComparedMethod(ContrastiveMethod.SimClr).Apply(training));
    }

    [Fact]
    public void Apply_WhatIsMeantForAnotherMethod_IsNoneOfAMethods()
    {
        foreach (var option in PretrainOptionTable.All.Where(option => option.OnlyFor is not null))
        {
            var given = option.Parse(new PretrainOptions(), option is PretrainOption<double> ? "0.5" : option is PretrainOption<int> ? "2" : option.Placeholder.Split('|')[0]);
            Assert.NotNull(option.Show(given));
            foreach (var method in Enum.GetValues<ContrastiveMethod>())
                Assert.Equal(method == option.OnlyFor ? option.Show(given) : null, option.Show(new ComparedMethod(method).Apply(given)));
        }
    }

    [Fact]
    public void Evaluation_HasTheNeighboursThatWereAskedFor_AndOneRateForEveryRun()
    {
        var evaluation = Comparison.Evaluation(SmallRun.Options with { KnnK = 7 }, "here");
        Assert.Equal(("here", 7, "cpu", true, 0.2), (evaluation.Run, evaluation.KnnK, evaluation.Device, evaluation.Linear, evaluation.LinearLearningRate));
    }
}
