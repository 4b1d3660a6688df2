namespace WclSharp.Data;

/// <summary>
/// For each output pixel of one axis, the source pixels that it is made of and their weights: a triangle as wide as the step between output pixels, never narrower than two source
/// pixels (what Pillow and torchvision call bilinear with antialiasing).
/// </summary>
internal sealed class AxisTaps
{
    private readonly float[] weights; // [S, Most], zero beyond a pixel's count
    private readonly int[] firsts, counts;

    /// <param name="map">Which part of the axis is seen, and how output pixels lie on it.</param>
    /// <param name="outputSize">S, number of output pixels.</param>
    /// <param name="gain">Sum of each pixel's weights.</param>
    public AxisTaps(AxisMap map, int outputSize, double gain) : this((double)map.Origin - map.Start, map.Step, map.Extent, outputSize, gain) { }

    private AxisTaps(double origin, double step, double image, int outputSize, double gain)
    {
        int extent = (int)Math.Ceiling(image);
        double half = Math.Max(1, Math.Abs(step));
        Most = (int)Math.Ceiling(2 * half);
        (firsts, counts, weights) = (new int[outputSize], new int[outputSize], new float[outputSize * Most]);
        for (int i = 0; i < outputSize; i++)
        {
            // Centres of the pixels of what is seen, the first at 1/2. Those at the filter's very ends have no weight: they are left out.
            double centre = origin + step * (i + 0.5);
            int first = Math.Max(0, (int)Math.Floor(centre - half + 0.5)), end = Math.Min(extent, (int)Math.Ceiling(centre + half - 0.5));
            (firsts[i], counts[i]) = (first, end - first);
            double total = 0;
            for (int j = first; j < end; j++) total += Weight(j);
            for (int j = first; j < end; j++) weights[i * Most + j - first] = (float)(gain * Weight(j) / total);

            // The last pixel counts as far as it is image.
            double Weight(int j) => (1 - Math.Abs(j + 0.5 - centre) / half) * Math.Min(1, image - j);
        }
    }

    /// <summary>A whole axis shrunk to <paramref name="to"/> pixels, of which <paramref name="kept"/> from <paramref name="firstKept"/> on are made.</summary>
    /// <param name="from">Pixels of the axis.</param>
    /// <param name="extent">How many of them the image takes: fewer than <paramref name="from"/> where the last is partly beyond it.</param>
    /// <param name="to">Pixels to shrink to.</param>
    /// <param name="firstKept">First pixel that is made.</param>
    /// <param name="kept">Pixels that are made.</param>
    public static AxisTaps Shrink(int from, double extent, int to, int firstKept, int kept)
    {
        double step = extent / to;
        return new(firstKept * step, step, Math.Min(extent, from), kept, 1);
    }

    /// <summary>Source pixels of an output pixel at most.</summary>
    public int Most { get; }

    /// <summary>First source pixel of each output pixel, counted from the start of what is seen.</summary>
    public ReadOnlySpan<int> Firsts => firsts;

    /// <summary>Weights [S, <see cref="Most"/>]; zero where a pixel has fewer.</summary>
    public ReadOnlySpan<float> Weights => weights;

    /// <summary>Weights of an output pixel, one for each of its source pixels.</summary>
    public ReadOnlySpan<float> WeightsOf(int output) => weights.AsSpan(output * Most, counts[output]);
}
