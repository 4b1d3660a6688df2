using WclSharp.Data;
using WclSharp.Reporting;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class PretrainingDataTests
{
    [Fact]
    public void Read_ClassesThatDifferInCaseOrBlanks_AreWarnedOf()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 12; i++) folder.Write($"photos/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 20));
        string Warnings(params string[] classes)
        {
            folder.Write("labels.csv", System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 12).Select(i => $"{i:00}.jpg,{classes[i % classes.Length]}\n"))));
            using var data = PretrainingData.Read(new PretrainOptions { Data = Path.Combine(folder.Path, "photos"), Labels = Path.Combine(folder.Path, "labels.csv"), ImageSize = 16 }, null, null, default);
            return string.Join('\n', data.Warnings);
        }

        Assert.Contains("('Dog' and 'dog', 'Light red' and 'lightred')", Warnings("Dog", "Light red", "cat", "dog", "lightred"), StringComparison.Ordinal);
        Assert.DoesNotContain("differ in case", Warnings("Dog", "cat"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ImagesToTestWith_ThatSayLittleOfRareClasses_AreWarnedOf()
    {
        using var folder = new DataFolder();
        void Write(string set, string name, int count)
        {
            for (int i = 0; i < count; i++) folder.Write($"{set}/{name}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, set.Length + name.Length + 10));
        }
        Write("photos", "good", 20);
        Write("photos", "scratch", 4);
        Write("photos", "dent", 2);
        IReadOnlyList<string> Warnings(string tests)
        {
            using var data = PretrainingData.Read(new PretrainOptions { Data = Path.Combine(folder.Path, "photos"), Test = Path.Combine(folder.Path, tests), ImageSize = 16 }, null, null, default);
            return data.TestWarnings;
        }

        Write("even", "good", 8);
        Write("even", "scratch", 2);
        Write("even", "dent", 2);
        Assert.DoesNotContain(Warnings("even"), warning => warning.Contains("of one class", StringComparison.Ordinal) || warning.Contains("no figure says anything", StringComparison.Ordinal));

        Write("tests", "good", 18);
        Write("tests", "Scratch ", 2);
        var warnings = Warnings("tests");
        Assert.Contains("90.0% of the labelled test images are of one class, good: predicting it for every image already gives that accuracy. Look at the balanced accuracy, in which every class counts equally.", warnings);
        Assert.Contains("No test image is of the class dent; no figure says anything of it. Name images of it with --test.", warnings); // that Scratch is written otherwise is said
        Assert.Contains(warnings, warning => warning.EndsWith("leave them out of the test. Some differ in case or blanks alone ('Scratch ' and 'scratch'): write them alike where they are the same.", StringComparison.Ordinal));
        Write("others", "Good", 18);
        Write("others", "scratch", 2);
        Assert.DoesNotContain(Warnings("others"), warning => warning.Contains("of one class", StringComparison.Ordinal)); // which nothing can be taken for
        Write("goods", "good", 3);
        Assert.Contains("No test image is of 2 classes: dent, scratch; no figure says anything of them. Name images of them with --test.", Warnings("goods"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the images to train on are a list, too
    public void Read_ImagesThatTestNames_AreNotLearntFrom(bool listed)
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 20; i++) folder.Write($"photos/{(i % 2 == 0 ? "cat" : "dog")}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 20));
        for (int i = 0; i < 3; i++) folder.Write($"others/cat/{i}.jpg", ImageFiles.Jpeg(70 + i, 20));
        string photos = Path.Combine(folder.Path, "photos"), list = folder.Write("lists/all.csv", string.Concat(Enumerable.Range(0, 20).Select(i => $"../photos/{(i % 2 == 0 ? "cat" : "dog")}/{i:00}.jpg,{(i % 2 == 0 ? "cat" : "dog")}\n")));
        var options = new PretrainOptions { Data = listed ? list : photos, ImageSize = 16 };
        foreach (string place in (string[])["photos/test.csv", "test.csv"]) // within the images' folder, and beside it
        {
            string within = place.Contains('/') ? "" : "photos/";
            string test = folder.Write(place, $"{within}cat/00.jpg,cat\n{within}dog/01.jpg,dog\n{within}dog/03.jpg,dog\n{(within.Length > 0 ? "others/cat/0.jpg,cat\n" : "")}");
            using var data = PretrainingData.Read(options with { Test = test }, null, null, default);
            Assert.Equal((20, 17, 3), (data.All.Count, data.Train.Count, data.LeftOut));
            Assert.Equal(within.Length > 0 ? 4 : 3, data.HeldOut!.Count);
            Assert.Equal((9, 8), (data.Train.Labels.ToArray().Count(label => label == 0), data.Train.Labels.ToArray().Count(label => label == 1)));
            Assert.Contains("Excluded from training, since --test names them: 3 of 20 images.", data.Warnings);
            Assert.DoesNotContain(data.TestWarnings, warning => warning.Contains("pixel for pixel", StringComparison.Ordinal));
            Assert.Equal(17, data.Facts.Images);
        }

        // Folders beside each other have nothing in common.
        using (var apart = PretrainingData.Read(options with { Test = Path.Combine(folder.Path, "others") }, null, null, default)) Assert.Equal((20, 0), (apart.Train.Count, apart.LeftOut));
        // All of them, and a folder within the other, are refused.
        if (listed) File.Copy(list, folder["lists/again.csv"]);
        string all = listed ? folder["lists/again.csv"] : list;
        Assert.Contains("and none is left to train on", Assert.Throws<WclUsageException>(() => PretrainingData.Read(options with { Test = all }, null, null, default)).Message, StringComparison.Ordinal);
        Assert.Contains("is inside", Assert.Throws<WclUsageException>(() => PretrainingData.Read(options with { Data = photos, Test = Path.Combine(photos, "cat") }, null, null, default)).Message, StringComparison.Ordinal);
    }

    /// <summary>Folders may be years, and a list name the classes that a classifier knows: then a split by years tests nothing.</summary>
    [Fact]
    public void Read_AHeldOutPartOfOtherClasses_IsNone_ButOthersToTestWithAreRefused()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 20; i++) folder.Write($"photos/{2019 + i % 2}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 20));
        for (int i = 0; i < 4; i++) folder.Write($"tests/{2019 + i % 2}/{i:00}.jpg", ImageFiles.Jpeg(60 + i, 20));
        var options = new PretrainOptions { Data = Path.Combine(folder.Path, "photos"), ImageSize = 16 };
        using (var data = PretrainingData.Read(options, null, null, default, new() { TestClasses = ["cat", "dog"] })) Assert.Equal((20, null), (data.Train.Count, data.HeldOut));
        using (var data = PretrainingData.Read(options, null, null, default, new() { TestClasses = ["2020", "dog"] })) Assert.Equal(4, data.HeldOut!.Count);
        Assert.Contains("is among the known ones", Assert.Throws<WclUsageException>(() =>
            PretrainingData.Read(options with { Test = Path.Combine(folder.Path, "tests") }, null, null, default, new() { TestClasses = ["cat", "dog"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UnreadableImagesToTestWith_CountAndAreListed()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 20; i++) folder.Write($"{(i < 10 ? "train" : "test")}/{"ab"[i % 2]}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 20));
        folder.Write("test/a/broken.jpg", "no image"u8.ToArray());
        folder.Write("train/a/broken 1.jpg", "no image"u8.ToArray());
        folder.Write("train/a/broken 2.jpg", "no image"u8.ToArray());
        using var run = RunFolder.Create(folder["run"], resume: false, DateTime.Now);
        using var data = PretrainingData.Read(new PretrainOptions { Data = folder["train"], Test = folder["test"], ImageSize = 16, MaxBad = 1 }, run, null, default);
        Assert.Equal((2, 3), (data.All.BadImages, data.BadImages));
        Assert.Equal(["bad_images.csv", "bad_test_images.csv"], RunFolder.BadImageLists(run.FullPath));
        Assert.Contains("broken.jpg", File.ReadAllText(run.BadTestImagesPath), StringComparison.Ordinal);
    }

    /// <summary>Of 60,000 labelled images 10,000 are held out, not 12,000; those without a class change nothing of which.</summary>
    [Fact]
    public void Split_OfManyImages_HoldsTenThousandOut()
    {
        byte[] pixel = ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 1, 1);
        using var all = ImageDataset.Read(Enumerable.Range(0, 60_100).Select(i => new EncodedImage($"{i}", pixel, i < 60_000 ? $"{i % 3}" : null)));
        List<IDisposable> owned = [];
        var (train, heldOut) = HeldOutImages.Split(all, seed: 0, known: null, owned);
        Assert.Equal((50_100, 10_000, 10_000), (train!.Count, heldOut!.Count, heldOut.LabelledCount));
        foreach (var part in owned) part.Dispose();
    }

    [Theory]
    [InlineData(9, false)]
    [InlineData(10, true)]
    public void Split_OfFewLabels_HoldsNoneOut(int labels, bool split)
    {
        byte[] pixel = ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 1, 1);
        using var all = ImageDataset.Read(Enumerable.Range(0, 100).Select(i => new EncodedImage($"{i}", pixel, i < labels ? $"{i % 2}" : null)));
        List<IDisposable> owned = [];
        Assert.Equal(split, HeldOutImages.Split(all, seed: 0, known: null, owned).HeldOut?.Count == 2);
        foreach (var part in owned) part.Dispose();
    }

    [Theory]
    [InlineData(0, true, true)]
    [InlineData(1, false, true)] // MiB; each set takes 0.6
    [InlineData(2, false, false)]
    public void Read_ImagesToTestWith_GetTheMemoryThatTheOthersLeave(int cacheMiB, bool mapped, bool testMapped)
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 20; i++) folder.Write($"{(i < 10 ? "train" : "test")}/{"ab"[i % 2]}/{i:00}.jpg", ImageFiles.Jpeg(150, 150));
        using var data = PretrainingData.Read(new PretrainOptions { Data = Path.Combine(folder.Path, "train"), Test = Path.Combine(folder.Path, "test"), ImageSize = 128, CacheMiB = cacheMiB, CacheFolder = folder.Path }, null, null, default);
        Assert.Equal((mapped, testMapped), (data.All.IsMemoryMapped, data.HeldOut!.IsMemoryMapped));
        bool Says(string what) => data.Lines.Any(line => line.EndsWith($"MiB of {what} are kept in a memory-mapped file (--cache-mib)", StringComparison.Ordinal));
        Assert.Equal((mapped, testMapped), (Says("decoded images"), Says("decoded test images")));
    }
}
