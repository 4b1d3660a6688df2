using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>
/// Brightness, contrast, saturation, hue and greyscale with a parameter for each sample, in place, on colour planes.
/// </summary>
/// <remarks>
/// An image batch is held as three planes (red, green, blue), each [N, P] float32 in [0, 1] with P pixels, so that every operation
/// runs over contiguous memory with one factor per row. The semantics are Pillow's and torchvision's; they differ
/// from them only in that Pillow rounds to 8 bits after every operation.
///
/// Brightness, contrast and saturation all move a pixel towards or away from a reference value d, x' = clamp(x + (1 - f)(d - x)), with
/// d zero, the mean luma of the image, or the luma of the pixel. <see cref="Blend"/> therefore does any of the three, chosen by row.
/// </remarks>
internal static class ColourJitter
{
    // Made once: CONTRIBUTING, Numbers.
    private static readonly Scalar RedLuma = 0.299f, GreenLuma = 0.587f, BlueLuma = 0.114f; // ITU-R 601-2
    private static readonly Scalar Zero = 0, One = 1, Two = 2, Three = 3, Four = 4, Six = 6, Tiny = 1e-9, OneThird = 1 / 3f, TwoThirds = 2 / 3f;

    /// <summary>Number of floats of one sample in the rounds that <see cref="Blend"/> reads.</summary>
    public const int BlendLength = 3;

    /// <summary>Writes what <see cref="Blend"/> needs to know about one sample: 1 - f, then whether d is the luma, then whether it is the mean.</summary>
    public static void WriteBlend(Span<float> target, JitterOperation operation, float factor)
    {
        target[0] = 1 - factor;
        target[1] = operation == JitterOperation.Saturation ? 1 : 0;
        target[2] = operation == JitterOperation.Contrast ? 1 : 0;
    }

    /// <summary>Luma of each pixel, ITU-R 601: 0.299 R + 0.587 G + 0.114 B. One plane is taken to be luma.</summary>
    /// <param name="planes">Three planes, or one of a grey image.</param>
    /// <returns>[N, P], a new tensor; the caller owns it.</returns>
    public static Tensor Luma(ReadOnlySpan<Tensor> planes) => planes.Length == 1
        ? planes[0].clone()
        : planes[0].mul(RedLuma).add_(planes[1], alpha: GreenLuma).add_(planes[2], alpha: BlueLuma);

    /// <summary>One round of brightness, contrast or saturation, in place.</summary>
    /// <param name="planes">Three planes [N, P], or one of grey images.</param>
    /// <param name="round">[N, 3] float32, rows as <see cref="WriteBlend"/> makes them.</param>
    public static void Blend(ReadOnlySpan<Tensor> planes, Tensor round)
    {
        using var scope = NewDisposeScope();
        Tensor weight = round.narrow(1, 0, 1), isSaturation = round.narrow(1, 1, 1), isContrast = round.narrow(1, 2, 1); // [N, 1]
        var reference = Luma(planes);
        var mean = reference.mean([1], keepdim: true).mul_(isContrast); // [N, 1]
        reference.mul_(isSaturation).add_(mean, alpha: One);
        foreach (var plane in planes) plane.lerp_(reference, weight).clamp_(Zero, One);
    }

    /// <summary>Shifts the hue, keeping saturation and value of the HSV model, in place.</summary>
    /// <param name="red">[N, P].</param>
    /// <param name="green">[N, P].</param>
    /// <param name="blue">[N, P].</param>
    /// <param name="turns">[N, 1] float32, shift in turns of the colour circle, in [-1/2, 1/2].</param>
    /// <remarks>
    /// With the hue H in sextants, V = max, m = min and chroma d = V - m, the channels of an HSV colour are
    /// m + d clamp(|H - 3| - 1), m + d clamp(2 - |H - 2|) and m + d clamp(2 - |H - 4|), clamped to [0, 1]. V and d do not
    /// change, so that only H has to be found: the one division.
    /// </remarks>
    public static void ShiftHue(Tensor red, Tensor green, Tensor blue, Tensor turns)
    {
        using var scope = NewDisposeScope();
        var value = maximum(maximum(red, green), blue);
        var least = minimum(minimum(red, green), blue);
        var chroma = value - least;
        Tensor redLeads = red.eq(value), greenLeads = green.eq(value);
        Tensor third = Everywhere(OneThird), two = Everywhere(TwoThirds), none = Everywhere(Zero);

        // Hue in turns: which channel leads gives the third of the circle, the other two the place in it.
        var difference = where(redLeads, green - blue, where(greenLeads, blue - red, red - green));
        var hue = where(redLeads, none, where(greenLeads, third, two)).add_(turns, alpha: One);
        hue.addcdiv_(difference, chroma.mul(Six).add_(Tiny, One), One); // where the chroma is zero, so is the difference
        hue.sub_(hue.floor()).mul_(Six); // [0, 6) sextants

        // clamp(|t|, 1, 2) serves all three: red rises with it from m at 1, green and blue fall with it from V.
        chroma.neg_();
        var rising = least.add_(chroma, alpha: One);  // m - d
        var falling = value.sub_(chroma); // V + d
        red.copy_(hue).sub_(Three).abs_().clamp_(One, Two).mul_(chroma).neg_().add_(rising, alpha: One);
        green.copy_(hue).sub_(Two).abs_().clamp_(One, Two).mul_(chroma).add_(falling, alpha: One);
        blue.copy_(hue).sub_(Four).abs_().clamp_(One, Two).mul_(chroma).add_(falling, alpha: One);

        // Made on the device: a number that is sent there waits for it.
        Tensor Everywhere(Scalar number) => full([1L], number, float32, red.device);
    }

    /// <summary>Sets every channel of the chosen samples to the luma, in place.</summary>
    /// <param name="planes">Three planes [N, P].</param>
    /// <param name="samples">[M] int64, rows to change.</param>
    public static void Grayscale(ReadOnlySpan<Tensor> planes, Tensor samples)
    {
        using var scope = NewDisposeScope();
        var luma = Luma([planes[0].index_select(0, samples), planes[1].index_select(0, samples), planes[2].index_select(0, samples)]);
        foreach (var plane in planes) plane.index_copy_(0, samples, luma);
    }
}
