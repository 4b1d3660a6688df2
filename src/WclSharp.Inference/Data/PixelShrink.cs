using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WclSharp.Data;

/// <summary>
/// Shrinks uint8 images with a triangle filter as wide as the step between new pixels (antialiased bilinear), and writes
/// them as planes, turned upright.
/// </summary>
/// <remarks>
/// Columns first: a new row is a weighted sum of old rows, which is a long run of multiply-adds over bytes that follow one
/// another; only then the much fewer new rows are shrunk along their length, four channels at a time.
/// </remarks>
internal static class PixelShrink
{
    /// <summary>Shrinks interleaved pixels of four channels (the fourth is passed over) into three planes.</summary>
    /// <param name="rgba">[height, width, 4]: red, green, blue premultiplied by the fourth, alpha.</param>
    /// <param name="height">Height as decoded.</param>
    /// <param name="width">Width as decoded.</param>
    /// <param name="size">Size to shrink to, and the middle of it that is kept, in the decoded orientation.</param>
    /// <param name="opaque">True where alpha is 255 everywhere; otherwise the image is put on white.</param>
    /// <param name="layout">Where the pixels of a plane go.</param>
    /// <param name="target">[3, layout.Height, layout.Width].</param>
    public static void Rgba(ReadOnlySpan<byte> rgba, int height, int width, StoredSize size, bool opaque, PixelLayout layout, Span<byte> target)
    {
        int plane = layout.Height * layout.Width;
        Span<byte> red = target[..plane], green = target.Slice(plane, plane), blue = target.Slice(2 * plane, plane);
        var rentedRow = ArrayPool<uint>.Shared.Rent(size.KeptWidth);
        var row = rentedRow.AsSpan(0, size.KeptWidth);
        if (size == new StoredSize(height, width))
        {
            for (int y = 0; y < size.KeptHeight; y++)
            {
                var pixels = MemoryMarshal.Cast<byte, uint>(rgba.Slice(((size.Top + y) * width + size.Left) * 4, size.KeptWidth * 4));
                if (!opaque)
                {
                    for (int x = 0; x < row.Length; x++) row[x] = OnWhite(pixels[x]);
                    pixels = row;
                }
                Split(pixels, layout, y, red, green, blue);
            }
            ArrayPool<uint>.Shared.Return(rentedRow);
            return;
        }

        var columns = new Taps(width, size.Width, size.Left, size.KeptWidth);
        var rows = new Taps(height, size.Height, size.Top, size.KeptHeight);
        var rentedLine = ArrayPool<float>.Shared.Rent(width * 4);
        var line = rentedLine.AsSpan(0, width * 4);
        for (int y = 0; y < size.KeptHeight; y++)
        {
            SumRows(rgba, width * 4, rows, y, line);
            SumColumns(MemoryMarshal.Cast<float, Vector128<float>>(line), columns, opaque, row);
            Split(row, layout, y, red, green, blue);
        }
        ArrayPool<float>.Shared.Return(rentedLine);
        ArrayPool<uint>.Shared.Return(rentedRow);
    }

    /// <summary>Shrinks a line of pixels along its length, and rounds.</summary>
    private static void SumColumns(ReadOnlySpan<Vector128<float>> line, Taps columns, bool opaque, Span<uint> row)
    {
        for (int x = 0; x < row.Length; x++)
        {
            var weights = columns.Weights(x);
            // One check for all of a pixel's taps, of which there are two or three mostly.
            ref var first = ref MemoryMarshal.GetReference(line.Slice(columns.First[x], weights.Length));
            var sum = Vector128.Create(0.5f); // rounds
            for (int i = 0; i < weights.Length; i++) sum += Unsafe.Add(ref first, i) * weights[i];
            if (!opaque) sum += Vector128.Create(255 - (sum[3] - 0.5f));
            // "Native": without the instructions that see to what is no number or does not fit, since nothing here is such.
            var rounded = Vector128.ConvertToInt32Native(Vector128.MinNative(sum, Vector128.Create(255f))).AsUInt32();
            var halves = Vector128.Narrow(rounded, rounded);
            row[x] = Vector128.Narrow(halves, halves).AsUInt32()[0];
        }
    }

    // Red and blue together, then green. A channel above alpha, which a damaged file may have, ends at 255: the ninth bit of each is spread over the eight below.
    private static uint OnWhite(uint pixel)
    {
        uint white = 255 - (pixel >> 24), ends = (pixel & 0xFF00FF) + white * 0x10001, over = ends & 0x1000100;
        return ((ends | (over - (over >> 8))) & 0xFF00FF) | Math.Min((pixel >> 8 & 0xFF) + white, 255) << 8;
    }

    /// <summary>Writes a row of pixels, red in the lowest byte, into three planes.</summary>
    private static void Split(ReadOnlySpan<uint> row, PixelLayout layout, int y, Span<byte> red, Span<byte> green, Span<byte> blue)
    {
        int x = 0, at = layout.Start + y * layout.StepY;
        if (Vector.IsHardwareAccelerated && layout.StepX == 1)
        {
            for (; x + Vector<byte>.Count <= row.Length; x += Vector<byte>.Count, at += Vector<byte>.Count)
            {
                int quarter = Vector<uint>.Count;
                Vector<uint> a = new(row[x..]), b = new(row[(x + quarter)..]), c = new(row[(x + 2 * quarter)..]), d = new(row[(x + 3 * quarter)..]);
                LowBytes(a, b, c, d).CopyTo(red[at..]);
                LowBytes(a >>> 8, b >>> 8, c >>> 8, d >>> 8).CopyTo(green[at..]);
                LowBytes(a >>> 16, b >>> 16, c >>> 16, d >>> 16).CopyTo(blue[at..]);
            }
        }
        for (; x < row.Length; x++, at += layout.StepX) (red[at], green[at], blue[at]) = ((byte)row[x], (byte)(row[x] >> 8), (byte)(row[x] >> 16));
    }

    // Narrowing cuts off what does not fit.
    private static Vector<byte> LowBytes(Vector<uint> a, Vector<uint> b, Vector<uint> c, Vector<uint> d) => Vector.Narrow(Vector.Narrow(a, b), Vector.Narrow(c, d));

    /// <summary>Shrinks one plane.</summary>
    public static void Plane(ReadOnlySpan<byte> source, int height, int width, StoredSize size, Span<byte> target)
    {
        if (size == new StoredSize(height, width))
        {
            for (int y = 0; y < size.KeptHeight; y++)
                source.Slice((size.Top + y) * width + size.Left, size.KeptWidth).CopyTo(target[(y * size.KeptWidth)..]);
            return;
        }

        var columns = new Taps(width, size.Width, size.Left, size.KeptWidth);
        var rows = new Taps(height, size.Height, size.Top, size.KeptHeight);
        var rented = ArrayPool<float>.Shared.Rent(width);
        var line = rented.AsSpan(0, width);
        for (int y = 0; y < size.KeptHeight; y++)
        {
            SumRows(source, width, rows, y, line);
            for (int x = 0; x < size.KeptWidth; x++)
            {
                float sum = 0.5f;
                var weights = columns.Weights(x);
                for (int i = 0; i < weights.Length; i++) sum += line[columns.First[x] + i] * weights[i];
                target[y * size.KeptWidth + x] = (byte)Math.Min(sum, 255);
            }
        }
        ArrayPool<float>.Shared.Return(rented);
    }

    private static void SumRows(ReadOnlySpan<byte> source, int stride, Taps rows, int y, Span<float> sum)
    {
        var weights = rows.Weights(y);
        sum.Clear();
        for (int i = 0; i < weights.Length; i++) AddScaled(source.Slice((rows.First[y] + i) * stride, stride), weights[i], sum);
    }

    /// <summary>Adds bytes times a weight to sums, element by element.</summary>
    public static void AddScaled(ReadOnlySpan<byte> bytes, float weight, Span<float> sum)
    {
        int x = 0;
        if (Vector.IsHardwareAccelerated)
        {
            var sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
            for (int block = 0; x + Vector<byte>.Count <= bytes.Length; x += Vector<byte>.Count, block += 4)
            {
                Vector.Widen(new Vector<byte>(bytes[x..]), out var low, out var high);
                Vector.Widen(low, out var a, out var b);
                Vector.Widen(high, out var c, out var d);
                // Through signed integers: the conversion of unsigned ones has no instruction before AVX-512.
                sums[block] += Vector.ConvertToSingle(Vector.AsVectorInt32(a)) * weight;
                sums[block + 1] += Vector.ConvertToSingle(Vector.AsVectorInt32(b)) * weight;
                sums[block + 2] += Vector.ConvertToSingle(Vector.AsVectorInt32(c)) * weight;
                sums[block + 3] += Vector.ConvertToSingle(Vector.AsVectorInt32(d)) * weight;
            }
        }
        for (; x < bytes.Length; x++) sum[x] += bytes[x] * weight;
    }

    /// <summary>For each new pixel along one axis, the old pixels that it is made of and their weights, which add up to 1.</summary>
    private sealed class Taps
    {
        private readonly float[] weights;
        private readonly int[] counts;
        private readonly int most;

        public Taps(int from, int to, int firstKept, int kept)
        {
            double step = (double)from / to; // 1 or more: nothing is enlarged
            most = (int)Math.Ceiling(2 * step) + 1;
            (First, counts, weights) = (new int[kept], new int[kept], new float[kept * most]);
            for (int i = 0; i < kept; i++)
            {
                double centre = (firstKept + i + 0.5) * step;
                int first = Math.Max(0, (int)Math.Floor(centre - step + 0.5)), end = Math.Min(from, (int)Math.Floor(centre + step + 0.5));
                var row = weights.AsSpan(i * most, end - first);
                double total = 0;
                for (int j = first; j < end; j++) total += Math.Max(0, 1 - Math.Abs((j + 0.5 - centre) / step));
                for (int j = first; j < end; j++) row[j - first] = (float)(Math.Max(0, 1 - Math.Abs((j + 0.5 - centre) / step)) / total);
                (First[i], counts[i]) = (first, end - first);
            }
        }

        public int[] First { get; }

        public ReadOnlySpan<float> Weights(int i) => weights.AsSpan(i * most, counts[i]);
    }
}
