using WclSharp.FineTuning;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>Images with and without labels: which are trained on, and which are tested with.</summary>
public sealed class FineTuneLabelTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-").FullName;
    private readonly string run;

    public FineTuneLabelTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private static FineTuneResult Run(FineTuneOptions options) => FineTune.Run(options);

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(64, 3, 3)]
    [InlineData(65, 3, 4)]
    [InlineData(64, int.MaxValue, int.MaxValue)]
    [InlineData(65, 2_114_445_437, int.MaxValue)]
    [InlineData(20, null, FineTuneRecipe.LeastSteps)]
    [InlineData(9_600, null, 3_000)]
    public void StepsFor_IsWhatThePassesTake(int labels, int? epochs, int steps) => Assert.Equal(steps, FineTuneRecipe.StepsFor(labels, epochs));

    [Fact]
    public void Run_MoreStepsThanCanBeCounted_IsRefusedBeforeAnythingIsComputed()
    {
        List<string> stages = [];
        var error = Assert.Throws<WclUsageException>(() => FineTune.Run(Options with { LabelsPerClass = [2, 7], Epochs = int.MaxValue }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working) stages.Add(working.Stage);
        })));
        Assert.Equal("--epochs 2147483647 over 70 labels is 2,348,810,239 steps of 64 images, more than 2,147,483,647; use 1963413620 or fewer.", error.Message);
        Assert.DoesNotContain(stages, stage => stage.StartsWith("Computing features", StringComparison.Ordinal));
        FineTuneRecipe.StepsFor(70, 1_963_413_620);
        Assert.Throws<WclUsageException>(() => FineTuneRecipe.StepsFor(70, 1_963_413_621));
    }

    [Fact]
    public void Run_AListWithOneImageOfEachClass_TrainsOnAllOfThem_AndSaysThatNoneAreLeftToTestWith()
    {
        string photos = Path.Combine(folder, "photos"), list = Path.Combine(folder, "labels.csv");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 40; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        File.WriteAllLines(list, Enumerable.Range(0, 10).Select(i => $"{i:D2}.png,class {i}"));
        var options = Options with { Data = photos, Labels = list, LabelsPerClass = [], Draws = 1, Scratch = false, Epochs = 1, Out = Path.Combine(folder, "listed") };
        Assert.Contains("no labelled test images beside those that", Assert.Throws<WclUsageException>(() => Run(options)).Message, StringComparison.Ordinal);

        File.AppendAllLines(list, Enumerable.Range(10, 20).Select(i => $"{i:D2}.png,class {i % 10}"));
        List<string> warnings = [];
        var result = FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        }));
        Assert.Equal(30, result.Rows.Single().Labels + result.TestImages);
        Assert.Contains(warnings, warning => warning.StartsWith($"{result.TestImages} test images are too few", StringComparison.Ordinal));

        // More labels are another study, which is said before anything that is known of its images.
        File.AppendAllLines(list, Enumerable.Range(30, 5).Select(i => $"{i:D2}.png,class {i % 10}"));
        warnings.Clear();
        var refused = Assert.Throws<WclUsageException>(() => FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        })));
        Assert.Matches($@"something else: training images \({result.Rows.Single().Labels} with a class there, 2\d now\); test images \({result.TestImages} with a class there, \d+ now\)\. Name", refused.Message);
        Assert.Empty(warnings);
        File.WriteAllLines(list, File.ReadAllLines(list).Take(30));

        // The same where the images are themselves a list, of which some rows have a class.
        string rows = Path.Combine(folder, "rows.csv");
        File.WriteAllLines(rows, Enumerable.Range(0, 40).Select(i => $"photos/{i:D2}.png,{(i < 30 ? $"class {i % 10}" : "")}"));
        var partly = Run(options with { Data = rows, Labels = null, Out = Path.Combine(folder, "partly") });
        Assert.Equal(30, partly.Rows.Single().Labels + partly.TestImages);

        // And where the list is the run's own.
        string own = Path.Combine(folder, "own");
        Pretraining.Run(SmallRun.Options with { Data = photos, Labels = list, Limit = null, Batch = 8, Epochs = 1, Out = own });
        var listed = Run(options with { Run = own, Data = null, Labels = null, Out = Path.Combine(folder, "of own") });
        Assert.Equal(30, listed.Rows.Single().Labels + listed.TestImages);
    }

    [Fact]
    public void Run_TestImagesOfAClassThatIsNotAmongTheLabels_CountAsWrong_AndAreToldOf()
    {
        string photos = Path.Combine(folder, "photos"), list = Path.Combine(folder, "labels.csv");
        for (int i = 0; i < 40; i++) Save(Path.Combine(photos, "train", $"{i:D2}.png"), i);
        for (int i = 0; i < 30; i++)
            foreach (string tests in (string[])(i % 3 < 2 ? ["told", "all"] : ["all"])) Save(Path.Combine(photos, tests, $"class {i % 3}", $"{i:D2}.png"), 50 + i);
        File.WriteAllLines(list, Enumerable.Range(0, 20).Select(i => $"{i:D2}.png,class {i % 2}"));
        List<string> warnings = [];
        FineTuneRow Row(string tests) => FineTune.Run(Options with
        {
            Data = Path.Combine(photos, "train"),
            Labels = list,
            Test = Path.Combine(photos, tests),
            LabelsPerClass = [],
            Draws = 1,
            Scratch = false,
            Epochs = 1,
            Out = Path.Combine(folder, $"study of {tests}"),
        }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        })).Rows.Single();

        var told = Row("told");
        Assert.DoesNotContain(warnings, warning => warning.Contains("count as wrong", StringComparison.Ordinal));
        var all = Row("all");
        Assert.Contains(warnings, warning => warning.StartsWith("10 of the 30 labelled test images count as wrong: no labelled training image is of their class (class 2),", StringComparison.Ordinal));
        foreach (var accuracy in (Func<FineTuneRow, double>[])[row => row.FinetuneMean, row => row.KnnMean, row => row.LinearMean]) Assert.Equal(20 * accuracy(told), 30 * accuracy(all), 6);
        Assert.InRange(told.LinearMean, 0.1, 1);
        Assert.Equal(told.FinetuneMean, told.FinetuneBalancedAccuracy!.Value, 9); // ten images of each class
        foreach (var overClasses in (Func<FineTuneRow, double?>[])[row => row.FinetuneBalancedAccuracy, row => row.KnnBalancedAccuracy, row => row.LinearBalancedAccuracy])
            Assert.Equal(2 * overClasses(told)!.Value, 3 * overClasses(all)!.Value, 6); // a class more, of which none is right

        static void Save(string file, int i)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        }
    }
}
