using SkiaSharp;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Tests.Data;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public sealed class NearDuplicatesTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>A frame of a burst has features and pixels like another's; the same features with other pixels, and the same pixels with other features, are no copies.</summary>
    [Fact]
    public void Count_IsOfImagesWhoseFeaturesAndPixelsAreAlike()
    {
        foreach (var (name, grey) in new[] { ("train/x/a.png", 100), ("train/y/b.png", 200), ("test/x/c.png", 103), ("test/x/d.png", 150), ("test/y/e.png", 201) }) folder.Write(name, Picture((byte)grey));
        using var learnt = ImageDataset.Read(new DatasetOptions { Path = folder["train"] });
        using var tested = ImageDataset.Read(new DatasetOptions { Path = folder["test"] });
        using Tensor gallery = tensor(new float[,] { { 1, 0 }, { 0, 1 } }), queries = tensor(new float[,] { { 0.9999f, 0.0141f }, { 1, 0 }, { 0.7071f, 0.7071f } });
        LiveTensors.AssertNoneLeftBy(() => Assert.Equal((1, 3), NearDuplicates.Count(gallery, learnt, queries, tested, null, CancellationToken.None)));
    }

    [Fact]
    public void Count_SomeUnlabelled_ComparesThePixelsOfThoseThatHaveAClass()
    {
        using var learnt = ImageDataset.Read([new("0", Picture(20)), new("1", Picture(100), "x"), new("2", Picture(180), "y")]);
        using var tested = ImageDataset.Read([new("0", Picture(20)), new("1", Picture(101), "x"), new("2", Picture(181), "y"), new("3", Picture(20), "x")]);
        using Tensor gallery = eye(3), queries = tensor(new float[,] { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 1, 0, 0 } }); // the last is a copy of one without a class
        Assert.Equal((2, 3), NearDuplicates.Count(gallery, learnt, queries, tested, null, CancellationToken.None));
    }

    [Fact]
    public void Count_OfMany_LooksAtSomeOfAllEvenly()
    {
        using var images = ImageDataset.Read([new EncodedImage("0", Picture(100), "x")]);
        using var tested = images.Subset(new int[6000]);
        using Tensor gallery = tensor(new float[,] { { 1, 0 } }), queries = zeros(6000, 2);
        queries.narrow(0, 0, 1500).select(1, 1).fill_(1);
        queries.narrow(0, 1500, 4500).select(1, 0).fill_(1); // copies
        Assert.Equal((1500, 2000), NearDuplicates.Count(gallery, images, queries, tested, null, CancellationToken.None));
    }

    [Fact]
    public void Warning_IsOfATwentiethAndMore()
    {
        Assert.Null(NearDuplicates.Warning(4, 100));
        Assert.StartsWith("5 of 100 test images look like near-duplicates", NearDuplicates.Warning(5, 100), StringComparison.Ordinal);
    }

    [Fact]
    public void Count_OfImagesInWhichNothingIsToBeSeen_IsNone()
    {
        foreach (var (name, grey) in new[] { ("train/x/a.png", 250), ("train/y/b.png", 251), ("test/x/c.png", 253), ("test/y/d.png", 247) }) folder.Write(name, Picture((byte)grey));
        using var learnt = ImageDataset.Read(new DatasetOptions { Path = folder["train"] });
        using var tested = ImageDataset.Read(new DatasetOptions { Path = folder["test"] });
        using Tensor gallery = tensor(new float[,] { { 1, 0 }, { 1, 0 } }), queries = tensor(new float[,] { { 1, 0 }, { 1, 0 } });
        Assert.Equal((0, 2), NearDuplicates.Count(gallery, learnt, queries, tested, null, CancellationToken.None));
    }

    /// <summary>Half white, half grey.</summary>
    private static byte[] Picture(byte grey)
    {
        using var bitmap = new SKBitmap(20, 30);
        bitmap.Erase(SKColors.White);
        bitmap.Erase(new SKColor(grey, grey, grey), new SKRectI(0, 0, 20, 15));
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return encoded.ToArray();
    }
}
