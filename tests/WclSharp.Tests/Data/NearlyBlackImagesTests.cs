using SkiaSharp;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

public sealed class NearlyBlackImagesTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-dark-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Read_ImagesOfTwelveBitsInSixteen_AreWarnedOf()
    {
        Write("bright.png", ushort.MaxValue);
        Write("dark.png", 4095);
        Write("darker.png", 1000);
        using var read = ImageDataset.Read(new DatasetOptions { Path = folder });
        Assert.Equal("2 of 3 images are nearly black (hardly a value above 15 of 255); the first is 'dark.png'. Files of 16 bits that hold 12 or fewer look so: scale their values to the whole range, or leave them out.",
            Assert.Single(read.Warnings));

        File.Delete(Path.Combine(folder, "dark.png"));
        File.Delete(Path.Combine(folder, "darker.png"));
        using var bright = ImageDataset.Read(new DatasetOptions { Path = folder });
        Assert.Empty(bright.Warnings);
    }

    [Fact]
    public void Warning_OfLessThanAHundredth_IsNone()
    {
        var images = new NearlyBlackImages();
        Assert.Null(images.Warning(10));
        images.Add("night.jpg");
        Assert.Null(images.Warning(101));
        Assert.StartsWith("1 of 100 images is nearly black", images.Warning(100), StringComparison.Ordinal);
        Assert.True(NearlyBlackImages.IsOne([0, 15, 3]));
        Assert.False(NearlyBlackImages.IsOne([0, 16, 3]));
        var hot = new byte[3000];
        foreach (int at in (int[])[0, 700, 2999]) hot[at] = 255;
        Assert.True(NearlyBlackImages.IsOne(hot));
        hot[1500] = 16;
        Assert.False(NearlyBlackImages.IsOne(hot));
    }

    /// <summary>A PNG of 16 bits a channel whose values are at most this.</summary>
    private void Write(string name, ushort largest)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(40, 40, SKColorType.Rgba16161616, SKAlphaType.Opaque));
        var values = new ushort[40 * 40 * 4];
        for (int i = 0; i < values.Length; i++) values[i] = i % 4 == 3 ? ushort.MaxValue : (ushort)(largest * (i % 100) / 99);
        System.Runtime.InteropServices.Marshal.Copy(Array.ConvertAll(values, value => (short)value), 0, bitmap.GetPixels(), values.Length);
        using var stream = File.Create(Path.Combine(folder, name));
        bitmap.Encode(stream, SKEncodedImageFormat.Png, 100);
    }
}
