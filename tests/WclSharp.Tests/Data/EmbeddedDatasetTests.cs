using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class EmbeddedDatasetTests
{
    // From the files themselves, by another program: the first test image is an ankle boot.
    private static readonly string[] FirstClasses = ["Ankle boot", "Pullover", "Trouser", "Trouser", "Shirt", "Trouser", "Coat", "Shirt", "Sandal", "Sneaker"];

    [Fact]
    public void Read_NoPath_GivesTheTestImagesOfFashionMnist()
    {
        using var data = ImageDataset.Read(new DatasetOptions());
        Assert.Equal((10_000, 1, (28, 28)), (data.Count, data.Channels, data.SizeOf(9_999)));
        Assert.Equal(data.ClassNames.Order(StringComparer.Ordinal), data.ClassNames);
        Assert.Equal(FirstClasses, data.Labels[..10].ToArray().Select(label => data.ClassNames[label]));
        Assert.All(data.Labels.ToArray().CountBy(label => label), pair => Assert.Equal(1000, pair.Value));
        Assert.Equal(0, data.BadImages);
        Assert.Equal(64, data.Fingerprint.Length);
        long sum = 0;
        for (int i = 0; i < data.Count; i++)
            foreach (byte pixel in data.PixelsOf(i)) sum += pixel;
        Assert.Equal(PixelSum, sum);
    }

    [Fact]
    public void Split_AFifthHeldOut_Is8000And2000WithEveryClassEqual()
    {
        using var data = ImageDataset.Read(new DatasetOptions());
        var (train, heldOut) = data.Split(0.2, seed: 5);
        using (train)
        using (heldOut)
        {
            Assert.Equal((8000, 2000), (train.Count, heldOut.Count));
            Assert.All(heldOut.Labels.ToArray().CountBy(label => label), pair => Assert.Equal(200, pair.Value));
            var names = Enumerable.Range(0, 8000).Select(train.NameOf).Concat(Enumerable.Range(0, 2000).Select(heldOut.NameOf)).ToHashSet();
            Assert.Equal(10_000, names.Count);
            Assert.NotEqual(train.Fingerprint, heldOut.Fingerprint);

            var (again, _) = data.Split(0.2, seed: 5);
            Assert.Equal(train.Fingerprint, again.Fingerprint);
            var (other, _) = data.Split(0.2, seed: 6);
            Assert.NotEqual(train.Fingerprint, other.Fingerprint);
            again.Dispose();
            other.Dispose();

            int position = int.Parse(heldOut.NameOf(7), System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(heldOut.PixelsOf(7).SequenceEqual(data.PixelsOf(position)));
            Assert.Equal(data.Labels[position], heldOut.Labels[7]);
        }
    }

    [Fact]
    public void Split_ClassesThatCannotAllGiveAnImage_TakeTurnsBySeed()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 36; i++) folder.Write($"class {i / 3:D2}/{i:D2}.png", ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 8 + i));
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        string[] held = [.. Enumerable.Range(0, 8).Select(seed => Held(seed))];
        Assert.True(held.Distinct().Count() >= 6, string.Join("; ", held));
        Assert.Contains(held, classes => classes.Contains("11", StringComparison.Ordinal)); // the last by name
        Assert.Equal(held[3], Held(3));

        // A fifth of 36 is 7: of 7 of the 12 classes one image each.
        string Held(long seed)
        {
            var (train, heldOut) = data.Split(0.2, seed);
            using (train)
            using (heldOut)
            {
                Assert.Equal((29, 7), (train.Count, heldOut.Count));
                int[] classes = [.. heldOut.Labels.ToArray().Distinct().Order()];
                Assert.Equal(7, classes.Length);
                return string.Join(' ', classes);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    public void Split_NoShare_IsRefused(double share)
    {
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 10 });
        Assert.Throws<WclUsageException>(() => data.Split(share, 0));
    }

    [Fact]
    public void Subset_OutlivesItsParent_AndPixelsGoWithTheLastOwner()
    {
        var data = ImageDataset.Read(new DatasetOptions { Limit = 100 });
        var subset = data.Subset([5, 3]);
        var expected = data.PixelsOf(3).ToArray();
        data.Dispose();
        Assert.Equal(expected, subset.PixelsOf(1).ToArray());
        Assert.Throws<ObjectDisposedException>(() => data.PixelsOf(3).Length);
        subset.Dispose();
        Assert.Throws<ObjectDisposedException>(() => subset.PixelsOf(0).Length);
    }

    private const long PixelSum = 573_469_082;
}
