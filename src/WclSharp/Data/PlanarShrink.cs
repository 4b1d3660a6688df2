using System.Buffers;

namespace WclSharp.Data;

/// <summary>Shrinks planar uint8 images by averaging over the area that a new pixel covers.</summary>
internal static class PlanarShrink
{
    /// <summary>Size that an image is stored at.</summary>
    /// <param name="height">Height, pixels.</param>
    /// <param name="width">Width, pixels.</param>
    /// <param name="storedSide">Length that the shorter side is shrunk to; never enlarged.</param>
    /// <returns>Size after shrinking, and the part of it that is kept: the longer side's middle, at most three times the shorter.</returns>
    public static (int Height, int Width, int KeptHeight, int KeptWidth) StoredSize(int height, int width, int storedSide)
    {
        int shorter = Math.Min(height, width);
        if (shorter > storedSide)
        {
            height = (int)Math.Max(storedSide, Math.Round((double)height * storedSide / shorter));
            width = (int)Math.Max(storedSide, Math.Round((double)width * storedSide / shorter));
            shorter = storedSide;
        }
        return (height, width, Math.Min(height, 3 * shorter), Math.Min(width, 3 * shorter));
    }

    /// <summary>Shrinks one plane and keeps its middle.</summary>
    /// <param name="source">[height, width].</param>
    /// <param name="height">Height of the source.</param>
    /// <param name="width">Width of the source.</param>
    /// <param name="size">Sizes as of <see cref="StoredSize"/>.</param>
    /// <param name="target">[KeptHeight, KeptWidth].</param>
    public static void Plane(ReadOnlySpan<byte> source, int height, int width, (int Height, int Width, int KeptHeight, int KeptWidth) size, Span<byte> target)
    {
        int top = (size.Height - size.KeptHeight) / 2, left = (size.Width - size.KeptWidth) / 2;
        double stepY = (double)height / size.Height, stepX = (double)width / size.Width;
        var rented = ArrayPool<float>.Shared.Rent(width);
        var row = rented.AsSpan(0, width);
        for (int y = 0; y < size.KeptHeight; y++)
        {
            double from = (top + y) * stepY, to = Math.Min(from + stepY, height);
            row.Clear();
            for (int sy = (int)from; sy < to; sy++)
            {
                float weight = (float)(Math.Min(sy + 1, to) - Math.Max(sy, from));
                var line = source.Slice(sy * width, width);
                for (int x = 0; x < width; x++) row[x] += weight * line[x];
            }
            for (int x = 0; x < size.KeptWidth; x++)
            {
                double start = (left + x) * stepX, end = Math.Min(start + stepX, width);
                double sum = 0;
                for (int sx = (int)start; sx < end; sx++) sum += (Math.Min(sx + 1, end) - Math.Max(sx, start)) * row[sx];
                target[y * size.KeptWidth + x] = (byte)Math.Clamp(Math.Round(sum / ((to - from) * (end - start))), 0, 255);
            }
        }
        ArrayPool<float>.Shared.Return(rented);
    }
}
