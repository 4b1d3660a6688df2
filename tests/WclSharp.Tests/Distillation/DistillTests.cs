using System.Text.Json.Nodes;
using WclSharp.Checkpoints;
using WclSharp.Distillation;
using WclSharp.Encoders;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Distillation;

public sealed class DistillTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-distill-").FullName;
    private readonly string run;

    public DistillTests(TrainedRun trained) => run = trained.CopyFineTunedTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private DistillOptions Options => new() { Teacher = run, Epochs = 4, Batch = 32, Device = "cpu" };

    [Fact]
    public void Run_ASmallerStudent_LearnsWhatTheTeacherSays()
    {
        var first = Distill.Run(Options with { Width = 4, Epochs = 1, Out = Path.Combine(folder, "one") });
        var result = Distill.Run(Options with { Width = 4, Epochs = 12 });

        Assert.Equal(Path.Combine(run, "finetune", "distilled"), result.Folder);
        Assert.Equal((320, 80), (result.TrainImages, result.TestImages));
        Assert.True(result.StudentParameters < result.TeacherParameters / 3, $"{result.StudentParameters} of {result.TeacherParameters}");
        Assert.True(result.Loss < first.Loss, $"{result.Loss} after twelve epochs, {first.Loss} after one");
        Assert.True(result.Agreement > 0.3, $"They agree on {result.Agreement}"); // chance is 0.1
        Assert.True(result.StudentAccuracy > 0.2, $"{result.StudentAccuracy}"); // of 80 images, by chance 0.1 and 0.2 once in a thousand times
        Assert.Equal(result.StudentAccuracy!.Value - result.TeacherAccuracy!.Value, result.AccuracyDifference!.Value, 12);
        Assert.InRange(result.AccuracyDifference.Value, result.AccuracyDifferenceCi95Low!.Value, result.AccuracyDifferenceCi95High!.Value);
        // The teacher's accuracy is that which fine-tuning measured.
        var row = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "finetune", "finetune.json")))!["rows"]![0]!;
        Assert.Equal((double)row["finetune_mean"]!, result.TeacherAccuracy!.Value, 12);

        using var classifier = ImageClassifier.Load(result.ClassifierFile);
        Assert.Equal(10, classifier.ClassNames.Count);
        Assert.Equal(12, File.ReadLines(Path.Combine(result.Folder, "metrics.jsonl")).Count());
        Assert.Equal(result.StudentAccuracy, (double)JsonNode.Parse(File.ReadAllText(Path.Combine(result.Folder, "summary.json")))!["student_accuracy"]!);
    }

    [Fact]
    public void Run_Stopped_GoesOn_AndEndsWithTheSameBytes()
    {
        var whole = Distill.Run(Options with { Out = Path.Combine(folder, "whole") });
        using var stop = new CancellationTokenSource();
        string halves = Path.Combine(folder, "halves");
        Assert.Throws<OperationCanceledException>(() => Distill.Run(Options with { Out = halves }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: "Distilling, steps", Done: 25 }) stop.Cancel(); // in the third epoch of ten steps
        }), stop.Token));
        Assert.Equal(2, File.ReadLines(Path.Combine(halves, "metrics.jsonl")).Count());
        string checkpoint = Path.Combine(halves, "checkpoint.safetensors");
        byte[] intact = File.ReadAllBytes(checkpoint), damaged = [.. intact];
        damaged[^100] ^= 1; // a bit of a number
        string Refusal(byte[] content)
        {
            File.WriteAllBytes(checkpoint, content);
            return Assert.Throws<WclUsageException>(() => Distill.Run(Options with { Out = halves })).Message;
        }
        Assert.EndsWith("is damaged (its tensors do not match the SHA-256 that is stored in it); copy it back, or delete it, and the same command begins anew.", Refusal(damaged), StringComparison.Ordinal);
        Assert.EndsWith("To go on, copy it back, or delete it, and the same command begins anew.", Refusal([]), StringComparison.Ordinal);
        File.WriteAllBytes(checkpoint, intact);
        string metrics = Path.Combine(halves, "metrics.jsonl");
        File.AppendAllLines(metrics, File.ReadAllLines(metrics)[^1..]); // killed between the third epoch's line and its checkpoint
        long first = -1;
        var resumed = Distill.Run(Options with { Out = halves }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: "Distilling, steps" } step && first < 0) first = step.Done;
        }));

        Assert.Equal(21, first);
        Assert.Equal(SmallRun.HashOfFile(whole.ClassifierFile), SmallRun.HashOfFile(resumed.ClassifierFile));
        Assert.Equal((whole.Loss, whole.StudentAccuracy), (resumed.Loss, resumed.StudentAccuracy));
    }

    [Fact]
    public void Run_StoppedAfterTheLastStep_OrWhileItIsMeasured_LearnsNothingMore_AndEndsWithTheSameBytes()
    {
        var whole = Distill.Run(Options with { Out = Path.Combine(folder, "whole") });
        string late = Path.Combine(folder, "late");
        long last = -1;
        DistillResult Until(string? stage)
        {
            using var stop = new CancellationTokenSource();
            return Distill.Run(Options with { Out = late }, new ProgressHandler<RunProgress>(report =>
            {
                if (report is not RunProgress.Working work) return;
                if (work.Stage == "Distilling, steps") Assert.Equal(work.Done, last = last < 0 ? 1 : last + 1); // each once
                if (work.Stage == stage && (work.Done == 40 || stage != "Distilling, steps")) stop.Cancel();
            }), stop.Token);
        }
        foreach (string stage in (string[])["Distilling, steps", "Classifying with the teacher"])
        {
            Assert.Throws<OperationCanceledException>(() => Until(stage));
            Assert.Equal(40, last);
            Assert.False(File.Exists(Path.Combine(late, "summary.json")), stage);
        }

        var resumed = Until(null);
        Assert.Equal(SmallRun.HashOfFile(whole.ClassifierFile), SmallRun.HashOfFile(resumed.ClassifierFile));
        string[] summaries = [.. new[] { whole, resumed }.Select(result =>
        {
            var summary = JsonNode.Parse(File.ReadAllText(Path.Combine(result.Folder, "summary.json")))!.AsObject();
            foreach (string own in (string[])["folder", "classifier_file", "seconds"]) Assert.True(summary.Remove(own), own);
            return summary.ToJsonString();
        })];
        Assert.Equal(summaries[0], summaries[1]);
    }

    [Fact]
    public void Run_Init_StartsFromTheEncoder_AndLabelMixChangesWhatIsLearnt()
    {
        var random = Distill.Run(Options with { Epochs = 1, Out = Path.Combine(folder, "random") });
        var started = Distill.Run(Options with { Epochs = 1, Init = run, Out = Path.Combine(folder, "init") });
        var mixed = Distill.Run(Options with { Epochs = 1, Init = run, LabelMix = 0.5, Out = Path.Combine(folder, "mixed") });
        var kept = Distill.Run(Options with { Epochs = 1, Init = run, LearningRate = 1e-30, Out = Path.Combine(folder, "kept") }); // less than changes a convolution's weight

        Assert.NotEqual(random.Loss, started.Loss);
        Assert.NotEqual(started.Loss, mixed.Loss);
        Assert.NotEqual(SmallRun.HashOfFile(started.ClassifierFile), SmallRun.HashOfFile(mixed.ClassifierFile));
        using SafetensorsContent encoder = SafetensorsFile.Read(Path.Combine(run, "encoder.safetensors")), student = SafetensorsFile.Read(kept.ClassifierFile);
        Assert.All(encoder.Tensors.Where(pair => pair.Value.dim() == 4), pair => Assert.Equal(pair.Value.data<float>().ToArray(), student.Tensors[pair.Key].data<float>().ToArray()));
    }

    [Fact]
    public void Run_ALabelMixOfOne_LeavesTheTeacherOut()
    {
        DistillResult At(double temperature) => Distill.Run(Options with { Epochs = 1, LabelMix = 1, Temperature = temperature, Out = Path.Combine(folder, $"at {temperature}") });
        DistillResult one = At(1), three = At(3); // by which the teacher's part would change
        Assert.Equal(one.Loss, three.Loss);
        Assert.Equal(SmallRun.HashOfFile(one.ClassifierFile), SmallRun.HashOfFile(three.ClassifierFile));
    }

    [Fact]
    public void Run_EveryEpoch_HasCropsOfItsOwn()
    {
        // One batch an epoch, of a network that stays as it is: losses differ only where the views do. In float32 the order of the images alone makes a difference of some 1e-7, in bfloat16 a larger one.
        TrainedRun.SetFloat32(run);
        var result = Distill.Run(Options with { Limit = 64, Batch = 64, Epochs = 2, LearningRate = 1e-30 });
        double[] losses = [.. File.ReadLines(Path.Combine(result.Folder, "metrics.jsonl")).Select(line => (double)JsonNode.Parse(line)!["loss"]!)];
        Assert.True(Math.Abs(losses[1] / losses[0] - 1) > 1e-5, string.Join(' ', losses));
    }

    [Fact]
    public void Run_WeightsThatOnlyTheLastStepSpoils_HaveDiverged()
    {
        var options = Options with { Data = DistilledPhotos.Write(folder, "1.png", "2.png", "3.png", "4.png"), Epochs = 1, Batch = 4, LearningRate = 1e30, WeightDecay = 1e30, Out = Path.Combine(folder, "diverged") };
        Assert.Contains("weights are no longer finite after epoch 1", Assert.Throws<DivergedException>(() => Distill.Run(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ALabelMix_NeedsLabels_AndIsTheTeacherAloneInABatchWithout()
    {
        string photos = DistilledPhotos.Write(folder, [.. Enumerable.Range(0, 8).Select(i => $"{i}.png")]), list = Path.Combine(folder, "labels.csv");
        var options = Options with { Data = photos, Epochs = 1, Batch = 4, LearningRate = 1e-9 }; // the network stays as it is: losses are of batches of two, whose training is chaotic
        Assert.Contains("--label-mix 0.5 needs labels, and none of the 8 images has one", Assert.Throws<WclUsageException>(() => Distill.Run(options with { LabelMix = 0.5, Out = Path.Combine(folder, "x") })).Message, StringComparison.Ordinal);

        File.WriteAllText(list, "0.png,Bag\n");
        var alone = Distill.Run(options with { Batch = 2, Out = Path.Combine(folder, "alone") });
        var mixed = Distill.Run(options with { Batch = 2, LabelMix = 1, Labels = list, Out = Path.Combine(folder, "mixed") });
        Assert.InRange(mixed.Loss, 0.7 * alone.Loss, 1.5 * alone.Loss); // three of four batches have no label, and would be 0 by themselves
    }

    [Fact]
    public void Run_WithoutImagesOrTeacher_OrWithOtherOptionsInTheSameFolder_IsRefused()
    {
        string Refusal(DistillOptions options) => Assert.Throws<WclUsageException>(() => Distill.Run(options)).Message;
        string classifier = Path.Combine(run, "finetune", "classifier.safetensors");
        Assert.Contains("with --data", Refusal(Options with { Teacher = classifier }), StringComparison.Ordinal);
        Assert.Contains("holds an encoder but no classifier", Refusal(Options with { Teacher = Path.Combine(run, "encoder.safetensors"), Data = folder }), StringComparison.Ordinal);
        Assert.Contains("holds no classifier", Refusal(Options with { Teacher = folder }), StringComparison.Ordinal);
        Assert.Contains("--batch 1000 is more than the 320 images", Refusal(Options with { Batch = 1000 }), StringComparison.Ordinal);
        Assert.Contains("--label-mix is 2", Refusal(Options with { LabelMix = 2 }), StringComparison.Ordinal);
        Assert.Equal("--lr is 1E+39; it must be within float32's range, 3.4E+38 at most.", Refusal(Options with { LearningRate = 1e39 }));
        Assert.Equal("--temperature is 10000000; it must be from 0.000001 to 1000000.", Refusal(Options with { Temperature = 1e7 }));

        string occupied = Path.Combine(folder, "occupied");
        Distill.Run(Options with { Epochs = 1, Out = occupied });
        Assert.Contains("holds results of something else: --epochs (1 there, 2 now). Name", Refusal(Options with { Epochs = 2, Out = occupied }), StringComparison.Ordinal);
        // Left as it was: the same options go on, with nothing left to do.
        Distill.Run(Options with { Epochs = 1, Out = occupied });
    }

    [Fact]
    public void Find_NamesTheClassifierOfAFileAFolderOrARun()
    {
        string classifier = Path.Combine(run, "finetune", "classifier.safetensors");
        Assert.Equal([classifier, classifier, classifier], new[] { run, Path.Combine(run, "finetune"), classifier }.Select(ClassifierFacts.Find));
    }

    [Fact]
    public void ClassifierFacts_OfADamagedFile_SaySo()
    {
        string classifier = Path.Combine(run, "finetune", "classifier.safetensors"), damaged = Path.Combine(folder, "damaged.safetensors");
        string Problem(string classes)
        {
            using var content = SafetensorsFile.Read(classifier);
            SafetensorsFile.Write(damaged, content.Tensors.Select(pair => (pair.Key, pair.Value)), new Dictionary<string, string>(content.Metadata) { ["classes"] = classes });
            using var read = SafetensorsFile.Read(damaged);
            return Assert.Throws<WclUsageException>(() => ClassifierFacts.Of(read, damaged)).Message;
        }

        Assert.Contains("damaged list of classes", Problem("[\"a\","), StringComparison.Ordinal);
        Assert.Contains("names 1 classes for scores of shape [10, 64]", Problem("[\"a\"]"), StringComparison.Ordinal);
    }
}
