using SkiaSharp;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class ThumbnailsTests
{
    /// <summary>Half white, half of a colour.</summary>
    private static EncodedImage Picture(string name, int side, byte red, byte green, byte blue)
    {
        using var bitmap = new SKBitmap(side, side);
        bitmap.Erase(SKColors.White);
        bitmap.Erase(new SKColor(red, green, blue), new SKRectI(0, 0, side, side / 2));
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return new(name, encoded.ToArray());
    }

    [Fact]
    public void DifferenceAndContrast_AreOfTheMeanOfTheChannels()
    {
        using var images = ImageDataset.Read([Picture("0", 32, 255, 255, 255), Picture("1", 32, 255, 255, 195), Picture("2", 64, 255, 255, 195), Picture("3", 32, 255, 225, 225)]);
        var thumbnails = new Thumbnails(images);
        Assert.Equal(10, thumbnails.Difference(0, 1), 1e-4); // a third of 60, in half of the image
        Assert.Equal(0, thumbnails.Difference(1, 2), 1e-4); // of any size
        Assert.Equal(0, thumbnails.Difference(1, 3), 1e-4);
        Assert.Equal(0, thumbnails.Contrast(0), 1e-4);
        Assert.Equal(10, thumbnails.Contrast(1), 1e-4);
    }
}
