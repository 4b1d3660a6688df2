using System.Text.Json.Nodes;
using WclSharp.Distillation;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Distillation;

/// <summary>What a teacher and its student are tested with.</summary>
public sealed class DistillTestImagesTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-distill-").FullName;
    private readonly string run;

    public DistillTestImagesTests(TrainedRun trained) => run = trained.CopyFineTunedTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private DistillOptions Options => new() { Teacher = run, Epochs = 4, Batch = 32, Device = "cpu" };

    [Fact]
    public void Run_WithoutLabels_SaysHowFarTheyAgreeOnTheTrainingImages()
    {
        string photos = DistilledPhotos.Write(folder, "a/1.png", "a/2.png", "b/3.png", "b/4.png");
        string list = Path.Combine(folder, "list.csv");
        File.WriteAllLines(list, Directory.EnumerateFiles(photos, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        var result = Distill.Run(Options with { Teacher = Path.Combine(run, "finetune"), Data = list, Epochs = 1, Batch = 2 });
        Assert.Equal((4, 0), (result.TrainImages, result.TestImages));
        Assert.Null(result.StudentAccuracy);
        Assert.Equal(Math.Round(4 * result.Agreement), 4 * result.Agreement, 9); // of four images

        // A folder may be written with a separator at its end. Labels that are given teach nothing, which is told.
        string labels = Path.Combine(folder, "labels.csv");
        File.WriteAllLines(labels, File.ReadLines(list).Select(path => $"{path},T-shirt/top"));
        var warnings = new List<string>();
        var again = Distill.Run(Options with { Teacher = Path.Combine(run, "finetune") + Path.DirectorySeparatorChar, Data = list, Labels = labels, Epochs = 1, Batch = 2, Out = Path.Combine(folder, "again") },
            new ProgressHandler<RunProgress>(report => { if (report is RunProgress.Warning warning) warnings.Add(warning.Message); }));
        Assert.Equal((result.TrainImages, result.Loss), (again.TrainImages, again.Loss));
        Assert.Contains(warnings, warning => warning.StartsWith("--labels changes nothing without --label-mix", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_ALimit_LeavesTheTeachersImagesOutOfTheTest_AndOtherDataHasNone()
    {
        var all = Distill.Run(Options with { Epochs = 1, Out = Path.Combine(folder, "all") });
        var some = Distill.Run(Options with { Epochs = 1, Limit = 100, Out = Path.Combine(folder, "some") });
        Assert.Equal((320, 100), (all.TrainImages, some.TrainImages));
        Assert.Equal((all.TestImages, all.TeacherAccuracy), (some.TestImages, some.TeacherAccuracy)); // the images held out of the run

        string photos = DistilledPhotos.Write(folder, [.. Enumerable.Range(0, 20).Select(i => $"{(i % 2 == 0 ? "Bag" : "Coat")}/{i}.png")]);
        var other = Distill.Run(Options with { Data = photos, Epochs = 1, Batch = 4, Out = Path.Combine(folder, "other") });
        Assert.Equal((20, 0), (other.TrainImages, other.TestImages));
        Assert.Null(other.TeacherAccuracy);
    }

    [Fact]
    public void Run_ALabelMixOfOtherData_TeachesTheTeachersClassesOfTheseNames()
    {
        // Two of the teacher's ten classes, which are numbered otherwise here; black and white are told apart in a few steps.
        TrainedRun.SetFloat32(run);
        string photos = DistilledPhotos.Write(folder, [.. Enumerable.Range(0, 16).Select(i => $"{(i % 2 == 0 ? "Bag" : "Coat")}/{i:D2}.png")]);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(photos, "Coat")))
        {
            using var white = new SkiaSharp.SKBitmap(28, 28);
            white.Erase(SkiaSharp.SKColors.White);
            using var stream = File.Create(file);
            white.Encode(stream, SkiaSharp.SKEncodedImageFormat.Png, 100);
        }
        var result = Distill.Run(Options with { Data = photos, LabelMix = 1, Epochs = 40, Batch = 8, Width = 8, LearningRate = 0.03, Out = Path.Combine(folder, "mixed") });
        using var student = WclSharp.Encoders.ImageClassifier.Load(result.ClassifierFile);
        foreach (string name in (string[])["Bag", "Coat"])
            Assert.Equal(name, student.Classify(Directory.EnumerateFiles(Path.Combine(photos, name)).First())[0].Class);
    }

    [Fact]
    public void Run_ALimit_DrawsByTheSeed_OfTheImagesThatTheRunRead()
    {
        string photos = DistilledPhotos.Write(folder, [.. Enumerable.Range(0, 12).Select(i => $"learn/{(i % 2 == 0 ? "Bag" : "Coat")}/{i}.png"), "test/Bag/1.png", "test/Coat/2.png"]);
        string Drawn(long seed)
        {
            var result = Distill.Run(Options with { Data = Path.Combine(photos, "learn"), Limit = 6, Seed = seed, Epochs = 1, Batch = 3, Out = Path.Combine(folder, $"seed {seed}") });
            Assert.Equal(6, result.TrainImages);
            return (string)JsonNode.Parse(File.ReadAllText(Path.Combine(result.Folder, "config.json")))!["train_fingerprint"]!;
        }
        Assert.NotEqual(Drawn(1), Drawn(2));

        // Images that a list names to test with are not learnt from, though they are among the data.
        string list = Path.Combine(photos, "learn", "test.csv");
        File.WriteAllText(list, "Bag/0.png,Bag\nCoat/1.png,Coat\n");
        List<string> warnings = [];
        var within = Distill.Run(Options with { Data = Path.Combine(photos, "learn"), Test = list, Epochs = 1, Batch = 3, Out = Path.Combine(folder, "within") }, SmallRun.Noted(warnings));
        Assert.Equal((10, 2), (within.TrainImages, within.TestImages));
        Assert.Equal(2, within.StudentClasses.Sum(each => each.Images));
        Assert.Contains("Excluded from training, since --test names them: 2 of 12 images.", warnings);

        // Of these, too, those without a class are none to test with.
        File.WriteAllText(list, "Bag/0.png,Bag\nCoat/1.png,Coat\nBag/2.png,\n");
        var some = Distill.Run(Options with { Data = Path.Combine(photos, "learn"), Test = list, Epochs = 1, Batch = 3, Out = Path.Combine(folder, "some") }, SmallRun.Noted(warnings));
        Assert.Equal((9, 2, 2L), (some.TrainImages, some.TestImages, some.StudentClasses.Sum(each => each.Images)));
        Assert.Equal(Math.Round(2 * some.Agreement), 2 * some.Agreement, 9);

        // With test images none of the run's 400 are held out.
        var tested = Distill.Run(Options with { Test = Path.Combine(photos, "test"), Limit = 450, Epochs = 1, Out = Path.Combine(folder, "tested") });
        Assert.Equal((400, 2), (tested.TrainImages, tested.TestImages));
    }

    [Fact]
    public void Run_TestImagesThatTheTeachersRunLearntFrom_AreToldOf()
    {
        string photos = DistilledPhotos.Write(folder, [.. Enumerable.Range(0, 12).Select(i => $"learn/{(i % 2 == 0 ? "Bag" : "Coat")}/{i}.png"), "others/Bag/1.png", "others/Coat/2.png", "others/Bag/3.png", "others/Coat/4.png"]);
        var trained = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "config.json")))!;
        (trained["data"], trained["limit"]) = (Path.Combine(photos, "learn"), null);
        File.WriteAllText(Path.Combine(run, "config.json"), trained.ToJsonString());
        string list = Path.Combine(photos, "test.csv");
        File.WriteAllText(list, "learn/Bag/0.png,Bag\nlearn/Coat/1.png,Coat\nothers/Bag/1.png,Bag\n");
        List<string> Warnings(DistillOptions options)
        {
            List<string> warnings = [];
            Distill.Run(options with { Epochs = 1, Batch = 2 }, SmallRun.Noted(warnings));
            return [.. warnings.Where(warning => warning.Contains("have learnt their classes", StringComparison.Ordinal))];
        }

        Assert.StartsWith("2 of the images of --test", Assert.Single(Warnings(Options with { Test = list, Out = Path.Combine(folder, "run's") })), StringComparison.Ordinal);
        var file = Options with { Teacher = Path.Combine(run, "finetune", "classifier.safetensors"), Data = Path.Combine(photos, "others"), Out = Path.Combine(folder, "file's") };
        Assert.StartsWith("2 of the images of --test", Assert.Single(Warnings(file with { Test = list })), StringComparison.Ordinal);
        File.WriteAllText(list, "others/Bag/1.png,Bag\n");
        Assert.Empty(Warnings(file with { Test = list, Data = Path.Combine(photos, "learn"), Out = Path.Combine(folder, "others'") }));
    }

    [Fact]
    public void Run_ATeacherTestedWithOtherImages_IsNotTestedWithWhatItMayHaveLearnt()
    {
        string settings = Path.Combine(run, "finetune", "config.json");
        var json = JsonNode.Parse(File.ReadAllText(settings))!;
        json["test_fingerprint"] = "that of other images";
        json.AsObject().Remove("recipe"); // as an older version wrote it
        File.WriteAllText(settings, json.ToJsonString());
        var trained = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "config.json")))!;
        trained["limit"] = 100; // of which 20 are held out, too few to test with
        File.WriteAllText(Path.Combine(run, "config.json"), trained.ToJsonString());
        var warnings = new List<string>();

        var result = Distill.Run(Options with { Epochs = 1, Out = Path.Combine(folder, "untested") }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        }));

        Assert.Equal((100, 0, null), (result.TrainImages, result.TestImages, result.TeacherAccuracy)); // what the run held out is learnt from, too
        Assert.StartsWith("The classifier was tested with other images", Assert.Single(warnings), StringComparison.Ordinal); // and none of a test that is left out
    }

    [Fact]
    public void Run_ClassesThatTheTeacherDoesNotKnow_AreRefused()
    {
        string photos = DistilledPhotos.Write(folder, "zebra/1.png", "zebra/2.png", "yak/3.png", "yak/4.png");
        var error = Assert.Throws<WclUsageException>(() => Distill.Run(Options with { Data = photos, Batch = 2, LabelMix = 0.5, Out = Path.Combine(folder, "x") }));
        Assert.Contains("of the class \"yak\", which the teacher does not know", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_TestImagesOfAClassThatTheTeacherDoesNotKnow_CountAsWrong()
    {
        string tests = DistilledPhotos.Write(folder, "Bag/1.png", "Bag/2.png", "zebra/3.png", "yak/4.png");
        var options = Options with { Test = tests, Epochs = 1, Out = Path.Combine(folder, "tested") };
        List<string> warnings = [];
        var result = Distill.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        }));
        Assert.Equal(4, result.TestImages);
        Assert.InRange(result.TeacherAccuracy!.Value, 0, 0.5);
        Assert.Equal(2 * result.TeacherAccuracy.Value / 3, result.TeacherBalancedAccuracy!.Value, 12); // Bag's two of four images are one of three classes
        Assert.Contains(warnings, warning => warning.StartsWith("2 of the 4 labelled test images count as wrong", StringComparison.Ordinal));

        Directory.Delete(Path.Combine(tests, "Bag"), recursive: true);
        Assert.Contains("None of the test images' classes (yak, zebra)", Assert.Throws<WclUsageException>(() => Distill.Run(options)).Message, StringComparison.Ordinal);
    }
}
