using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

public sealed class FineTuneTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-").FullName;
    private readonly List<string> stages = [], numbers = [];
    private readonly Dictionary<string, (long Done, long? Total)> steps = []; // the last of each stage
    private long featuresOfTraining;
    private readonly string run;

    public FineTuneTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private FineTuneResult Run(FineTuneOptions options) => FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
    {
        if (report is not RunProgress.Working working) return;
        string[] parts = working.Stage.Split(" (training ");
        if (!stages.Contains(parts[0])) stages.Add(parts[0]);
        steps[parts[0]] = (working.Done, working.Total);
        if (parts.Length > 1 && !numbers.Contains(parts[1])) numbers.Add(parts[1]);
        if (working.Stage == "Computing features of training images") featuresOfTraining = working.Total ?? 0;
    }));

    [Fact]
    public void Run_Stopped_GoesOnWithWhatIsMissing_AndEndsWithTheSameFigures()
    {
        var whole = Run(Options with { Out = Path.Combine(folder, "whole") });
        using var stop = new CancellationTokenSource();
        string halves = Path.Combine(folder, "halves");
        Assert.Throws<OperationCanceledException>(() => FineTune.Run(Options with { Out = halves }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: "From scratch, 20 labels, draw 2 of 2 (training 4 of 4)" }) stop.Cancel();
        }), stop.Token));
        Assert.InRange(featuresOfTraining, 20, 40); // of two draws of 20, not of all 320
        Assert.Contains("Linear classifier, 20 labels, draw 2 of 2, epochs", stages);
        stages.Clear();
        numbers.Clear();
        var resumed = Run(Options with { Out = halves });

        Assert.DoesNotContain("Fine-tuning, 20 labels, draw 1 of 2", stages);
        Assert.Contains("Fine-tuning, 20 labels, draw 2 of 2", stages);
        Assert.Equal(["1 of 2)", "2 of 2)"], numbers); // what is left
        Assert.Equal(whole.Rows, resumed.Rows);
        Assert.Equal(SmallRun.HashOfFile(whole.ClassifierFile), SmallRun.HashOfFile(resumed.ClassifierFile));
        var row = Assert.Single(whole.Rows);
        Assert.Equal((20, 2), (row.Labels, row.Draws));
        bool same = Draws(whole.Folder).Select(draw => draw.GetProperty("finetune").GetDouble()).Distinct().Count() == 1; // by chance, on some numbers of threads
        Assert.Equal(same, row.FinetuneCi95 is null);
        Assert.Equal(0, row.ValidationLabels); // too few
        Assert.True(new FileInfo(whole.PlotFile).Length > 5000);
        Assert.Equal(80, whole.TestImages);
        Assert.Equal(whole.Rows[0].FinetuneMean - whole.Rows[0].ScratchMean!.Value, whole.Rows[0].ScratchDifference!.Value, 9);
    }

    [Fact]
    public void Run_KnnAndLinear_AreThoseOfTheFrozenEncoder_OnTheLabelsDrawn()
    {
        // In bfloat16 other batches round otherwise, which may turn an image.
        string config = Path.Combine(run, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        json["precision"] = "fp32";
        File.WriteAllText(config, json.ToJsonString());
        var row = Assert.Single(Run(Options with { LabelsPerClass = [4], Epochs = 1, Scratch = false }).Rows);

        var trained = RunFolder.ReadConfig(run);
        using var data = RunData.Read(trained, RunData.Asked(trained, null, null, null), null, default);
        using var encoder = ImageEncoder.Load(run);
        var truth = data.HeldOut!.Labels.ToArray();
        using var queries = FeatureExtractor.Extract(encoder, data.HeldOut, "test images", null, default);
        List<double> knn = [], linear = [];
        foreach (int draw in (int[])[0, 1])
        {
            int[] drawn = LabelDraw.Of(data.Train.Labels, 10, new LabelBudget(null, 4), trained.Seed, draw);
            using var labelled = data.Train.Subset(drawn);
            using var gallery = FeatureExtractor.Extract(encoder, labelled, "training images", null, default);
            knn.Add(new KnnClassifier(gallery, labelled.Labels.ToArray(), 10, 20).Accuracy(queries, truth));
            linear.Add(LinearProbe.Measure(gallery, labelled, queries, data.HeldOut, trained.Seed, null, default)!.Top1);
        }
        Assert.NotEqual(knn, linear);
        Assert.All([.. knn, .. linear], accuracy => Assert.InRange(accuracy, 0.11, 0.9)); // of ten classes, by an encoder of one epoch
        Assert.Equal(knn.Average(), row.KnnMean, 12);
        Assert.Equal(linear.Average(), row.LinearMean, 12);
    }

    [Fact]
    public void Run_OtherOptionsInTheSameFolder_IsRefused()
    {
        Run(Options with { Draws = 1, Scratch = false });
        var error = Assert.Throws<WclUsageException>(() => Run(Options with { Draws = 1, EncoderLearningRate = 1, HeadLearningRate = 0.2, Seed = 5 }));
        Assert.Contains("holds results of something else: --seed (0 there, 5 now); training from scratch (false there, true now); --lr (not given there, 1 now); --head-lr (0.1 there, 0.2 now). Name",
            error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("images", error.Message, StringComparison.Ordinal);
        // More draws and more labels are more of the same.
        Assert.Equal(2, Run(Options with { Scratch = false, LabelsPerClass = [2, 4] }).Rows.Count);
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

    [Fact]
    public void Run_AllLabels_LearnsMoreThanChance_AndTheClassifierNamesClasses()
    {
        var result = Run(Options with { LabelsPerClass = [], LabelFractions = [1], Draws = 1, FromHead = true, Epochs = 30 });
        var row = Assert.Single(result.Rows);
        Assert.Equal((1.0, 320), (row.Fraction, row.Labels));
        Assert.InRange(row.FinetuneMean, 0.5, 1); // ten classes
        Assert.InRange(row.ScratchMean!.Value, 0.4, 1);
        Assert.Null(row.FinetuneCi95);
        var kept = result.Classifier!;
        Assert.Equal((320, row.FinetuneMean, 10), (kept.Labels, kept.Accuracy, kept.Classes.Count));
        Assert.Equal((80L, 80L, 80L), (kept.Classes.Sum(each => each.Images), kept.Classes.Sum(each => each.Labelled), kept.Classes.Sum(each => each.LabelledPredicted)));
        Assert.Equal(row.FinetuneMean, kept.Classes.Sum(each => each.Correct) / 80.0);
        Assert.Equal(row.FinetuneBalancedAccuracy!.Value, kept.Classes.Average(each => each.Recall!.Value), 12);
        var again = Run(Options with { LabelsPerClass = [], LabelFractions = [1], Draws = 1, FromHead = true, Epochs = 30 }); // out of what was written
        Assert.Equal(kept.Classes, again.Classifier!.Classes);

        using var content = SafetensorsFile.Read(result.ClassifierFile);
        Assert.Equal([10, 16], content.Tensors["fc.weight"].shape);
        Assert.Contains("head.bn1.running_mean", content.Tensors.Keys);
        using var classifier = ImageClassifier.Load(result.ClassifierFile);
        Assert.Equal(10, classifier.ClassNames.Count);
        string image = Path.Combine(folder, "plain.jpg");
        File.WriteAllBytes(image, Data.ImageFiles.Jpeg(28, 28));
        var classes = classifier.Classify(image);
        Assert.Equal(1, classes.Sum(each => each.Probability), 4);
        Assert.Equal(classes.OrderByDescending(each => each.Probability), classes);
        foreach (var many in classifier.Classify([image, image]).Concat(classifier.Classify([(ReadOnlyMemory<byte>)File.ReadAllBytes(image)])))
        {
            Assert.Equal(classes.Select(each => each.Class), many.Select(each => each.Class));
            Assert.All(classes.Zip(many), pair => Assert.Equal(pair.First.Probability, pair.Second.Probability, 1e-4f));
        }

        var error = Assert.Throws<WclUsageException>(() => ImageClassifier.Load(Path.Combine(run, "encoder.safetensors")));
        Assert.Contains("holds an encoder but no classifier", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_EnoughLabels_ChoosesTheRates_InTheFirstDrawForAll()
    {
        string larger = Path.Combine(folder, "larger"), chosen = Path.Combine(folder, "chosen");
        Pretraining.Run(SmallRun.Options with { Limit = 600, Width = 8, Epochs = 1, Out = larger });
        var options = Options with { Run = larger, LabelsPerClass = [25], Epochs = 2 };
        Run(options with { Out = chosen });
        foreach (string rate in (string[])["0.01", "0.03", "0.1"]) Assert.Contains($"Fine-tuning, 250 labels, draw 1 of 2, choosing, rate {rate}", stages);
        foreach (string rate in (string[])["0.1", "0.03", "0.3"]) Assert.Contains($"From scratch, 250 labels, draw 1 of 2, choosing, rate {rate}", stages);
        Assert.All(steps.Where(stage => stage.Key.Contains("choosing", StringComparison.Ordinal)), stage => Assert.Equal((7, 7), stage.Value)); // two passes over the 200 labels that are not chosen by; over all it takes 8
        foreach (int draw in (int[])[1, 2]) Assert.Contains($"Fine-tuning, 250 labels, draw {draw} of 2", stages); // on all of them
        Assert.Contains("From scratch, 250 labels, draw 2 of 2", stages);
        Assert.Equal(Enumerable.Range(1, 10).Select(training => $"{training} of 10)"), numbers); // two rates' three, and two networks of two draws
        var draws = Draws(chosen);
        foreach (string choice in (string[])["lr", "scratch_lr", "stop_at", "scratch_stop_at"]) Assert.Single(draws.Select(draw => draw.GetProperty(choice).GetDouble()).Distinct());
        Assert.InRange(draws[0].GetProperty("stop_at").GetDouble(), 0.1, 1);
        Assert.Equal([50, 50], draws.Select(draw => draw.GetProperty("validation_labels").GetInt32())); // of 250

        stages.Clear();
        string asked = Path.Combine(folder, "asked");
        Run(options with { Draws = 1, EncoderLearningRate = draws[0].GetProperty("lr").GetDouble(), Scratch = false, Out = asked });
        Assert.Single(stages, stage => stage.Contains("rate", StringComparison.Ordinal)); // when to stop is still to be chosen
        Assert.Equal(draws[0].GetProperty("finetune").GetDouble(), Draws(asked)[0].GetProperty("finetune").GetDouble()); // the network chosen is the one that is measured
    }

    [Fact]
    public void Run_ALaterDraw_StopsWhereTheFirstOneChoseTo()
    {
        Run(Options with { Draws = 1 });
        Assert.Equal((7, 7), steps["Fine-tuning, 20 labels, draw 1 of 1"]);
        string file = Path.Combine(run, "finetune", "draws.jsonl");
        var first = JsonNode.Parse(File.ReadAllText(file))!;
        (first["stop_at"], first["scratch_stop_at"]) = (0.4, 0.7); // as if there had been labels to choose by
        File.WriteAllText(file, first.ToJsonString() + "\n");
        Run(Options);
        Assert.Equal(((3, 3), (5, 5)), (steps["Fine-tuning, 20 labels, draw 2 of 2"], steps["From scratch, 20 labels, draw 2 of 2"]));
    }

    [Fact]
    public void Run_TheHeadsRate_IsNoneOfTheNetworkFromScratch()
    {
        FineTuneRow Row(double rate) => Run(Options with { Draws = 1, HeadLearningRate = rate, Out = Path.Combine(folder, $"head {rate}") }).Rows.Single();
        FineTuneRow fast = Row(0.1), still = Row(0);
        Assert.Equal((fast.ScratchMean, fast.ScratchBalancedAccuracy), (still.ScratchMean, still.ScratchBalancedAccuracy));
        Assert.NotEqual((fast.FinetuneMean, fast.FinetuneBalancedAccuracy), (still.FinetuneMean, still.FinetuneBalancedAccuracy));
    }

    [Fact]
    public void Run_NoRateThatWorks_IsAnError()
    {
        var error = Assert.Throws<DivergedException>(() => Run(Options with { LabelsPerClass = [25], Epochs = 2, Draws = 1, ScratchLearningRate = 1e30, Out = Path.Combine(folder, "none") }));
        Assert.EndsWith("lower --scratch-lr.", error.Message, StringComparison.Ordinal);
        Assert.Contains("it must be within float32's range", Assert.Throws<WclUsageException>(() => Run(Options with { HeadLearningRate = 1e39 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AFailureThatIsNoDivergence_IsNoRateThatIsTooHigh()
    {
        var options = Options with { LabelsPerClass = [25], Epochs = 1, Draws = 1, Scratch = false };
        var error = Assert.Throws<WclException>(() => FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working && working.Stage.Contains("choosing, rate 0.01", StringComparison.Ordinal)) throw new WclException("The disk is full.");
        })));
        Assert.Equal("The disk is full.", error.Message);
    }

    [Fact]
    public void Run_StartsFromTheRunsEncoder_AndWithFromHeadFromTheHeadsFirstLayer()
    {
        // At a rate of 0 a network ends with what it started from.
        var result = Run(Options with { Draws = 1, Scratch = false, Epochs = 1, EncoderLearningRate = 0, HeadLearningRate = 0, FromHead = true });
        using SafetensorsContent classifier = SafetensorsFile.Read(result.ClassifierFile), encoder = SafetensorsFile.Read(Path.Combine(run, "encoder.safetensors")),
            heads = SafetensorsFile.Read(CheckpointStore.HeadsFile(new CheckpointStore(Path.Combine(run, "checkpoints")).Last!));
        string[] weights = [.. encoder.Tensors.Keys.Where(name => name.EndsWith(".weight", StringComparison.Ordinal))];
        Assert.Contains("layer4.1.conv2.weight", weights);
        Assert.All(weights, name => Assert.Equal(Values(encoder[name]), Values(classifier[name])));
        foreach (string name in (string[])["linear1.weight", "linear1.bias", "bn1.weight"]) Assert.Equal(Values(heads[$"instance_head.{name}"]), Values(classifier[$"head.{name}"]));
        foreach (string name in (string[])["fc.weight", "fc.bias"]) Assert.DoesNotContain(Values(classifier[name]), value => value != 0); // the scores start even

        static float[] Values(torch.Tensor tensor) => tensor.data<float>().ToArray();
    }

    [Fact]
    public void Run_FromHeadWithoutCheckpoint_IsRefusedBeforeAnythingIsComputed()
    {
        string moved = Path.Combine(folder, "moved checkpoints"), checkpoints = Path.Combine(run, "checkpoints");
        Directory.Move(checkpoints, moved);
        try
        {
            Assert.StartsWith("--from-head needs the checkpoint", Assert.Throws<WclUsageException>(() => Run(Options with { FromHead = true })).Message, StringComparison.Ordinal);
            Assert.DoesNotContain(stages, stage => stage.StartsWith("Linear", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Move(moved, checkpoints);
        }
    }

    [Fact]
    public void Run_RateFromScratchThatNothingUses_IsNoSetting()
    {
        var options = Options with { LabelsPerClass = [1], Draws = 1, Scratch = false, Epochs = 1 };
        Run(options with { ScratchLearningRate = 0.3 });
        Assert.Single(Run(options).Rows); // goes on with the same
    }

    [Fact]
    public void Run_AllLabels_AreMeasuredOnFrozenFeaturesOnce()
    {
        var row = Assert.Single(Run(Options with { LabelsPerClass = [], LabelFractions = [1], EncoderLearningRate = 0.01, Scratch = false, Epochs = 1 }).Rows);
        Assert.Equal((320, 2), (row.Labels, row.Draws));
        Assert.Equal(["Linear classifier, 320 labels, draw 1 of 2, epochs"], stages.Where(stage => stage.StartsWith("Linear", StringComparison.Ordinal)));
        string[] lines = [.. File.ReadLines(Path.Combine(run, "finetune", "draws.jsonl"))];
        Assert.Single(lines.Select(line => (double)JsonNode.Parse(line)!["linear"]!).Distinct());
    }

    [Fact]
    public void Run_LeavesNoTensorBehind()
    {
        var options = Options with { Draws = 1, Epochs = 2 };
        Run(options with { Out = Path.Combine(folder, "first") });
        LiveTensors.AssertNoneLeftBy(() => Run(options with { Out = Path.Combine(folder, "second") }));
    }

    [Theory]
    [InlineData("A share of --label-fraction is 1.5; it must be above 0 and at most 1", 1.5)]
    [InlineData("A share of --label-fraction is 0;", 0)]
    public void Run_AShareThatIsNone_IsRefused(string message, double share) =>
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => Run(Options with { LabelFractions = [share] })).Message, StringComparison.Ordinal);

    private static JsonElement[] Draws(string folder) => [.. File.ReadLines(Path.Combine(folder, "draws.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
}
