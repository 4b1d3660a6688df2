using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// Supervised contrastive loss (Khosla et al. 2020, equation 2, the sum over positives outside the logarithm): with Z = [z1; z2] of 2N rows,
/// y the class of a row's image and P(a) = {p != a : y_p = y_a},
/// <code>L = mean_a -1/|P(a)| sum_{p in P(a)} log( exp(Z_a . Z_p / t) / sum_{k != a} exp(Z_a . Z_k / t) ).</code>
/// </summary>
/// <remarks>
/// <see cref="WeakLoss"/> over the rows of both views, with the gradient through both sides. P(a) holds the other view, so it is never
/// empty. With all labels different it is <see cref="InstanceLoss"/>. As there, the loss by itself goes back as often as asked, without second derivatives.
/// </remarks>
public static class SupConLoss
{
    private static readonly Scalar Zero = 0, One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>The loss over a batch.</summary>
    /// <param name="z1">Projections of the first views, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="z2">Projections of the second views, likewise.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1, equal for images of a class, as <see cref="LabelsOf"/> gives them.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <param name="detachKeys">True: gradient through anchors only, as <see cref="WeakLoss"/> has it.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, labels or temperature are not possible; the message shows them. Values of labels are checked on a CPU alone.</exception>
    public static Tensor Forward(Tensor z1, Tensor z2, Tensor labels, double temperature, bool detachKeys = false)
    {
        LossArguments.RequireSameShape(z1, z2);
        LossArguments.RequireTemperature(temperature);
        LossArguments.RequireLabels(labels, z1.size(0), inPairs: false); // the other view is a positive
        using var scope = NewDisposeScope();
        var rows = cat([z1, z2]);                                           // [2N, D]
        return WeakLoss.OfChecked(rows, cat([labels, labels]), temperature, detachKeys).MoveToOuterDisposeScope();
    }

    /// <summary>Classes as labels of a batch: the first image of the same class; an image without a class is its own.</summary>
    /// <param name="classes">[N] int64 or int32, any numbers, below zero where unknown; N is 1 or more.</param>
    /// <returns>[N] int64 in 0 .. N - 1. The caller owns it.</returns>
    /// <exception cref="ArgumentException">They are of another shape or type, or none.</exception>
    public static Tensor LabelsOf(Tensor classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
        if (classes.dim() != 1 || classes.size(0) == 0 || classes.dtype is not (ScalarType.Int64 or ScalarType.Int32)) throw new ArgumentException($"Classes are [N] int64 or int32, N of 1 or more, not {ShapeText.Of(classes)} {classes.dtype}.", nameof(classes));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var own = ConnectedComponents.Nodes(classes.size(0), classes.device);
        var distinct = where(classes.lt(Zero), own.neg().sub(One), classes); // unknown: -1 - i, each another, [N] int64
        return SharedKeys.Of(distinct).FirstRows().MoveToOuterDisposeScope();
    }
}
