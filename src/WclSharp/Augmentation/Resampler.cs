using TorchSharp;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>
/// Crop, mirror and antialiased bilinear resize of a batch as two matrix products per image, rows x image x columns^T,
/// on any device.
/// </summary>
/// <remarks>
/// The rows of both matrices are Pillow's resampling weights for its triangle filter: the filter's half width is
/// max(1, Step) source pixels, so that shrinking averages over all that it covers, and the weights over the box are
/// normalised to one. (Pillow rounds to 8 bits between the passes; this does not.) As the weights are zero outside of the
/// box, neither padding nor other parts of the image matter, and images of different sizes can share a batch.
/// A dense product costs more arithmetic than walking the filter's few taps, but a matrix product does it at a rate that
/// makes it the cheaper way on a GPU and, for small images or with the box cut out first, on a CPU.
/// </remarks>
internal static class Resampler
{
    // Made once: see ColourJitter.
    private static readonly Scalar Half = 0.5, One = 1, Zero = 0;

    /// <summary>The weights of one axis for a batch.</summary>
    /// <param name="maps">[N, 4] float32, rows as <see cref="AxisMap.Write"/> makes them, on the device to compute on.</param>
    /// <param name="outputSize">S, number of output pixels.</param>
    /// <param name="first">First source pixel that gets weights.</param>
    /// <param name="count">L, number of source pixels that get weights; they cover what every sample sees.</param>
    /// <param name="gain">Sum of each row of weights.</param>
    /// <returns>[N, S, L] float32; the caller owns it.</returns>
    public static Tensor Weights(Tensor maps, int outputSize, int first, int count, double gain = 1)
    {
        using var scope = NewDisposeScope();
        var columns = maps.unsqueeze(-1); // [N, 4, 1]
        Tensor origin = columns.narrow(1, 0, 1), step = columns.narrow(1, 1, 1), start = columns.narrow(1, 2, 1), end = columns.narrow(1, 3, 1);
        var source = PixelCentres(first, count, maps.device); // [L]
        var centres = (PixelCentres(0, outputSize, maps.device).view(1, -1, 1) * step).add_(origin, alpha: One); // [N, S, 1]
        var weights = source - centres; // [N, S, L], distance in source pixels
        weights.div_(step.abs().clamp_min_(One)).abs_().neg_().add_(One, One).clamp_min_(Zero);
        weights.mul_((source > start).logical_and_(source < end).to(float32)); // nothing from outside of the box
        using Scalar inverseGain = 1 / gain;
        weights.div_(weights.sum(-1, keepdim: true).mul_(inverseGain));
        return weights.MoveToOuterDisposeScope();
    }

    /// <summary>Resamples a batch into one plane per channel.</summary>
    /// <param name="images">[N, C, H, W], uint8 or float32.</param>
    /// <param name="rows">[N, S, H] weights of the vertical axis.</param>
    /// <param name="columns">[N, T, W] weights of the horizontal axis.</param>
    /// <returns>C tensors [N, S, T] float32; the caller owns them.</returns>
    public static Tensor[] Resample(Tensor images, Tensor rows, Tensor columns)
    {
        using var scope = NewDisposeScope();
        long n = images.shape[0], c = images.shape[1], h = images.shape[2], w = images.shape[3];
        var lines = images.to(float32).contiguous().view(n, c * h, w);
        var narrowed = bmm(lines, columns.transpose(1, 2)).view(n, c, h, -1); // [N, C H, W] x [N, W, T]
        var planes = new Tensor[c];
        for (int channel = 0; channel < c; channel++)
            planes[channel] = bmm(rows, narrowed.select(1, channel)).MoveToOuterDisposeScope(); // [N, S, H] x [N, H, T]
        return planes;
    }

    private static Tensor PixelCentres(int first, int count, Device device)
    {
        using Scalar start = first, stop = first + count;
        return arange(start, stop, One, dtype: float32, device: device).add_(Half, One);
    }
}
