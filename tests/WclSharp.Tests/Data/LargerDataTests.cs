using System.Formats.Tar;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Data;

/// <summary>Real data sets that are too large for the repository, from the folder that WCLSHARP_DATA names.</summary>
[Trait("Category", "LargerData")]
public sealed class LargerDataTests
{
    private const string Variable = "WCLSHARP_DATA";

    /// <summary>Path of a data set; skips the test where there is none.</summary>
    private static string Find(string name)
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(folder), $"{Variable} is not set; it names a folder with {name}.");
        string path = Path.Combine(folder!, name);
        Assert.SkipWhen(!File.Exists(path), $"The folder that {Variable} names has no {name}.");
        return path;
    }

    [Fact]
    public void Cifar10Test_IsReadWhole()
    {
        using var data = ImageDataset.Read(new DatasetOptions { Path = Find("cifar10-test.tar") });
        Assert.Equal((10_000, 3, 0, 0L), (data.Count, data.Channels, data.BadImages, data.Ignored));
        Assert.Equal(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], data.ClassNames);
        Assert.All(Enumerable.Range(0, data.Count), i => Assert.Equal((32, 32), data.SizeOf(i)));
        Assert.Equal(Enumerable.Repeat(1000, 10), data.Labels.ToArray().CountBy(label => label).OrderBy(pair => pair.Key).Select(pair => pair.Value));
    }

    [Fact]
    public void Cifar10Test_Limited_IsTheSameForTheSameSeed()
    {
        ImageDataset Read(long seed) => ImageDataset.Read(new DatasetOptions { Path = Find("cifar10-test.tar"), Limit = 500, Seed = seed });
        using var first = Read(seed: 7);
        using var same = Read(seed: 7);
        using var other = Read(seed: 8);
        Assert.Equal(500, first.Count);
        Assert.Equal(first.Fingerprint, same.Fingerprint);
        Assert.NotEqual(first.Fingerprint, other.Fingerprint);
    }

    [Fact]
    public void ImageNetSample_HasNoBadImage_AndTheSamePixelsForAnyNumberOfWorkers()
    {
        ImageDataset Read(int workers) => ImageDataset.Read(new DatasetOptions { Path = Find("imagenet-sample-160.tar"), StoredSide = 64, MaxBad = 0, Workers = workers });
        using var one = Read(workers: 1);
        using var two = Read(workers: 2);
        Assert.Equal((160, 3, 0), (one.Count, one.Channels, one.BadImages));
        Assert.All(Enumerable.Range(0, one.Count), i => Assert.Equal(64, Math.Min(one.SizeOf(i).Height, one.SizeOf(i).Width)));
        Assert.Equal(one.Fingerprint, two.Fingerprint);
    }

    [Fact]
    public void Pretraining_OnSomeOfCifar10_TrainsAndTestsOnTheImagesOfBothArchives()
    {
        using var folder = new DataFolder();
        string run = folder["run"];
        var result = Pretraining.Run(new PretrainOptions
        {
            Data = Find("cifar10-train.tar"),
            Test = EveryTenthImage(Find("cifar10-test.tar"), folder["test.tar"]),
            Limit = 512,
            Width = 8,
            Epochs = 1,
            Device = "cpu",
            Out = run,
        });
        Assert.Equal(("finished", 512, 1000, 0), (result.Summary.Status, result.Summary.TrainImages, result.Summary.TestImages, result.Summary.BadImages));
        Assert.InRange(result.Summary.Knn!.Value, 0.05, 1); // as of an untrained network: what training gives is PretrainingTests' to say
        Assert.True(File.Exists(Path.Combine(run, "summary.json")));
    }

    private static string EveryTenthImage(string source, string target)
    {
        using var reader = new System.Formats.Tar.TarReader(File.OpenRead(source));
        using var writer = new TarWriter(File.Create(target));
        for (int images = 0; reader.GetNextEntry() is { } entry;)
            if (entry.EntryType is not TarEntryType.Directory && images++ % 10 == 0) writer.WriteEntry(entry);
        return target;
    }
}
