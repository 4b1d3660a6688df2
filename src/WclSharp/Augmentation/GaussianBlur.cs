using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>Gaussian blur with a standard deviation for each sample, as two banded matrix products per plane.</summary>
/// <remarks>
/// Pixels outside of the image are taken to equal the nearest one inside, as Pillow does (torchvision reflects; the
/// difference is confined to the border). Pillow approximates the Gaussian by repeated box filters; this is the Gaussian itself.
/// </remarks>
internal static class GaussianBlur
{
    // Made once: see ColourJitter.
    private static readonly Scalar Negligible = 1e-9, One = 1, Two = 2;

    /// <summary>The matrix that blurs an axis, for each sample.</summary>
    /// <param name="sigmas">[N, 1] float32, standard deviations in pixels, above zero.</param>
    /// <param name="size">S, pixels along the axis.</param>
    /// <returns>[N, S, S] float32, rows sum to one; the caller owns it.</returns>
    public static Tensor Kernels(Tensor sigmas, int size)
    {
        using var scope = NewDisposeScope();
        // Weight of source pixel j = the Gaussian's mass over the pixel's place; what lies outside goes to the edge pixels.
        // Sampled at pixel centres and normalised over the whole line, tails included.
        long n = sigmas.size(0);
        using Scalar start = 1 - size, stop = size;
        var offsets = arange(start, stop, One, dtype: float32, device: sigmas.device); // [2S - 1]
        var taps = (offsets * offsets).neg_().view(1, -1) / (sigmas * sigmas).mul_(Two);
        taps.exp_();
        taps.mul_(taps.gt(Negligible).to(float32)); // products with subnormal numbers would take ten times as long
        taps.div_(taps.sum(1, keepdim: true)); // [N, 2S - 1], taps of distance 1-S .. S-1
        // Row i reads the taps from S-1-i on: a Toeplitz matrix is a view of them with a stride of minus one, so flip first.
        var toeplitz = taps.as_strided([n, size, size], [taps.stride(0), 1, 1], 0).flip(1).contiguous(); // [N, i, j] = tap(j - i)
        var tails = taps.cumsum(1); // tails[k] = sum of taps up to distance k - (S-1)
        var left = tails.narrow(1, 0, size).flip(1); // [N, i] = sum of taps at distance <= -i: all that falls on pixel 0
        toeplitz.select(2, 0).copy_(left);
        toeplitz.select(2, size - 1).copy_(left.flip(1));
        return toeplitz.MoveToOuterDisposeScope();
    }

    /// <summary>Blurs planes of square images.</summary>
    /// <param name="plane">[N, S, S] float32.</param>
    /// <param name="kernels">[N, S, S], from <see cref="Kernels"/>.</param>
    /// <returns>[N, S, S], a new tensor; the caller owns it.</returns>
    public static Tensor Apply(Tensor plane, Tensor kernels)
    {
        using var rows = bmm(kernels, plane);
        return bmm(rows, kernels.transpose(1, 2));
    }
}
