using System.Text.RegularExpressions;
using WclSharp.Data;
using WclSharp.Grouping;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Grouping;

public sealed class ImageGroupingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-groups-").FullName;
    private readonly string run;

    public ImageGroupingTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static double Number(string cell) => double.Parse(cell, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A folder of pictures, each of other waves.</summary>
    private string Waves(string name, int count)
    {
        string photos = Path.Combine(folder, name);
        Directory.CreateDirectory(photos);
        for (int i = 0; i < count; i++)
            File.WriteAllBytes(Path.Combine(photos, $"{i:000}.png"), Data.ImageFiles.GreyPng([.. Enumerable.Range(0, 256).Select(p => (byte)(128 + 100 * Math.Sin(0.1 * (p % 16) * (1 + i % 7) + 0.05 * (p / 16) * (i % 11) + i)))], 16, 16));
        return photos;
    }

    private GroupOptions Options => new() { Run = run, Device = "cpu" };

    [Fact]
    public void Run_WritesThePageAndTheLists_AndBeatsRandomGroups()
    {
        var result = ImageGrouping.Run(Options);
        Assert.Equal(320, result.Images);
        Assert.True(result.Shown.Groups >= 10, $"{result.Shown}");
        Assert.Contains(result.Shown, result.Levels);
        Assert.Equal(result.Shown.Groups, result.KMeans!.Groups);
        Assert.True(result.Shown.Agreement!.Ami > 0.15, $"{result.Shown}"); // random groups have 0

        string[] lines = File.ReadAllLines(result.GroupsFile);
        Assert.Equal(321, lines.Length);
        Assert.StartsWith("path,group,level_1,", lines[0], StringComparison.Ordinal);
        Assert.Equal(result.Shown.Groups, lines.Skip(1).Count(line => line.EndsWith(",1", StringComparison.Ordinal))); // medoids
        string[][] cells = [.. lines.Skip(1).Select(line => line.Split(','))];
        Assert.Equal(result.Shown.Groups, cells.Select(row => row[1]).Distinct().Count());
        Assert.Equal(result.Levels.Last(level => level.Groups >= 10), result.Shown); // the coarsest with a group for each class
        for (int level = 0; level < result.Levels.Count; level++) Assert.Equal(result.Levels[level].Groups, cells.Select(row => row[2 + level]).Distinct().Count());
        Assert.All(cells.GroupBy(row => row[1]), group => Assert.Equal(group.Max(row => Number(row[^2])), Number(group.Single(row => row[^1] == "1")[^2]))); // the medoid is the most typical
        double[] alone = [.. File.ReadLines(result.OutliersFile).Skip(1).Select(line => Number(line.Split(',')[1]))];
        Assert.Equal(alone.Order(), alone);
        Assert.Equal(result.Copies + 1, File.ReadLines(result.CopiesFile).Count());
        Assert.Equal(result.Outliers + 1, File.ReadLines(result.OutliersFile).Count());

        string[] medoids = File.ReadAllLines(result.MedoidsFile);
        Assert.Equal("group,images,medoid,labelled,class,purity", medoids[0]);
        Assert.Equal(result.Shown.Groups, result.Groups.Count);
        Assert.Equal(result.Groups.OrderByDescending(group => group.Images).Select(group => group.Images), result.Groups.Select(group => group.Images));
        Assert.Equal(320, result.Groups.Sum(group => group.Images));
        Assert.Equal(result.Shown.Agreement.Purity, result.Groups.Sum(group => group.Purity!.Value * group.LabelledImages) / result.Groups.Sum(group => group.LabelledImages), 9);
        for (int group = 0; group < result.Groups.Count; group++)
        {
            var own = result.Groups[group];
            Assert.Equal(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{group},{own.Images},{own.Medoid},{own.LabelledImages},{own.Class},{own.Purity:0.0000}"), medoids[group + 1].Replace("\"", "", StringComparison.Ordinal));
            Assert.Single(lines, line => line.StartsWith(own.Medoid + ",", StringComparison.Ordinal) && line.Split(',')[1] == $"{group}" && line.EndsWith(",1", StringComparison.Ordinal));
        }

        string page = File.ReadAllText(result.GalleryFile);
        Assert.Equal(Math.Min(100, result.Shown.Groups), Regex.Count(page, "<section>"));
        Assert.DoesNotContain("http", page, StringComparison.Ordinal); // nothing is fetched
        Assert.True(Regex.Count(page, "src=\"") >= result.Shown.Groups, "pictures"); // its medoid at least
        Assert.All(Regex.Matches(page, "src=\"([^\"]{0,22})"), match => Assert.Equal("data:image/png;base64,", match.Groups[1].Value));
        Assert.Contains("k-means", page, StringComparison.Ordinal);
        Assert.Equal(1, Regex.Count(page, "<tr class=\"shown\"><th scope=\"row\">level [0-9]+, shown</th>"));
        Assert.Single(GroupTable.Text(result), line => line.Contains(", shown", StringComparison.Ordinal));
        Assert.Equal(Math.Min(100, result.Shown.Groups), Regex.Count(page, "<figure class=\"medoid\" title=\"most typical of its group: [^\"]+\">"));
        Assert.True(Regex.Count(page, "<figcaption>[01]\\.[0-9]{3}<span>[^<]+</span></figcaption>") >= result.Shown.Groups, "captions of two lines");
    }

    [Fact]
    public void Run_WithAListOfLabels_TakesAllImages_AndShowsALevelOfItsClasses()
    {
        var trained = RunFolder.ReadConfig(run);
        string list = Path.Combine(folder, "list.csv");
        void Label(int classes)
        {
            using var images = ImageDataset.Read(new DatasetOptions { Limit = trained.Limit, Seed = trained.Seed, StoredSide = 16 });
            File.WriteAllLines(list, Enumerable.Range(0, images.Count).Select(i => $"{images.NameOf(i)},{i % classes}"));
        }

        Label(2);
        var few = ImageGrouping.Run(Options with { Labels = list, Out = Path.Combine(folder, "few") });
        Assert.Equal((400, 400), (few.Images, few.LabelledImages)); // those held out too
        Label(few.Levels[0].Groups);
        var many = ImageGrouping.Run(Options with { Labels = list, Out = Path.Combine(folder, "many") });
        Assert.Equal((few.Levels[^1].Groups, few.Levels[0].Groups), (few.Shown.Groups, many.Shown.Groups));
        Assert.True(few.Levels.Count > 1, "one level alone says nothing");
    }

    [Fact]
    public void Run_OfARunWhoseImagesToTestWithAreGone_DoesWithoutThem()
    {
        string config = Path.Combine(run, "config.json");
        File.WriteAllText(config, Regex.Replace(File.ReadAllText(config), "^\\{", "{ \"test\": \"gone\","));
        Assert.Equal(400, ImageGrouping.Run(Options).Images); // with test images none of its own was held out
    }

    [Fact]
    public void Run_SomeImagesLabelled_SharesAreOfThese_AndHowManyTheyAreIsSaid()
    {
        string photos = Path.Combine(folder, "some"), list = Path.Combine(folder, "labels.csv");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 20; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:00}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 16));
        File.WriteAllLines(list, Enumerable.Range(0, 12).Select(i => $"{i:00}.png,only"));
        var result = ImageGrouping.Run(Options with { Data = photos, Labels = list, Groups = 1 });
        Assert.Equal((20, 12), (result.Images, result.LabelledImages));
        var group = Assert.Single(result.Groups);
        Assert.Equal((20, 12, "only", 1.0), (group.Images, group.LabelledImages, group.Class, group.Purity));
        string page = File.ReadAllText(result.GalleryFile);
        Assert.Contains("<small>20 images (12 shown), 12 of 20 labelled, only 100%</small>", page, StringComparison.Ordinal);
        Assert.Contains("<p>Purity, NMI and AMI are of the 12 labelled images of 20.</p>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WithoutLabels_ShowsTheCoarsestLevelOfTenGroupsOrMore()
    {
        var result = ImageGrouping.Run(Options with { Data = Waves("waves", 300) });
        Assert.Equal(0, result.LabelledImages);
        Assert.Equal(result.Levels.Last(level => level.Groups >= 10), result.Shown);
        Assert.NotEqual(result.Levels[0], result.Shown); // which would show little
    }

    [Fact]
    public void Run_NamesOfFilesAndClasses_AreTextOnThePage()
    {
        string photos = Waves("p&q", 5), list = Path.Combine(folder, "labels.csv");
        File.Move(Path.Combine(photos, "000.png"), Path.Combine(photos, "a&lt;b.png"));
        File.WriteAllLines(list, ["a&lt;b.png,\"<i>\"\"x\"\"\"", "001.png,other"]);
        string page = File.ReadAllText(ImageGrouping.Run(Options with { Data = photos, Labels = list, Groups = 1 }).GalleryFile);
        Assert.Contains("<span>a&amp;lt;b.png</span>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("a&lt;b.png", page, StringComparison.Ordinal);
        Assert.Contains(", &lt;i&gt;&quot;x&quot; 50%", page, StringComparison.Ordinal);
        Assert.Contains("images: p&amp;q</h1>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<i>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void AGroup_HasTheMostFrequentClassOfItsLabelledImages()
    {
        string list = Path.Combine(folder, "classes.csv");
        string?[] classes = ["rare", "b", "b", "a", "a", null, null, "a"];
        using (var named = ImageDataset.Read(new DatasetOptions { Limit = 8, StoredSide = 16 }))
            File.WriteAllLines(list, classes.Index().Where(image => image.Item is not null).Select(image => $"{named.NameOf(image.Index)},{image.Item}"));
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 8, StoredSide = 16, Labels = list });
        Assert.Equal(["a", "b", "rare"], images.ClassNames);

        Assert.Equal(new ImageGroup { Images = 4, Medoid = images.NameOf(2), LabelledImages = 3, Class = "b", Purity = 2 / 3.0 }, ImageGroup.Of([2, 5, 1, 0], images));
        Assert.Equal(new ImageGroup { Images = 5, Medoid = images.NameOf(1), LabelledImages = 4, Class = "a", Purity = 0.5 }, ImageGroup.Of([1, 2, 3, 4, 6], images)); // of two as frequent the first
        Assert.Equal(new ImageGroup { Images = 2, Medoid = images.NameOf(6), LabelledImages = 0 }, ImageGroup.Of([6, 5], images));
    }

    [Fact]
    public void Run_Groups_AreAsManyAsAskedFor()
    {
        var result = ImageGrouping.Run(Options with { Groups = 7 });
        Assert.Equal((7, 7), (result.Shown.Groups, result.KMeans!.Groups));
        var other = ImageGrouping.Run(Options with { Groups = 7, Seed = 1234, Out = Path.Combine(folder, "other") });
        Assert.Equal(result.Shown, other.Shown);
        Assert.NotEqual(result.KMeans, other.KMeans); // whose first centres are drawn
        Assert.Equal(7, File.ReadLines(result.GroupsFile).Skip(1).Select(line => line.Split(',')[1]).Distinct().Count());
    }

    [Fact]
    public void Run_WithoutASeed_TakesTheRuns()
    {
        string config = Path.Combine(run, "config.json"), photos = Waves("seeded", 60), list = Path.Combine(folder, "labels.csv");
        File.WriteAllText(config, Regex.Replace(File.ReadAllText(config), "\"seed\": 0", "\"seed\": 1234"));
        File.WriteAllLines(list, Enumerable.Range(0, 60).Select(i => $"{i:000}.png,{i % 7}"));
        Clustering Of(long? seed) => ImageGrouping.Run(Options with { Data = photos, Labels = list, Groups = 7, Seed = seed, Out = Path.Combine(folder, $"seed {seed}") }).KMeans!;
        Assert.Equal(Of(1234), Of(null));
    }

    [Fact]
    public void Run_ACopyThatWasResizedAndCompressed_IsFound_AndImagesOfTheSameKindAreNot()
    {
        string photos = Path.Combine(folder, "photos");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 12; i++)
        {
            using var picture = new SkiaSharp.SKBitmap(64, 64);
            for (int y = 0; y < 64; y++)
                for (int x = 0; x < 64; x++) picture.SetPixel(x, y, new SkiaSharp.SKColor((byte)(128 + 100 * Math.Sin(0.1 * x * (1 + i % 4) + i)), (byte)(128 + 100 * Math.Cos(0.1 * y + 2 * i)), (byte)(20 * i)));
            Save(picture, $"{i}.png", SkiaSharp.SKEncodedImageFormat.Png);
            if (i != 5) continue;
            using var smaller = picture.Resize(new SkiaSharp.SKSizeI(40, 40), new SkiaSharp.SKSamplingOptions(SkiaSharp.SKFilterMode.Linear, SkiaSharp.SKMipmapMode.Linear));
            Save(smaller, "5-copy.jpg", SkiaSharp.SKEncodedImageFormat.Jpeg);
        }

        var result = ImageGrouping.Run(Options with { Data = photos, CopyThreshold = 0.9 });
        string[] copies = [.. File.ReadLines(result.CopiesFile).Skip(1)];
        Assert.Contains("5-copy.jpg", Assert.Single(copies), StringComparison.Ordinal);
        Assert.Contains("5.png", copies[0], StringComparison.Ordinal);
        Assert.Equal("path,other,similarity,pixel_difference", File.ReadLines(result.CopiesFile).First());
        Assert.InRange(Number(copies[0].Split(',')[2]), 0.9, 1);
        Assert.InRange(Number(copies[0].Split(',')[3]), 0.1, 6); // never 0 after compression
        string pair = Assert.Single(File.ReadLines(result.GalleryFile), line => line.StartsWith("<div class=\"pair\">", StringComparison.Ordinal));
        Assert.All((string[])["5.png", "5-copy.jpg"], name => Assert.Contains($"<span>{name}</span>", pair, StringComparison.Ordinal));

        void Save(SkiaSharp.SKBitmap picture, string name, SkiaSharp.SKEncodedImageFormat format)
        {
            using var stream = File.Create(Path.Combine(photos, name));
            picture.Encode(stream, format, 85);
        }
    }

    [Fact]
    public void Run_OtherImages_AreAllGrouped_WithTheUnreadableListed_AndNothingIsSaidOfTests()
    {
        string photos = Path.Combine(folder, "classes"), bad = Path.Combine(run, "groups", "bad_images.csv");
        for (int i = 0; i < 40; i++)
        {
            Directory.CreateDirectory(Path.Combine(photos, i % 2 == 0 ? "even" : "odd"));
            File.WriteAllBytes(Path.Combine(photos, i % 2 == 0 ? "even" : "odd", $"{i:00}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i % 3, 16)); // many pixel for pixel
        }

        File.WriteAllText(Path.Combine(photos, "odd", "broken.png"), "no image");
        List<string> warnings = [];
        var result = ImageGrouping.Run(Options with { Data = photos }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
        }));
        Assert.Equal(40, result.Images);
        Assert.Equal($"1 of 41 images cannot be read and are left out; '{bad}' lists them", Assert.Single(warnings));
        Assert.StartsWith("odd/broken.png,", File.ReadAllLines(bad)[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OutThatCannotBeWritten_IsRefusedBeforeAnythingIsRead()
    {
        string file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");
        foreach (string place in (string[])[file, Path.Combine(file, "deeper")])
        {
            Assert.Contains("Name another with --out", Assert.Throws<WclUsageException>(() => ImageGrouping.Run(Options with { Out = place },
                new ProgressHandler<RunProgress>(report => Assert.Fail($"{report}")))).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Run_AFolderOfOtherResults_OrATableOfSomebodyElse_IsLeftAlone()
    {
        string others = Path.Combine(folder, "others"), table = Path.Combine(others, "groups.csv");
        Directory.CreateDirectory(others);
        File.WriteAllText(table, "team,lead\n");
        Assert.Contains("is no file of wcl groups, whose groups.csv is not beside it, and would be overwritten", Assert.Throws<WclUsageException>(() => ImageGrouping.Run(Options with { Out = others })).Message, StringComparison.Ordinal);
        Assert.Equal("team,lead\n", File.ReadAllText(table));
        File.Move(table, table = Path.Combine(others, "copies.csv"));
        Assert.StartsWith($"'{table}' is no file of wcl groups", Assert.Throws<WclUsageException>(() => ImageGrouping.Run(Options with { Out = others })).Message, StringComparison.Ordinal);
        Assert.Contains("holds a run or other results", Assert.Throws<WclUsageException>(() => ImageGrouping.Run(Options with { Out = Options.Run })).Message, StringComparison.Ordinal);
        Assert.Equal([table], Directory.GetFileSystemEntries(others));
    }

    [Fact]
    public void Run_ImagesThatTheRunTestedWith_AreNotGrouped_UnlessAListNamesThem()
    {
        string photos = Path.Combine(folder, "photos"), tests = Path.Combine(folder, "tests.csv"), own = Path.Combine(folder, "own");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 40; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i % 7, 20));
        File.WriteAllLines(tests, Enumerable.Range(10, 30).Select(i => $"photos/{i:D2}.png,class {i % 2}"));
        Pretraining.Run(SmallRun.Options with { Data = photos, Test = tests, Limit = null, Batch = 8, Epochs = 1, Out = own });
        List<string> warnings = [];
        var result = ImageGrouping.Run(new GroupOptions { Run = own, Device = "cpu" }, SmallRun.Noted(warnings));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i:D2}.png"), File.ReadLines(result.GroupsFile).Skip(1).Select(line => line.Split(',')[0]));
        Assert.Contains($"Not grouped, since they are test images ('{tests}'): 30 of 40 images.", warnings);
        Assert.Equal(40, ImageGrouping.Run(new GroupOptions { Run = own, Data = photos, Device = "cpu" }).Images);
        string labels = Path.Combine(folder, "labels.csv");
        File.WriteAllLines(labels, Enumerable.Range(10, 30).Select(i => $"{i:D2}.png,class {i % 2}"));
        Assert.Equal(40, ImageGrouping.Run(new GroupOptions { Run = own, Labels = labels, Device = "cpu" }).Images);
    }

    [Fact]
    public void Run_WhatCannotBe_IsRefused()
    {
        string Refusal(GroupOptions options) => Assert.Throws<WclUsageException>(() => ImageGrouping.Run(options)).Message;
        Assert.Contains("--groups is 0;", Refusal(Options with { Groups = 0 }), StringComparison.Ordinal);
        Assert.Contains("--groups 161 is more than half of the 320 images", Refusal(Options with { Groups = 161 }), StringComparison.Ordinal);
        Assert.Contains("--groups 160 is more than the", Refusal(Options with { Groups = 160 }), StringComparison.Ordinal);
        Assert.Contains("--copies is 2;", Refusal(Options with { CopyThreshold = 2 }), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(run, "groups")));
    }
}
