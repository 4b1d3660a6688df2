using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>Checks that the losses share.</summary>
internal static class LossArguments
{
    private static readonly Scalar Nothing = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    /// <exception cref="ArgumentException">The shapes or types differ, or are not [N, D] floating point with N of 2 or more.</exception>
    public static void RequireSameShape(Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.dim() != 2 || !a.shape.AsSpan().SequenceEqual(b.shape))
            throw new ArgumentException($"Both views need the same shape [N, D], not {ShapeText.Of(a)} and {ShapeText.Of(b)}.");
        if (a.dtype != b.dtype || !a.is_floating_point()) throw new ArgumentException($"Both views need the same floating-point type, not {a.dtype} and {b.dtype}.");
        if (a.size(0) < 2) throw new ArgumentException($"A contrastive loss needs 2 rows or more, not {a.size(0)}.");
    }

    /// <exception cref="ArgumentException">They are not [N, D] floating point with N of 2 or more.</exception>
    public static void RequireRows(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.dim() != 2 || rows.size(0) < 2 || !rows.is_floating_point())
            throw new ArgumentException($"A contrastive loss needs rows [N, D] of floating point with N of 2 or more, not {ShapeText.Of(rows)} {rows.dtype}.", nameof(rows));
    }

    /// <summary>The least and the largest temperature that losses take: far beyond any use, and far from where similarities over it leave float32's range.</summary>
    public const double LeastTemperature = 1e-6, LargestTemperature = 1e6;

    /// <exception cref="ArgumentException">It is not from <see cref="LeastTemperature"/> to <see cref="LargestTemperature"/>.</exception>
    public static void RequireTemperature(double temperature)
    {
        if (!(temperature is >= LeastTemperature and <= LargestTemperature))
            throw new ArgumentException(FormattableString.Invariant($"Temperature {temperature} is not possible; use a number from {LeastTemperature:0.######} to {LargestTemperature:N0}, such as 0.1."), nameof(temperature));
    }

    /// <summary>Checks labels of rows. Their values are looked at on a CPU alone: elsewhere reading them would wait for the device.</summary>
    /// <param name="labels">[N] int64 in 0 .. N - 1.</param>
    /// <param name="rows">N.</param>
    /// <param name="inPairs">Whether each needs two rows or more, so that every row has a positive.</param>
    /// <exception cref="ArgumentException">They are none.</exception>
    public static void RequireLabels(Tensor labels, long rows, bool inPairs)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.dim() != 1 || labels.size(0) != rows || labels.dtype != ScalarType.Int64)
            throw new ArgumentException($"{rows} rows need int64 labels of shape [{rows}], not {ShapeText.Of(labels)} {labels.dtype}.", nameof(labels));
        if (labels.device.type != DeviceType.CPU) return;
        long[] values = Values(labels);
        var members = new int[rows];
        foreach (long label in values)
        {
            if (label < 0 || label >= rows) throw new ArgumentException($"Label {label} is none of 0 to {rows - 1}; SupConLoss.LabelsOf makes labels of any classes.", nameof(labels));
            members[label]++;
        }

        if (inPairs && Array.FindIndex(members, count => count == 1) is >= 0 and var alone)
            throw new ArgumentException($"Label {alone} has one row alone, which has no positive; each label needs two rows or more.", nameof(labels));
    }

    /// <summary>Whole numbers of a tensor on the CPU.</summary>
    internal static long[] Values(Tensor labels)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return labels.contiguous().data<long>().ToArray();
    }

    /// <summary>Takes each row's product with itself out of its softmax, in place: a product does not read its output again.</summary>
    /// <remarks>
    /// Behind autograd's back, which would copy the whole gradient to clear this diagonal: a softmax's gradient is zero
    /// where the logit is minus infinity anyway.
    /// </remarks>
    /// <param name="ownBlock">[n, n] view of the logits whose diagonal holds v_i . v_i / t.</param>
    public static void MaskSelf(Tensor ownBlock)
    {
        using var scope = NewDisposeScope();
        ownBlock.detach().diagonal().fill_(Nothing);
    }

    /// <summary>Takes products out of their softmax, in place and behind autograd's back as <see cref="MaskSelf"/>.</summary>
    /// <param name="logits">[n, N].</param>
    /// <param name="which">[n, N] bool, true for what goes.</param>
    public static void Mask(Tensor logits, Tensor which)
    {
        using var scope = NewDisposeScope();
        logits.detach().masked_fill_(which, Nothing);
    }
}
