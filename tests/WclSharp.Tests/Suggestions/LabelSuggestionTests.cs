using SkiaSharp;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Suggestions;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Suggestions;

public sealed class LabelSuggestionTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-suggest-").FullName;
    private readonly string run;

    public LabelSuggestionTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_WritesAListToFillIn_AndASheet_AndChecksItself()
    {
        var result = LabelSuggestion.Run(new SuggestOptions { Run = run, Count = 12, Check = 3, Device = "cpu" });
        string[] lines = File.ReadAllLines(result.ListFile);
        Assert.Equal("path,label", lines[0]);
        Assert.Equal(result.Images.Select(image => image.Path + ","), lines[1..]);
        Assert.Equal(12, result.Images.Select(image => image.Path).Distinct().Count());
        using (var sheet = SKBitmap.Decode(result.SheetFile)) Assert.True(sheet.Width > 8 * 96 && sheet.Height > 2 * 96);
        Assert.Equal((12, 3), (result.Check!.Labels, result.Check.Repeats));
        // Ten classes; 0.14 is chance and two standard errors of three times 80 images. An encoder of one epoch has some 0.2, which moves with rounding.
        Assert.InRange(result.Check.SuggestedMean, 0.14, 1);
        Assert.InRange(result.Check.RandomMean, 0.14, 1);
        Assert.True(result.Check.SuggestedCi95 > 0 && result.Check.RandomCi95 > 0); // each repeat chooses anew

        // Labels may have been written into the list.
        var error = Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(new SuggestOptions { Run = run, Count = 12, Device = "cpu" }));
        Assert.Contains("There is a list", error.Message, StringComparison.Ordinal);
        var again = LabelSuggestion.Run(new SuggestOptions { Run = run, Count = 12, Device = "cpu", Out = Path.Combine(folder, "again") });
        Assert.Equal(result.Images, again.Images);
        var other = LabelSuggestion.Run(new SuggestOptions { Run = run, Count = 12, Device = "cpu", Seed = 1234, Out = Path.Combine(folder, "other") });
        Assert.NotEqual(result.Images, other.Images);
    }

    [Fact]
    public void Run_Check_IsTheProbeOnTheImagesChosen_AndOnAsManyRandomOnes()
    {
        TrainedRun.SetFloat32(run);
        const int Count = 30, Repeats = 2;
        var check = LabelSuggestion.Run(new SuggestOptions { Run = run, Count = Count, Check = Repeats, Device = "cpu" }).Check!;

        var trained = RunFolder.ReadConfig(run);
        using var data = RunData.Read(trained, RunData.Asked(trained, null, null, null), null, default);
        using var encoder = ImageEncoder.Load(run);
        using var queries = FeatureExtractor.Extract(encoder, data.HeldOut!, "test images", null, default);
        using var features = FeatureExtractor.Extract(encoder, data.Train, "training images", null, default);
        double Mean(Func<int, int[]> rows) => Enumerable.Range(0, Repeats).Average(i =>
        {
            using var labelled = data.Train.Subset(rows(i));
            using var taught = Rows.Of(features, rows(i));
            return LinearProbe.Measure(taught, labelled, queries, data.HeldOut!, trained.Seed, null, default)!.Top1;
        });
        int[] Typical(int i) => [.. TypicalImages.Choose(features, [], Count, trained.Seed + i, null, default).Select(image => image.Row)];
        int[] Random(int i) => new CounterRandom(trained.Seed, RandomPurpose.LabelDraw).Permutation(data.Train.Count, i)[..Count];
        Assert.NotEqual(Typical(0).Order(), Random(0).Order());
        Assert.Equal((Mean(Typical), Mean(Random)), (check.SuggestedMean, check.RandomMean));
    }

    [Fact]
    public void Run_Check_TakesClassesFromAList_AsFromFolders()
    {
        string photos = Path.Combine(folder, "listed"), list = Path.Combine(folder, "classes.csv"), listed = Path.Combine(folder, "listed-run");
        WritePhotos(photos, 40);
        File.WriteAllLines(list, Enumerable.Range(0, 40).Select(i => $"{i:D2}.png,class {i % 2}"));
        Pretraining.Run(SmallRun.Options with { Data = photos, Labels = list, Limit = null, Batch = 16, Epochs = 1, Out = listed });
        var result = LabelSuggestion.Run(new SuggestOptions { Run = listed, Count = 4, Check = 2, Device = "cpu" });
        Assert.Equal((4, 2), (result.Check!.Labels, result.Check.Repeats));

        File.WriteAllLines(list, Enumerable.Range(0, 30).Select(i => $"{i:D2}.png,class {i % 2}"));
        List<string> stages = [];
        var told = new ProgressHandler<RunProgress>(value => { if (value is RunProgress.Working working) stages.Add(working.Stage); });
        var error = Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(new SuggestOptions { Run = listed, Labels = list, Count = 4, Check = 2, Device = "cpu", Out = Path.Combine(folder, "part") }, told));
        Assert.Contains("--check needs the classes of all images", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(stages, stage => stage.StartsWith("Computing features", StringComparison.Ordinal)); // said before the work
    }

    [Fact]
    public void Run_WhatCannotBeWritten_OrChecked_IsRefusedBeforeAnythingIsRead()
    {
        string file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");
        Assert.Contains("Name another with --out", Refusal(new SuggestOptions { Run = run, Device = "cpu", Out = file }), StringComparison.Ordinal);
        Assert.Contains("holds a run or other results", Refusal(new SuggestOptions { Run = run, Device = "cpu", Out = run }), StringComparison.Ordinal);
        Assert.Contains("There is no file or folder 'typo.csv'", Refusal(new SuggestOptions { Run = run, Device = "cpu", Test = "typo.csv" }), StringComparison.Ordinal);
        string Refusal(SuggestOptions options) =>
            Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(options, new ProgressHandler<RunProgress>(report => Assert.Fail($"{report}")))).Message;
    }

    [Fact]
    public void Run_OtherData_ListsWhatCannotBeRead()
    {
        string photos = Path.Combine(folder, "photos");
        WritePhotos(photos, 30);
        File.WriteAllText(Path.Combine(photos, "broken.png"), "none");
        var result = LabelSuggestion.Run(new SuggestOptions { Run = run, Data = photos, Count = 3, Device = "cpu" });
        Assert.Equal(3, result.Images.Count);
        Assert.StartsWith("broken.png,", File.ReadAllLines(Path.Combine(Path.GetDirectoryName(result.ListFile)!, "bad_images.csv"))[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ImagesToTestWith_AreNotSuggested()
    {
        string photos = Path.Combine(folder, "photos"), tests = Path.Combine(folder, "tests.csv"), own = Path.Combine(folder, "own");
        WritePhotos(photos, 40);
        File.WriteAllLines(tests, Enumerable.Range(10, 30).Select(i => $"photos/{i:D2}.png,class {i % 2}"));
        Pretraining.Run(SmallRun.Options with { Data = photos, Test = tests, Limit = null, Batch = 8, Epochs = 1, Out = own });
        List<string> warnings = [];
        var result = LabelSuggestion.Run(new SuggestOptions { Run = own, Count = 10, Device = "cpu" }, SmallRun.Noted(warnings));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i:D2}.png"), result.Images.Select(image => image.Path).Order(StringComparer.Ordinal));
        Assert.Contains($"Not suggested, since they are test images ('{tests}'): 30 of 40 images.", warnings);
        File.Move(tests, tests + ".old");
        List<string> gone = [];
        Assert.Equal(40, LabelSuggestion.Run(new SuggestOptions { Run = own, Count = 40, Device = "cpu", Out = Path.Combine(folder, "gone") }, SmallRun.Noted(gone)).Images.Count);
        Assert.Contains(gone, warning => warning.StartsWith("The run's test images may be suggested", StringComparison.Ordinal));
        File.Move(tests + ".old", tests);
        var named = LabelSuggestion.Run(new SuggestOptions { Run = own, Data = photos, Count = 10, Device = "cpu", Out = Path.Combine(folder, "named") }); // the run's, though --data is given
        Assert.Equal(result.Images.Select(image => image.Path).Order(StringComparer.Ordinal), named.Images.Select(image => image.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Run_MoreThanThereAre_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(new SuggestOptions { Run = run, Count = 1000, Device = "cpu" }));
        Assert.Contains("--count 1000 is more than the 320 images.", error.Message, StringComparison.Ordinal);

        // Of other data nothing is held out, unless it is to check with.
        string others = Path.Combine(folder, "others");
        for (int i = 0; i < 20; i++)
        {
            Directory.CreateDirectory(Path.Combine(others, $"class {i % 2}"));
            File.WriteAllBytes(Path.Combine(others, $"class {i % 2}", $"{i:D2}.png"), Data.ImageFiles.Skia(SKEncodedImageFormat.Png, 16 + i, 20));
        }
        var options = new SuggestOptions { Run = run, Data = others, Count = 1000, Device = "cpu" };
        Assert.Contains("more than the 20 images", Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(options)).Message, StringComparison.Ordinal);
        Assert.Contains("more than the 16 images", Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(options with { Check = 1 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FilesThatAreCalledTheSame_HaveTheirFoldersOnTheSheet()
    {
        // Two folders with the same names, or with other ones: all are suggested.
        int[] heights = [.. new[] { 0, 6 }.Select(first =>
        {
            string photos = Path.Combine(folder, $"photos from {first}");
            WritePhotos(Path.Combine(photos, "a"), 6);
            WritePhotos(Path.Combine(photos, "b"), 6 + first);
            for (int i = 0; i < first; i++) File.Delete(Path.Combine(photos, "b", $"{i:D2}.png"));
            using var sheet = SKBitmap.Decode(LabelSuggestion.Run(new SuggestOptions { Run = run, Data = photos, Count = 12, Device = "cpu", Out = Path.Combine(folder, $"out {first}") }).SheetFile);
            return sheet.Height;
        })];
        Assert.Equal(2 * 14, heights[0] - heights[1]); // a line in both rows
    }

    [Fact]
    public void Run_MoreImagesThanASheetShows_AreAllInTheList_AndTheFirst400OnTheSheet()
    {
        string photos = Path.Combine(folder, "photos");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 405; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D3}.png"), Data.ImageFiles.Skia(SKEncodedImageFormat.Png, 16 + i % 27, 16 + i / 27));
        int[] heights = [.. new[] { 392, 400, 401 }.Select(count =>
        {
            var result = LabelSuggestion.Run(new SuggestOptions { Run = run, Data = photos, Count = count, Device = "cpu", Out = Path.Combine(folder, $"{count}") });
            Assert.Equal(count, File.ReadLines(result.ListFile).Skip(1).Distinct().Count());
            using var sheet = SKBitmap.Decode(result.SheetFile);
            return sheet.Height;
        })];
        Assert.True(heights[1] > heights[0], "400 images have a row more than 392.");
        Assert.Equal(heights[1], heights[2]);
    }

    [Fact]
    public void Run_ASecondRound_KnowsEveryLabelOfTheFirst_AndMayTakeEveryOtherImage()
    {
        string photos = Path.Combine(folder, "photos"), own = Path.Combine(folder, "own");
        WritePhotos(photos, 40);
        Pretraining.Run(SmallRun.Options with { Data = photos, Limit = null, Batch = 16, Epochs = 1, Out = own });
        var first = LabelSuggestion.Run(new SuggestOptions { Run = own, Count = 30, Device = "cpu" });
        File.WriteAllLines(first.ListFile, ["path,label", .. first.Images.Select((image, i) => $"{image.Path},class {i % 3}")]);
        var second = LabelSuggestion.Run(new SuggestOptions { Run = own, Count = 10, Labels = first.ListFile, Device = "cpu", Out = Path.Combine(folder, "second") });
        Assert.Empty(second.Images.Select(image => image.Path).Intersect(first.Images.Select(image => image.Path)));

        // The second list has the first's labels too, so that it is all that fine-tuning needs.
        string[] lines = File.ReadAllLines(second.ListFile);
        Assert.Equal(second.Images.Select(image => image.Path + ","), lines[1..11]);
        Assert.Equal(File.ReadAllLines(first.ListFile)[1..].Order(StringComparer.Ordinal), lines[11..].Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Run_DataThatKnowsSomeClasses_SuggestsTheOthers()
    {
        string list = Path.Combine(folder, "list.csv"), photos = Path.Combine(folder, "photos");
        WritePhotos(photos, 40);
        File.WriteAllLines(list, ["path,label", .. Enumerable.Range(0, 40).Select(i => $"photos/{i:D2}.png,{(i < 28 ? $"class {i % 2}" : "")}")]);
        var options = new SuggestOptions { Run = run, Data = list, Count = 12, Device = "cpu" };
        Assert.Contains("--count 13 is more than the 12 images without a label", Assert.Throws<WclUsageException>(() => LabelSuggestion.Run(options with { Count = 13 })).Message, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(28, 12).Select(i => $"{i:D2}.png"), LabelSuggestion.Run(options).Images.Select(image => Path.GetFileName(image.Path)).Order(StringComparer.Ordinal));
    }

    /// <summary>Pictures 00.png, 01.png, ... of different sizes.</summary>
    private static void WritePhotos(string path, int count)
    {
        Directory.CreateDirectory(path);
        for (int i = 0; i < count; i++) File.WriteAllBytes(Path.Combine(path, $"{i:D2}.png"), Data.ImageFiles.Skia(SKEncodedImageFormat.Png, 16 + i, 20));
    }
}
