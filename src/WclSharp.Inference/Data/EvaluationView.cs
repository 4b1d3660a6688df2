using System.Buffers;

namespace WclSharp.Data;

/// <summary>
/// The view of an image that an encoder is evaluated on, without randomness: small images (S up to <see cref="LargestSmallImage"/>)
/// whole, others resized so that the shorter side is <see cref="ShorterSide"/> and cut out of the middle.
/// </summary>
/// <remarks>
/// What the training side makes by matrix products on any device (<c>Augmenter.Evaluate</c>) is made here by walking the few taps of
/// each output pixel: the same triangle filter, as wide as the step between output pixels and never narrower than two source pixels,
/// normalised to one. Rows first, a run of multiply-adds over bytes that follow one another, then columns. The two differ in the
/// rounding of float32 sums only.
/// </remarks>
internal static class EvaluationView
{
    /// <summary>Largest side, in pixels, that counts as a small image.</summary>
    public const int LargestSmallImage = 64;

    // Images of usual size are resized to 256/224 of the view and cut in the middle.
    private const double Margin = 256 / 224.0;

    /// <summary>Pixels that the shorter side of an image is resized to for a view of side S above <see cref="LargestSmallImage"/>.</summary>
    /// <param name="imageSize">S, side of the view, pixels.</param>
    public static int ShorterSide(int imageSize) => (int)Math.Round(imageSize * Margin);

    /// <summary>How both axes of the view map to an image.</summary>
    /// <param name="height">Height of the image, pixels.</param>
    /// <param name="width">Width of the image, pixels.</param>
    /// <param name="imageSize">S, side of the view, pixels.</param>
    public static (AxisMap Rows, AxisMap Columns) Of(int height, int width, int imageSize)
    {
        int resizedHeight = imageSize, resizedWidth = imageSize;
        if (imageSize > LargestSmallImage)
        {
            int shorter = ShorterSide(imageSize);
            (resizedHeight, resizedWidth) = height <= width
                ? (shorter, (int)((long)shorter * width / height))
                : ((int)((long)shorter * height / width), shorter);
        }
        return (
            AxisMap.Window(height, resizedHeight, (int)Math.Round((resizedHeight - imageSize) / 2.0)),
            AxisMap.Window(width, resizedWidth, (int)Math.Round((resizedWidth - imageSize) / 2.0)));
    }

    /// <summary>Makes the view of one image.</summary>
    /// <param name="pixels">Planar [channels, height, width].</param>
    /// <param name="channels">1 or 3; a grey image's one plane serves all three channels.</param>
    /// <param name="height">Height, pixels.</param>
    /// <param name="width">Width, pixels.</param>
    /// <param name="imageSize">S, side of the view, pixels.</param>
    /// <param name="target">[3, S, S], 0 to 255.</param>
    public static unsafe void Write(ReadOnlySpan<byte> pixels, int channels, int height, int width, int imageSize, Span<float> target)
    {
        var (rowMap, columnMap) = Of(height, width, imageSize);
        Taps rows = new(rowMap, imageSize), columns = new(columnMap, imageSize);
        int left = columns.First[0], seen = columns.End - left, plane = imageSize * imageSize;
        var rented = ArrayPool<float>.Shared.Rent(seen);
        var line = rented.AsSpan(0, seen);
        for (int channel = 0; channel < channels; channel++)
        {
            var source = pixels.Slice(channel * height * width, height * width);
            var view = target.Slice(channel * plane, plane);
            for (int y = 0; y < imageSize; y++)
            {
                var weights = rows.Weights(y);
                fixed (byte* first = source.Slice(rows.First[y] * width + left, (weights.Length - 1) * width + seen))
                fixed (float* sums = line)
                    RowSum.Write(first, width, weights, seen, sums);
                SumColumns(line, left, columns, view.Slice(y * imageSize, imageSize));
            }
        }
        ArrayPool<float>.Shared.Return(rented);
        for (int channel = channels; channel < 3; channel++) target[..plane].CopyTo(target.Slice(channel * plane, plane));
    }

    private static void SumColumns(ReadOnlySpan<float> line, int left, Taps columns, Span<float> row)
    {
        for (int x = 0; x < row.Length; x++)
        {
            var weights = columns.Weights(x);
            var taps = line.Slice(columns.First[x] - left, weights.Length);
            float sum = 0;
            for (int i = 0; i < taps.Length; i++) sum += taps[i] * weights[i];
            row[x] = sum;
        }
    }

    /// <summary>For each output pixel along one axis, the source pixels that it is made of and their weights, which add up to 1.</summary>
    private sealed class Taps
    {
        private readonly float[] weights;
        private readonly int[] counts;
        private readonly int most;

        // In float32 as the training side: a position rounded differently moves the weights by more than all sums do.
        public Taps(AxisMap map, int outputSize)
        {
            float support = Math.Max(map.Step, 1);
            int end = map.Start + map.Extent;
            most = (int)Math.Ceiling(2 * support) + 2;
            (First, counts, weights) = (new int[outputSize], new int[outputSize], new float[outputSize * most]);
            for (int i = 0; i < outputSize; i++)
            {
                float centre = (i + 0.5f) * map.Step + map.Origin;
                int first = Math.Max(map.Start, (int)Math.Floor(centre - support - 0.5f) + 1);
                int last = Math.Min(end - 1, (int)Math.Ceiling(centre + support - 0.5f) - 1);
                var row = weights.AsSpan(i * most, last - first + 1);
                float total = 0;
                for (int j = 0; j < row.Length; j++) total += row[j] = Math.Max(0, 1 - Math.Abs(first + j + 0.5f - centre) / support);
                for (int j = 0; j < row.Length; j++) row[j] /= total;
                (First[i], counts[i]) = (first, row.Length);
                End = Math.Max(End, last + 1);
            }
        }

        /// <summary>First source pixel of each output pixel; ascending.</summary>
        public int[] First { get; }

        /// <summary>One past the last source pixel of all.</summary>
        public int End { get; }

        public ReadOnlySpan<float> Weights(int i) => weights.AsSpan(i * most, counts[i]);
    }
}
