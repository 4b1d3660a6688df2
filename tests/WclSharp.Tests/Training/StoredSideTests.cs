using WclSharp.Checkpoints;
using WclSharp.Reporting;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>A run whose crops take their size from the images keeps these alike whenever it reads them.</summary>
public sealed class StoredSideTests
{
    [Theory]
    [InlineData(20, 16, 32)]
    [InlineData(80, 64, 64)]
    public void Run_ImagesOfManySizesAndNoImageSize_ReadsThemAgainAlike(int usual, int smallestCrop, int largestCrop)
    {
        using var images = new DataFolder();
        using var runs = new DataFolder();
        // Most are small, so that crops are; a few are larger than crops of that size would need them.
        for (int i = 0; i < 80; i++) images.Write($"data/{"ab"[i % 2]}/{i:000}.jpg", i % 10 == 0 ? ImageFiles.Jpeg(150, 160) : ImageFiles.Jpeg(usual + i % 5, usual + 4 + i % 7));
        var options = SmallRun.Options with { Data = Path.Combine(images.Path, "data"), ImageSize = null, Limit = null, Epochs = 1, Out = runs["run"] };

        using var first = PretrainingData.Read(options, null, null, CancellationToken.None);
        var summary = Pretraining.Run(options).Summary;
        var resolved = RunFolder.ReadConfig(runs["run"]);
        Assert.InRange(resolved.ImageSize!.Value, smallestCrop, largestCrop);
        using var again = PretrainingData.Read(resolved, null, null, CancellationToken.None);

        Assert.Equal(summary.DatasetFingerprint, again.Train.Fingerprint);
        Assert.Equal(first.Normalization, again.Normalization);
    }

    [Theory]
    [InlineData(true, 16, 32)]
    [InlineData(false, 24, 24)] // the embedded images
    public void Run_TestImagesLargerThanAllThatItTrainsOn_ReadsThemAgainAlike(bool own, int smallestCrop, int largestCrop)
    {
        using var images = new DataFolder();
        using var runs = new DataFolder();
        for (int i = 0; i < 40; i++) images.Write($"data/{"ab"[i % 2]}/{i:000}.jpg", ImageFiles.Jpeg(20 + i % 5, 24 + i % 7));
        for (int i = 0; i < 8; i++) images.Write($"test/{(own ? "ab"[i % 2].ToString() : i % 2 == 0 ? "Bag" : "Coat")}/{i:000}.jpg", ImageFiles.Jpeg(150, 160));
        var options = SmallRun.Options with { Data = own ? images["data"] : null, Test = images["test"], ImageSize = null, Limit = own ? null : 40, Epochs = 1, Out = runs["run"] };

        using var first = PretrainingData.Read(options, null, null, CancellationToken.None);
        Pretraining.Run(options);
        var resolved = RunFolder.ReadConfig(runs["run"]);
        Assert.InRange(resolved.ImageSize!.Value, smallestCrop, largestCrop);
        using var again = PretrainingData.Read(resolved, null, null, CancellationToken.None);

        Assert.Equal(first.HeldOut!.Fingerprint, again.HeldOut!.Fingerprint);
        Assert.Equal(new CheckpointStore(RunFolder.CheckpointsOf(runs["run"])).LastState!.TestFingerprint, again.HeldOut.Fingerprint);
    }
}
