using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class PixelShrinkTests
{
    // Of the second the image ends within the last row and column, which count for what they have of it.
    [Theory]
    [InlineData(37, 53)]
    [InlineData(36.125, 52.5)]
    public void Shrink_AgainstASlowFilter_IsEqual(double imageHeight, double imageWidth)
    {
        const int Height = 37, Width = 53, Side = 16;
        var rgba = new byte[Height * Width * 4];
        for (int i = 0; i < rgba.Length; i++) rgba[i] = i % 4 == 3 ? (byte)255 : (byte)(i * 7919 >> 3);
        var size = StoredSize.For(Height, Width, Side);
        var actual = new byte[3 * size.Height * size.Width];
        PixelShrink.Rgba(rgba, Height, Width, size, true, PixelLayout.For(1, size.Height, size.Width), actual, new ImageExtent(imageHeight, imageWidth));

        static double[] Weights(double image, int to, int at)
        {
            double step = image / to, centre = (at + 0.5) * step;
            var weights = Enumerable.Range(0, (int)Math.Ceiling(image)).Select(i => Math.Max(0, 1 - Math.Abs(i + 0.5 - centre) / step) * Math.Min(1, image - i)).ToArray();
            double total = weights.Sum();
            return [.. weights.Select(w => w / total)];
        }
        for (int y = 0; y < size.Height; y++)
            for (int x = 0; x < size.Width; x++)
                for (int c = 0; c < 3; c++)
                {
                    var rows = Weights(imageHeight, size.Height, y);
                    var columns = Weights(imageWidth, size.Width, x);
                    double sum = 0;
                    for (int i = 0; i < Height; i++)
                        for (int j = 0; j < Width; j++) sum += rows[i] * columns[j] * rgba[(i * Width + j) * 4 + c];
                    Assert.InRange(actual[(c * size.Height + y) * size.Width + x], sum - 0.51, sum + 0.51);
                }
    }

    [Fact]
    public void Shrink_Turned_IsTheShrunkImageTurned()
    {
        const int Height = 90, Width = 130;
        var rgba = new byte[Height * Width * 4];
        for (int i = 0; i < rgba.Length; i++) rgba[i] = i % 4 == 3 ? (byte)255 : (byte)(i * 7919 >> 5);
        var size = StoredSize.For(Height, Width, 48);
        byte[] upright = new byte[3 * size.Height * size.Width], turned = new byte[upright.Length];
        PixelShrink.Rgba(rgba, Height, Width, size, true, PixelLayout.For(1, size.Height, size.Width), upright);
        for (int orientation = 2; orientation <= 8; orientation++)
        {
            var layout = PixelLayout.For(orientation, size.Height, size.Width);
            PixelShrink.Rgba(rgba, Height, Width, size, true, layout, turned);
            for (int i = 0; i < upright.Length; i++)
            {
                int plane = size.Height * size.Width, y = i % plane / size.Width, x = i % plane % size.Width;
                Assert.Equal(upright[i], turned[i / plane * plane + layout.Start + y * layout.StepY + x * layout.StepX]);
            }
        }
    }

    // Widths around those of vectors, in every orientation, opaque and not.
    [Theory]
    [InlineData(8)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(67)]
    public void Shrink_NothingToShrink_CopiesEveryPixelToItsPlace(int width)
    {
        const int Height = 24; // nothing is cut: no more than three times as long as wide
        var rgba = new byte[Height * width * 4];
        for (int i = 0; i < rgba.Length; i += 4)
        {
            byte alpha = (byte)(i * 31 >> 2);
            for (int c = 0; c < 3; c++) rgba[i + c] = (byte)(alpha * ((i * 7919 + c * 131) & 255) / 255); // premultiplied
            rgba[i + 3] = alpha;
        }
        foreach (bool opaque in (bool[])[true, false])
            for (int orientation = 1; orientation <= 8; orientation++)
            {
                var layout = PixelLayout.For(orientation, Height, width);
                var planes = new byte[3 * Height * width];
                PixelShrink.Rgba(rgba, Height, width, new StoredSize(Height, width), opaque, layout, planes);
                for (int y = 0; y < Height; y++)
                    for (int x = 0; x < width; x++)
                        for (int c = 0; c < 3; c++)
                        {
                            int at = (y * width + x) * 4, expected = rgba[at + c] + (opaque ? 0 : 255 - rgba[at + 3]);
                            Assert.Equal(expected, planes[c * Height * width + layout.Start + y * layout.StepY + x * layout.StepX]);
                        }
            }
    }
}
