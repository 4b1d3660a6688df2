using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Few classes, none, or as many as images.</summary>
public sealed class RunLabelsTests : RunsInFolder
{
    [Fact]
    public void PurityOfFewLabels_IsTheShareOfTheImagesThatHaveOne()
    {
        string photos = Path.Combine(folder, "photos"), list = Path.Combine(folder, "labels.csv");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 64; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        File.WriteAllLines(list, ["07.png,odd", "08.png,odd", "09.png,odd"]);
        var run = Pretraining.Run(SmallRun.Options with { Limit = null, Data = photos, Labels = list, Batch = 8, Epochs = 1, Out = Path.Combine(folder, "labelled") });
        Assert.Equal(1, run.Summary.Purity); // of one class; most of the batches have no label
    }

    [Fact]
    public void ImagesThatNoneOfHasALabel_AreNotHeldOut_AndThoseThatWouldBeTrainedOnAreNoTest()
    {
        string photos = Path.Combine(folder, "photos"), list = Path.Combine(folder, "labels.csv"), test = Path.Combine(photos, "test");
        Directory.CreateDirectory(test);
        for (int i = 0; i < 40; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        File.WriteAllLines(list, ["07.png,odd", "08.png,even"]);
        var options = SmallRun.Options with { Limit = null, Data = photos, Batch = 8, Epochs = 1 };
        var summary = Pretraining.Run(options with { Labels = list, Out = Path.Combine(folder, "labelled") }).Summary;
        Assert.Equal((40, null), (summary.TrainImages, summary.TestImages)); // a fifth without a label would test nothing

        foreach (var (data, inside) in ((string, string)[])[(photos, test), (test, photos)])
            Assert.Contains("images of --test would be trained on", Assert.Throws<WclUsageException>(() => Pretraining.Run(options with { Data = data, Test = inside, Out = Path.Combine(folder, "x") })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FewImagesToTestWith_BringAWarning()
    {
        List<string> warnings = [];
        Pretraining.Run(SmallRun.Options with { Limit = 60, Epochs = 1, Out = Path.Combine(folder, "few") }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => System.Text.RegularExpressions.Regex.IsMatch(warning, "^1[0-9] test images are too few to measure an accuracy; name more with --test\\.$"));
    }

    [Fact]
    public void ClassesThatDoNotRepeat_AreRefused_UnlessTheyWereDrawn()
    {
        string photos = Path.Combine(folder, "photos");
        for (int i = 0; i < 12; i++)
        {
            Directory.CreateDirectory(Path.Combine(photos, $"{i}"));
            File.WriteAllBytes(Path.Combine(photos, $"{i}", "1.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        }

        var options = SmallRun.Options with { Batch = 4, Epochs = 1 };
        Assert.Contains("a class of its own", Assert.Throws<WclUsageException>(() => Pretraining.Run(options with { Data = photos, Limit = null, Out = Path.Combine(folder, "x") })).Message, StringComparison.Ordinal);
        Assert.Equal(10, Pretraining.Run(options with { Limit = 10, Out = Path.Combine(folder, "drawn") }).Summary is { } summary ? summary.TrainImages + (summary.TestImages ?? 0) : 0);
    }
}
