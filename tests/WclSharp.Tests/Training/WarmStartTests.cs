using WclSharp.FineTuning;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Weights that learnt from what is held out now are told of.</summary>
public sealed class WarmStartTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ContrastiveMethod.SimClr, "though not on their classes: accuracies may be a little too high")]
    [InlineData(ContrastiveMethod.SupCon, "and on their classes: accuracies may be too high")]
    public void Run_FromARunThatHeldOthersOut_IsWarnedOf(ContrastiveMethod method, string known)
    {
        var options = SmallRun.Options with { Epochs = 1, Method = method };
        string first = Pretraining.Run(options with { Out = folder["first"] }).RunFolder;

        Assert.Contains(known, Assert.Single(Warnings("other seed", options with { Seed = 1, Init = first })), StringComparison.Ordinal);
        Assert.Single(Warnings("its file", options with { Seed = 1, Init = Path.Combine(first, "encoder.safetensors") }));
        Assert.Empty(Warnings("same", options with { Init = first }));
        string copy = folder["elsewhere/encoder.safetensors"];
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(Path.Combine(first, "encoder.safetensors"), copy);
        Assert.Empty(Warnings("unknown", options with { Seed = 1, Init = copy })); // nobody knows what it has seen

        // Going on needs the weights no more, nor what their run is.
        var gone = options with { Seed = 1, Init = Path.Combine(first, "mine.safetensors"), Out = folder["gone"] };
        File.Copy(copy, gone.Init);
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => Pretraining.Run(gone, new ProgressHandler<RunProgress>(report =>
            {
                if (report is RunProgress.Step) stop.Cancel();
            }), stop.Token));
        File.Delete(gone.Init);
        Assert.Equal(1, Pretraining.Run(new PretrainOptions { Out = gone.Out, Resume = true }).Summary.Epoch);
        File.WriteAllText(Path.Combine(first, "config.json"), "{");
        Assert.Empty(Warnings("damaged", options with { Seed = 1, Init = first }));
    }

    /// <summary>Weights are of every run that they have passed through.</summary>
    [Fact]
    public void Run_FromARunThatBeganWithAnothersWeights_IsWarnedOfTheFirst()
    {
        var options = SmallRun.Options with { Epochs = 1, Method = ContrastiveMethod.SimClr };
        string first = Pretraining.Run(options with { Out = folder["first"] }).RunFolder;
        foreach (int epochs in (int[])[0, 1])
        {
            string second = Pretraining.Run(options with { Seed = 1, Epochs = epochs, Init = first, Out = folder[$"second {epochs}"] }).RunFolder;
            string warning = Assert.Single(Warnings($"third {epochs}", options with { Seed = 1, Init = second })); // which holds the same out as the second
            Assert.StartsWith($"The weights of --init go back to '{first}', a run that may have been trained on", warning, StringComparison.Ordinal);
            Assert.Empty(Warnings($"as the first {epochs}", options with { Init = Pretraining.Run(options with { Epochs = epochs, Init = first, Out = folder[$"again {epochs}"] }).RunFolder }));
        }
    }

    [Fact]
    public void Run_ImagesToTestWith_AreWarnedOfWhereTheFirstRunLearntFromThem()
    {
        foreach (string set in (string[])["a", "b"])
            for (int i = 0; i < 40; i++) folder.Write($"{set}/class {i % 2}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, set == "a" ? 21 : 22));
        var options = SmallRun.Options with { Limit = null, Epochs = 1, Batch = 16, Data = folder["a"] };
        string first = Pretraining.Run(options with { Out = folder["first"] }).RunFolder;
        var other = options with { Data = folder["b"], Init = first };

        Assert.Single(Warnings("learnt from", other with { Test = folder["a"] }));
        Assert.Empty(Warnings("others", other));
        Assert.Empty(Warnings("apart", options with { Init = first, Test = folder["b"] }));
        string list = folder.Write("tests.csv", string.Concat(Enumerable.Range(0, 10).Select(i => $"a/class {i % 2}/{i:00}.jpg,class {i % 2}\n")));
        Assert.Single(Warnings("of its own", options with { Init = first, Test = list }));
    }

    /// <summary>A classifier has learnt what it was not tested with, which need not be what its run held out, nor what that run learnt.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // of weights as they are
    public void Run_FromAClassifier_IsWarnedOfWhereItLearntTheClassesOfWhatIsTested(bool runTrains)
    {
        for (int i = 0; i < 60; i++)
            folder.Write($"{(i < 40 ? "run" : "tests")}/class {i % 2}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 21));
        var options = SmallRun.Options with { Limit = null, Epochs = 1, Batch = 16, Data = folder["run"] };
        string run = Pretraining.Run(options with { Out = folder["run of all"] }).RunFolder;
        if (!runTrains)
        {
            string copy = folder.Write("copy.safetensors", File.ReadAllBytes(Path.Combine(run, "encoder.safetensors"))); // which nobody knows the run of
            run = Pretraining.Run(options with { Epochs = 0, Init = copy, Out = folder["run of none"] }).RunFolder;
        }
        string Classifier(string name, string? test) => FineTune.Run(new FineTuneOptions
        {
            Run = run,
            Test = test,
            LabelFractions = [1],
            Draws = 1,
            Epochs = 1,
            Scratch = false,
            Device = "cpu",
            Out = Path.Combine(run, name),
        }).ClassifierFile;

        Assert.Empty(Warnings("same", options with { Init = Classifier("own", null) }));
        Assert.Contains("and on their classes", Assert.Single(Warnings("learnt", options with { Init = Classifier("with others", folder["tests"]) })), StringComparison.Ordinal);
    }

    private List<string> Warnings(string name, PretrainOptions options)
    {
        List<string> warnings = [];
        Pretraining.Run(options with { Out = folder[name] }, SmallRun.Noted(warnings));
        return [.. warnings.Where(warning => warning.StartsWith("The weights of --init ", StringComparison.Ordinal) && warning.Contains("may have been trained on", StringComparison.Ordinal))];
    }
}
