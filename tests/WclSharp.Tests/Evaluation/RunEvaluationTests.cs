using WclSharp.Evaluation;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Evaluation;

public sealed class RunEvaluationTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-evaluate-").FullName;
    private readonly string run;

    public RunEvaluationTests()
    {
        run = Path.Combine(folder, "run");
        Pretraining.Run(SmallRun.Options with { Limit = 500, Epochs = 1, Out = run });
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private RunEvaluationOptions Options => new() { Run = run, Device = "cpu", Linear = true };

    [Fact]
    public void Run_Linear_ChoosesRateAndDecayOnAFifthOfTheTrainingLabels_UnlessTheyAreGiven()
    {
        var chosen = RunEvaluation.Run(Options).Linear!;
        Assert.InRange(chosen.ValidationImages, 70, 80); // of 400, a fifth of each class, rounded down
        var again = RunEvaluation.Run(Options with { LinearLearningRate = chosen.Settings.LearningRate, LinearWeightDecay = chosen.Settings.WeightDecay }).Linear!;
        Assert.Equal((chosen.Settings, 0, chosen.Top1), (again.Settings, again.ValidationImages, again.Top1));
        var usual = RunEvaluation.Run(Options with { LinearLearningRate = 0.2 }).Linear!;
        Assert.Equal((new LinearProbeSettings(), 0), (usual.Settings, usual.ValidationImages));
        var ofDecay = RunEvaluation.Run(Options with { LinearWeightDecay = 0.01 }).Linear!;
        Assert.Equal((0.01, chosen.ValidationImages), (ofDecay.Settings.WeightDecay, ofDecay.ValidationImages)); // the rate alone is chosen
    }

    [Fact]
    public void Run_AnyLinearOption_TrainsAClassifier()
    {
        var options = Options with { Linear = false };
        Assert.Null(RunEvaluation.Run(options).Linear);
        Assert.Equal(0.2, RunEvaluation.Run(options with { LinearLearningRate = 0.2 }).Linear!.Settings.LearningRate);
        Assert.Equal(0.001, RunEvaluation.Run(options with { LinearWeightDecay = 0.001 }).Linear!.Settings.WeightDecay);
        Assert.NotNull(RunEvaluation.Run(options with { LinearConfusion = true }).Linear!.Confusion);
        Assert.Contains("--knn-k is 0", Assert.Throws<WclUsageException>(() => RunEvaluation.Run(options with { KnnK = 0 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_MoreNeighboursThanImages_TakesAll_AndSaysSo()
    {
        List<string> warnings = [];
        var told = new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        });
        Assert.Equal(400, RunEvaluation.Run(Options with { Linear = false, KnnK = 500 }, told).KnnK);
        Assert.Contains("--knn-k 500 is more than the 400 training images that have a class: all of them vote.", warnings);
        warnings.Clear();
        RunEvaluation.Run(Options with { Linear = false, KnnK = 400 }, told);
        Assert.DoesNotContain(warnings, warning => warning.StartsWith("--knn-k", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_LinearAugmented_TrainsOnOtherViewsEachEpoch_TheSameForTheSameSeed()
    {
        var options = Options with { LinearLearningRate = 0.2, LinearAugmented = true, LinearConfusion = true };
        var plain = RunEvaluation.Run(options with { LinearAugmented = false }).Linear!;
        List<long> done = [];
        var augmented = RunEvaluation.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is not RunProgress.Working { Stage: "Training a linear classifier on random crops, images" } working) return;
            Assert.Equal(80 * 400, working.Total);
            done.Add(working.Done);
        })).Linear!;
        Assert.Equal((0, 128, 80 * 400), (done[0], done[1], done[^1])); // within an epoch too
        Assert.Equal(done.Order(), done);
        Assert.True(augmented.Augmented);
        Assert.False(plain.Augmented);
        Assert.NotEqual(Counts(plain), Counts(augmented));
        Assert.True(augmented.Top1 > 0.25, $"{augmented.Top1}"); // chance is 0.1
        Assert.Equal(Counts(augmented), Counts(RunEvaluation.Run(options).Linear!));
        Assert.Contains("random crops and flips", LinearProbe.Protocol(augmented.Settings, augmented.Augmented, augmented.ValidationImages), StringComparison.Ordinal);
    }

    private static IEnumerable<long> Counts(LinearProbeResult probe) => probe.Confusion!.Counts.SelectMany(row => row);

    [Fact]
    public void Run_AProbeThatDiverges_HasNoAccuracy_AndMoreNeighboursThanThereAreDoNotVote()
    {
        var error = Assert.Throws<DivergedException>(() => RunEvaluation.Run(Options with { LinearLearningRate = 2, LinearWeightDecay = 100 }));
        Assert.Contains("diverges with learning rate 2 (--linear-lr) and weight decay 100 (--linear-decay)", error.Message, StringComparison.Ordinal);

        var result = RunEvaluation.Run(Options with { KnnK = 1000, LinearLearningRate = 0.2 });
        Assert.Equal((400, 400L), (result.KnnK, result.TrainImages));
        Assert.Null(result.Linear!.Confusion); // not asked for
    }

    [Fact]
    public void Run_ValuesOutOfRange_AreRefused()
    {
        Assert.Contains("--linear-lr is 0;", Assert.Throws<WclUsageException>(() => RunEvaluation.Run(Options with { LinearLearningRate = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("--linear-decay is -1;", Assert.Throws<WclUsageException>(() => RunEvaluation.Run(Options with { LinearWeightDecay = -1 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FewLabels_CountsThoseThatVoteAndAreClassified_AndWarnsOfImagesThatWerePretrainedOn()
    {
        string photos = Path.Combine(folder, "photos"), list = Path.Combine(folder, "labels.csv"), unlabelled = Path.Combine(folder, "unlabelled");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 60; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        Pretraining.Run(SmallRun.Options with { Data = photos, Limit = null, Batch = 16, Epochs = 1, Out = unlabelled });
        File.WriteAllLines(list, Enumerable.Range(0, 40).Select(i => $"{i:D2}.png,class {i % 2}"));
        List<string> warnings = [];
        var features = new Dictionary<string, long?>();
        var result = RunEvaluation.Run(Options with { Run = unlabelled, Labels = list, Linear = false }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working) features[working.Stage] = working.Total;
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        }));
        Assert.Equal(40, result.TrainImages + result.TestImages);
        Assert.Equal((result.TrainImages, result.TestImages), (features["Computing features of training images"], features["Computing features of test images"])); // not of the 20 others
        Assert.Contains(warnings, warning => warning.Contains("pretrained on some or all of them", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_TestImagesOfTheDataThatWasPretrainedOn_AreWarnedOf()
    {
        string photos = Path.Combine(folder, "sets"), whole = Path.Combine(folder, "whole");
        foreach (string part in (string[])["train", "test"])
            for (int i = 0; i < 40; i++)
            {
                string file = Path.Combine(photos, part, $"class {i % 2}", $"{i:D2}.png");
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                File.WriteAllBytes(file, Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, part.Length));
            }
        Pretraining.Run(SmallRun.Options with { Data = photos, Limit = null, Batch = 16, Epochs = 1, Out = whole });
        List<string> warnings = [];
        RunEvaluation.Run(Options with { Run = whole, Data = Path.Combine(photos, "train"), Test = Path.Combine(photos, "test"), Linear = false }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.Contains("are of the data that the run was pretrained on", StringComparison.Ordinal));

        // A list of some of them beside the folder: they do not vote, but the encoder has seen them.
        warnings.Clear();
        string list = Path.Combine(folder, "list.csv");
        File.WriteAllText(list, string.Concat(Enumerable.Range(0, 10).Select(i => $"sets/{(i < 5 ? "test" : "train")}/class {i % 2}/{i:D2}.png,{(i < 5 ? "test" : "train")}\n")));
        var listed = RunEvaluation.Run(Options with { Run = whole, Test = list, Linear = false }, SmallRun.Noted(warnings));
        Assert.Equal((70, 10), (listed.TrainImages, listed.TestImages));
        Assert.Contains($"10 of the images of --test {list} are the run's own: it was pretrained on them, without their classes, so accuracies may be a little too high; name images that it has not seen where that matters.", warnings);

        // A run that left them out has not seen them, nor a part of them; others it has.
        string apart = Path.Combine(folder, "apart"), some = Path.Combine(folder, "part.csv"), more = Path.Combine(folder, "more.csv");
        Pretraining.Run(SmallRun.Options with { Data = photos, Test = list, Limit = null, Batch = 16, Epochs = 1, Out = apart });
        File.WriteAllLines(some, File.ReadAllLines(list).Skip(2).Take(6));
        File.WriteAllLines(more, [.. File.ReadAllLines(list), "sets/test/class 0/20.png,test", "sets/train/class 1/21.png,train"]);
        foreach (var (tests, told) in ((string, string?)[])[(list, null), (some, null), (more, "2 of the images of --test")])
        {
            warnings.Clear();
            RunEvaluation.Run(Options with { Run = apart, Test = tests, Linear = false }, SmallRun.Noted(warnings));
            if (told is null) Assert.DoesNotContain(warnings, warning => warning.Contains("pretrained", StringComparison.Ordinal));
            else Assert.Contains(warnings, warning => warning.StartsWith(told, StringComparison.Ordinal));
        }
        // The list names others than it did: nobody knows what was learnt.
        File.Copy(more, list, overwrite: true);
        warnings.Clear();
        RunEvaluation.Run(Options with { Run = apart, Linear = false }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.Contains("so it may have been pretrained on some of the present test images", StringComparison.Ordinal));
        File.WriteAllText(list, string.Concat(Enumerable.Range(0, 80).Select(i => $"sets/{(i < 40 ? "test" : "train")}/class {i % 2}/{i % 40:D2}.png,{(i < 40 ? "test" : "train")}\n")));
        Assert.Contains("and none is left to train on", Assert.Throws<WclUsageException>(() => RunEvaluation.Run(Options with { Run = whole, Test = list, Linear = false })).Message, StringComparison.Ordinal);


        // A part of what it was pretrained on, of which some is held out.
        warnings.Clear();
        RunEvaluation.Run(Options with { Run = whole, Data = Path.Combine(photos, "train"), Linear = false }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.Contains("pretrained on some or all of them", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_TestImagesOfAClassWithoutALabel_CountAsWrong_AndAreToldOf()
    {
        string photos = Plain("two", classes: 2, each: 20), tests = Plain("three", classes: 3, each: 10), told = Plain("told", classes: 2, each: 10), two = Path.Combine(folder, "of two");
        List<string> warnings = [];
        var progress = SmallRun.Noted(warnings);
        const string Warning = "10 of the 30 labelled test images count as wrong: no labelled training image is of their class (class 2),";
        var trained = Pretraining.Run(SmallRun.Options with { Data = photos, Test = tests, Limit = null, Batch = 16, Epochs = 1, Precision = ComputePrecision.Fp32, Out = two }, progress).Summary;
        Assert.Contains(warnings, warning => warning.StartsWith(Warning, StringComparison.Ordinal));
        warnings.Clear();
        var options = Options with { Run = two, LinearConfusion = true, LinearLearningRate = 0.2 };
        var result = RunEvaluation.Run(options, progress);
        Assert.Contains(warnings, warning => warning.StartsWith(Warning, StringComparison.Ordinal));
        var without = RunEvaluation.Run(options with { Data = photos, Test = told });

        Assert.Equal((30, 20), (result.TestImages, without.TestImages));
        Assert.InRange(without.Knn, 0.1, 1);
        Assert.Equal(20 * without.Knn, 30 * result.Knn, 6);
        Assert.Equal(result.Knn, result.KnnBalancedAccuracy, 9); // as many images of each class
        Assert.Equal("fp32", result.Precision);
        Assert.Equal(20 * without.Knn, 30 * trained.Knn!.Value, 6);
        Assert.Equal(20 * without.Linear!.Top1, 30 * result.Linear!.Top1, 6);
        Assert.Equal(without.Linear.PerClass.Append(new ClassAccuracy { Name = "class 2", Images = 10, Accuracy = 0 }), result.Linear.PerClass);
        var confusion = result.Linear.Confusion!;
        Assert.Equal(["class 0", "class 1", "class 2"], confusion.ClassNames);
        Assert.Equal([10, 10, 10], confusion.Counts.Select(row => row.Sum()));
        Assert.All(confusion.Counts, row => Assert.Equal(0, row[2]));
    }

    /// <summary>Images of one colour, which says much of their class, as folders.</summary>
    private string Plain(string name, int classes, int each)
    {
        for (int i = 0; i < classes * each; i++)
        {
            string file = Path.Combine(folder, name, $"class {i % classes}", $"{i}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            using var picture = new SkiaSharp.SKBitmap(16, 16);
            picture.Erase(new SkiaSharp.SKColor((byte)(100 * (i % classes) + i / classes), (byte)(5 * (i / classes)), (byte)each)); // the same ones in sets of as many each
            using var stream = File.Create(file);
            picture.Encode(stream, SkiaSharp.SKEncodedImageFormat.Png, 100);
        }

        return Path.Combine(folder, name);
    }

    [Fact]
    public void Run_OfARunThatDidNotEnd_NamesTheEpochOfItsWeights()
    {
        string stopped = Path.Combine(folder, "stopped");
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Pretraining.Run(SmallRun.Options with { Epochs = 3, Out = stopped }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.EpochDone { Metrics.Epoch: 1 }) cancellation.Cancel();
        }), cancellation.Token));
        File.AppendAllText(Path.Combine(stopped, "metrics.jsonl"), "{\"epoch\":2}\n"); // as if it had been killed before the second epoch's checkpoint
        Assert.Equal(1, RunEvaluation.Run(Options with { Run = stopped, Linear = false }).Epoch);
    }
}
