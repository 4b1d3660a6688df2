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
/// A dense product costs more arithmetic than walking the filter's few taps, but on a GPU a matrix product does it at a rate that
/// makes it the cheaper way. On a CPU it is not: <see cref="TapResampler"/>.
/// </remarks>
internal static class MatrixResampler
{
    // Large sources go a few at a time, so that only what their crop boxes cover is read and multiplied.
    private const long PixelsAtOnce = 1 << 25;
    private const long PackedPixelsAtOnce = 1 << 23; // the place of each takes eight bytes

    // Made once: see ColourJitter.
    private static readonly Scalar Half = 0.5, One = 1, Zero = 0;

    /// <summary>Makes the samples [from, from + count) of a plan.</summary>
    /// <param name="source">N images of C channels.</param>
    /// <param name="plan">What each sample shows.</param>
    /// <param name="parameters">The plan's parameters, on the device.</param>
    /// <param name="indices">The plan's indices, on the device.</param>
    /// <param name="from">Position of the first sample.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="outputSize">S, side of the views.</param>
    /// <returns>C tensors [count, S S] float32 in [0, 1]; the caller owns them.</returns>
    public static Tensor[] Resample(ImageTensor source, BatchPlan plan, Tensor parameters, Tensor indices, int from, int count, int outputSize)
    {
        int channels = source.Channels, s = outputSize;
        int group = (int)Math.Clamp((source.Places is null ? PixelsAtOnce : PackedPixelsAtOnce) / ((long)source.Height * source.Width), 1, count);
        var parts = new List<Tensor>[channels];
        for (int channel = 0; channel < channels; channel++) parts[channel] = [];

        for (int start = from; start < from + count; start += group)
        {
            int size = Math.Min(group, from + count - start);
            using var scope = NewDisposeScope();
            var (top, bottom, left, right) = plan.Cover(start, size);
            Tensor picked; // [n, C, bottom - top, right - left]
            if (source.Places is { } places)
            {
                picked = Unpack(source.Pixels, places.index_select(1, plan.Images(indices).narrow(0, start, size)), channels, top, bottom, left, right);
            }
            else
            {
                picked = !plan.TakesImagesInOrder && size > 1
                    ? source.Pixels.index_select(0, plan.Images(indices).narrow(0, start, size))
                    : source.Pixels.narrow(0, plan.ImageAt(start), size);
                picked = picked.narrow(2, top, bottom - top).narrow(3, left, right - left);
            }
            var maps = parameters.narrow(0, start, size);
            var rows = Weights(maps.narrow(1, BatchPlan.RowMap, AxisMap.Length), s, top, bottom - top, 1 / 255.0);
            var columns = Weights(maps.narrow(1, BatchPlan.ColumnMap, AxisMap.Length), s, left, right - left);
            var planes = Resample(picked, rows, columns);
            for (int channel = 0; channel < channels; channel++)
                parts[channel].Add(planes[channel].view(size, (long)s * s).MoveToOuterDisposeScope());
        }
        return Array.ConvertAll(parts, list => list.Count == 1 ? list[0] : cat(list));
    }

    /// <summary>Some packed images side by side, of each the same part. Where an image has no such rows or columns, its last stand: they have no weight.</summary>
    /// <param name="pixels">[bytes] uint8.</param>
    /// <param name="places">First byte, height and width of each image, [3, n] int64.</param>
    /// <param name="channels">C.</param>
    /// <param name="top">First row.</param>
    /// <param name="bottom">The row after the last.</param>
    /// <param name="left">First column.</param>
    /// <param name="right">The column after the last.</param>
    /// <returns>[n, C, bottom - top, right - left] uint8; the caller owns it.</returns>
    private static Tensor Unpack(Tensor pixels, Tensor places, int channels, int top, int bottom, int left, int right)
    {
        using var scope = NewDisposeScope();
        var each = places.view(3, -1, 1, 1);
        Tensor start = each.select(0, 0), height = each.select(0, 1), width = each.select(0, 2); // [n, 1, 1]
        var rows = minimum(Numbers(top, bottom, places.device).view(1, -1, 1), height.sub(One));
        var columns = minimum(Numbers(left, right, places.device).view(1, 1, -1), width.sub(One));
        var at = rows.mul(width).add_(start, One).add(columns, One);                           // [n, h, w]
        var plane = height.mul(width);
        var parts = new Tensor[channels];
        for (int channel = 0; channel < channels; channel++)
        {
            if (channel > 0) at.add_(plane, One);
            parts[channel] = pixels.index_select(0, at.view(-1)).view_as(at);
        }
        return stack(parts, 1).MoveToOuterDisposeScope();
    }

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
        long n = images.size(0), c = images.size(1), h = images.size(2), w = images.size(3);
        var lines = images.to(float32).contiguous().view(n, c * h, w);
        var narrowed = bmm(lines, columns.transpose(1, 2)).view(n, c, h, -1); // [N, C H, W] x [N, W, T]
        var planes = new Tensor[c];
        for (int channel = 0; channel < c; channel++)
            planes[channel] = bmm(rows, narrowed.select(1, channel)).MoveToOuterDisposeScope(); // [N, S, H] x [N, H, T]
        return planes;
    }

    private static Tensor Numbers(int first, int end, Device device)
    {
        using Scalar start = first, stop = end;
        return arange(start, stop, One, dtype: int64, device: device);
    }

    private static Tensor PixelCentres(int first, int count, Device device)
    {
        using Scalar start = first, stop = first + count;
        return arange(start, stop, One, dtype: float32, device: device).add_(Half, One);
    }
}
