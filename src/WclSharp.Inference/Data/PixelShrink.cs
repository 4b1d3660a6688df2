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
    // Of a decoder that shrinks by eighths, down to a quarter: what is left is less than a factor of 1.5.
    private const int UsualTaps = 3;

    /// <summary>Shrinks interleaved pixels of four channels (the fourth is passed over) into three planes.</summary>
    /// <param name="rgba">[height, width, 4]: red, green, blue premultiplied by the fourth, alpha.</param>
    /// <param name="height">Height as decoded.</param>
    /// <param name="width">Width as decoded.</param>
    /// <param name="size">Size to shrink to, and the middle of it that is kept, in the decoded orientation.</param>
    /// <param name="opaque">True where alpha is 255 everywhere; otherwise the image is put on white.</param>
    /// <param name="layout">Where the pixels of a plane go.</param>
    /// <param name="target">[3, layout.Height, layout.Width].</param>
    /// <param name="extent">How many of the rows and columns the image takes; null is all.</param>
    public static void Rgba(ReadOnlySpan<byte> rgba, int height, int width, StoredSize size, bool opaque, PixelLayout layout, Span<byte> target, ImageExtent? extent = null)
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

        var (rows, columns) = Taps(height, width, extent ?? new(height, width), size);
        var rentedLine = ArrayPool<float>.Shared.Rent((width + columns.Most) * 4);
        var line = rentedLine.AsSpan(0, (width + columns.Most) * 4);
        line[(width * 4)..].Clear(); // what weights of zero are multiplied with has to be a number
        for (int y = 0; y < size.KeptHeight; y++)
        {
            SumRows(rgba, width * 4, rows, y, line);
            SumColumns(line, columns, opaque, row);
            Split(row, layout, y, red, green, blue);
        }
        ArrayPool<float>.Shared.Return(rentedLine);
        ArrayPool<uint>.Shared.Return(rentedRow);
    }

    /// <summary>Shrinks a line of pixels along its length, and rounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void SumColumns(ReadOnlySpan<float> line, AxisTaps columns, bool opaque, Span<uint> row)
    {
        fixed (float* pixels = line, weights = columns.Weights)
        fixed (int* firsts = columns.Firsts)
        {
            int most = columns.Most, x = 0;
            for (; x + 4 <= row.Length; x += 4)
            {
                Vector128<int> a = Pixel(pixels, firsts, weights, most, x, opaque), b = Pixel(pixels, firsts, weights, most, x + 1, opaque);
                Vector128<int> c = Pixel(pixels, firsts, weights, most, x + 2, opaque), d = Pixel(pixels, firsts, weights, most, x + 3, opaque);
                Bytes(a, b, c, d).CopyTo(row[x..]);
            }
            for (; x < row.Length; x++)
            {
                var last = Pixel(pixels, firsts, weights, most, x, opaque);
                row[x] = Bytes(last, last, last, last)[0];
            }
        }

        // The four channels of a new pixel, 0 to 255.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector128<int> Pixel(float* line, int* firsts, float* weights, int most, int x, bool opaque)
        {
            float* pixel = line + 4L * firsts[x], weight = weights + (long)x * most;
            var sum = Vector128.Create(0.5f); // rounds
            if (most == UsualTaps) sum = sum + Vector128.Load(pixel) * weight[0] + Vector128.Load(pixel + 4) * weight[1] + Vector128.Load(pixel + 8) * weight[2];
            else for (int i = 0; i < most; i++, pixel += 4) sum += Vector128.Load(pixel) * weight[i];
            if (!opaque) sum += Vector128.Create(255 - (sum[3] - 0.5f));
            // "Native": without the instructions that see to what is no number or does not fit, since nothing here is such.
            return Vector128.ConvertToInt32Native(Vector128.MinNative(sum, Vector128.Create(255f)));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector128<uint> Bytes(Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) =>
            Vector128.Narrow(Vector128.Narrow(a.AsUInt32(), b.AsUInt32()), Vector128.Narrow(c.AsUInt32(), d.AsUInt32())).AsUInt32();
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

        var (rows, columns) = Taps(height, width, new(height, width), size);
        var rented = ArrayPool<float>.Shared.Rent(width);
        var line = rented.AsSpan(0, width);
        for (int y = 0; y < size.KeptHeight; y++)
        {
            SumRows(source, width, rows, y, line);
            for (int x = 0; x < size.KeptWidth; x++)
            {
                float sum = 0.5f;
                var weights = columns.WeightsOf(x);
                for (int i = 0; i < weights.Length; i++) sum += line[columns.Firsts[x] + i] * weights[i];
                target[y * size.KeptWidth + x] = (byte)Math.Min(sum, 255);
            }
        }
        ArrayPool<float>.Shared.Return(rented);
    }

    private static (AxisTaps Rows, AxisTaps Columns) Taps(int height, int width, ImageExtent extent, StoredSize size) =>
        (AxisTaps.Shrink(height, extent.Height, size.Height, size.Top, size.KeptHeight), AxisTaps.Shrink(width, extent.Width, size.Width, size.Left, size.KeptWidth));

    private static unsafe void SumRows(ReadOnlySpan<byte> source, int stride, AxisTaps rows, int y, Span<float> sums)
    {
        var weights = rows.WeightsOf(y);
        fixed (byte* first = source.Slice(rows.Firsts[y] * stride, weights.Length * stride))
        fixed (float* target = sums)
            RowSum.Write(first, stride, weights, stride, target);
    }
}
