namespace WclSharp.Kernels;

/// <summary>
/// Which pixels of an image a convolution's result is a sum of, along one side, and by which of the kernel's taps. A two-dimensional kernel sees every pair of such a row and such a column.
/// </summary>
/// <param name="Pixels">Pixels of the side that is read.</param>
/// <param name="Seen">For every result, in the order of taps, what it sees; padding is left out.</param>
internal sealed record TapMap(int Pixels, (int Tap, int Pixel)[][] Seen)
{
    /// <summary>Results.</summary>
    public int Results => Seen.Length;

    /// <summary>For every pixel whether any result sees it.</summary>
    public bool[] IsSeen { get; } = Marked(Pixels, Seen);

    /// <summary>Outputs along a side of so many pixels.</summary>
    public static int Outputs(int pixels, int stride) => (pixels - 1) / stride + 1;

    /// <summary>A convolution's outputs, which see its input.</summary>
    /// <param name="pixels">Of the input.</param>
    /// <param name="side">Side of the square kernel, odd; half of it is padded with zeros.</param>
    /// <param name="stride">Pixels between outputs.</param>
    public static TapMap OfOutput(int pixels, int side, int stride) => new(pixels, Of(Outputs(pixels, stride), pixels, side, (output, tap) => output * stride + tap - side / 2));

    /// <summary>Its input's gradient, which sees the output's.</summary>
    /// <inheritdoc cref="OfOutput"/>
    public static TapMap OfInputGradient(int pixels, int side, int stride)
    {
        int outputs = Outputs(pixels, stride);
        return new TapMap(outputs, Of(pixels, outputs, side, (pixel, tap) => (pixel + side / 2 - tap) is var distance && distance % stride == 0 ? distance / stride : -1));
    }

    private static bool[] Marked(int pixels, (int Tap, int Pixel)[][] seen)
    {
        bool[] marks = new bool[pixels];
        foreach (var result in seen)
            foreach (var (_, pixel) in result) marks[pixel] = true;
        return marks;
    }

    private static (int Tap, int Pixel)[][] Of(int results, int pixels, int side, Func<int, int, int> pixelOf) =>
        [.. Enumerable.Range(0, results).Select(result => Enumerable.Range(0, side).Select(tap => (tap, pixelOf(result, tap))).Where(seen => seen.Item2 >= 0 && seen.Item2 < pixels).ToArray())];
}
