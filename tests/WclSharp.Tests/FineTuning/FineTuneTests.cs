using System.Text.Json.Nodes;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Tests.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>What the figures and the classifier of a fine-tuning are made of.</summary>
public sealed class FineTuneTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-").FullName;
    private readonly NotedFineTuning noted = new();
    private readonly string run;

    public FineTuneTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private FineTuneResult Run(FineTuneOptions options) => noted.Run(options);

    [Fact]
    public void Run_ManyLabels_LearnsMoreThanChance_AndTheClassifierNamesClasses()
    {
        // Of more labels rate and stop would be chosen first, which takes several times as long and has tests of its own.
        var options = Options with { LabelsPerClass = [20], Draws = 1, FromHead = true, Epochs = 30 };
        var result = Run(options);
        var row = Assert.Single(result.Rows);
        Assert.Equal((0.625, 200), (row.Fraction, row.Labels));
        Assert.InRange(row.FinetuneMean, 0.5, 1); // ten classes
        Assert.InRange(row.ScratchMean!.Value, 0.4, 1);
        Assert.Null(row.FinetuneCi95);
        var kept = result.Classifier!;
        Assert.Equal((200, row.FinetuneMean, 10), (kept.Labels, kept.Accuracy, kept.Classes.Count));
        Assert.Equal((80L, 80L, 80L), (kept.Classes.Sum(each => each.Images), kept.Classes.Sum(each => each.Labelled), kept.Classes.Sum(each => each.LabelledPredicted)));
        Assert.Equal(row.FinetuneMean, kept.Classes.Sum(each => each.Correct) / 80.0);
        Assert.Equal(row.FinetuneBalancedAccuracy!.Value, kept.Classes.Average(each => each.Recall!.Value), 12);
        var again = Run(options); // out of what was written
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
    public void Run_KnnAndLinear_AreThoseOfTheFrozenEncoder_OnTheLabelsDrawn()
    {
        TrainedRun.SetFloat32(run);
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
    public void Run_AllLabels_AreMeasuredOnFrozenFeaturesOnce()
    {
        var row = Assert.Single(Run(Options with { LabelsPerClass = [], LabelFractions = [1], EncoderLearningRate = 0.01, Scratch = false, Epochs = 1 }).Rows);
        Assert.Equal((320, 2), (row.Labels, row.Draws));
        Assert.Equal(["Linear classifier, 320 labels, draw 1 of 2, epochs"], noted.Stages.Where(stage => stage.StartsWith("Linear", StringComparison.Ordinal)));
        string[] lines = [.. File.ReadLines(Path.Combine(run, "finetune", "draws.jsonl"))];
        Assert.Single(lines.Select(line => (double)JsonNode.Parse(line)!["linear"]!).Distinct());
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
            Assert.DoesNotContain(noted.Stages, stage => stage.StartsWith("Linear", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Move(moved, checkpoints);
        }
    }

    [Fact]
    public void Run_VerticalFlipsOrRotations_TrainAnotherClassifier_InAFolderOfItsOwn()
    {
        string without = Path.Combine(folder, "without");
        var options = Options with { Draws = 1, Scratch = false, Epochs = 2, EncoderLearningRate = 0.01 };
        var upright = Run(options with { Out = without });
        var flipped = Run(options with { Out = Path.Combine(folder, "with"), VerticalFlip = 1 });

        var turned = Run(options with { Out = Path.Combine(folder, "turned"), Rotation = 1 });

        Assert.Equal(3, new[] { upright, flipped, turned }.Select(result => SmallRun.HashOfFile(result.ClassifierFile)).Distinct().Count());
        Assert.Equal(1, (double)JsonNode.Parse(File.ReadAllText(Path.Combine(flipped.Folder, "config.json")))!["vertical_flip"]!);
        Assert.Equal(1, (double)JsonNode.Parse(File.ReadAllText(Path.Combine(turned.Folder, "config.json")))!["rotation"]!);
        Assert.DoesNotContain("vertical_flip", File.ReadAllText(Path.Combine(without, "config.json")), StringComparison.Ordinal); // as before there were the options
        Assert.DoesNotContain("rotation", File.ReadAllText(Path.Combine(without, "config.json")), StringComparison.Ordinal);
        Assert.Contains("--vertical-flip (not given there, 0.5 now)", Assert.Throws<WclUsageException>(() => Run(options with { Out = without, VerticalFlip = 0.5 })).Message, StringComparison.Ordinal);
        Assert.Contains("--rotation (not given there, 0.5 now)", Assert.Throws<WclUsageException>(() => Run(options with { Out = without, Rotation = 0.5 })).Message, StringComparison.Ordinal);
        Assert.Equal("--rotation is 90; it must be from 0 to 1.", Assert.Throws<WclUsageException>(() => Run(options with { Rotation = 90 })).Message);
        Assert.Equal("--vertical-flip is 1.5; it must be from 0 to 1.", Assert.Throws<WclUsageException>(() => Run(options with { VerticalFlip = 1.5 })).Message);
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
}
