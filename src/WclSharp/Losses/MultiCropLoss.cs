using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// The terms of multi-crop (WCL paper, section 3.3): M local crops of each image are queries, the two global views are keys.
/// </summary>
/// <remarks>
/// Legend: N images in the logical batch, n of them here (n = N unless there are several ranks), M crops of each, D projection size.
/// Row m n + i of the crops is crop m of this rank's image i.
/// <para>
/// A crop is no key, so no key is left out of a softmax, and the crop's own image counts among its positives. Published
/// code has no multi-crop and the paper's text leaves open what the weak term's keys are. Here they are the rows of one view at a time, with the
/// labels that this view has in the weak loss, and the mean over both: the term is the weak loss with other anchors.
/// </para>
/// <para>
/// Gradient flows through the keys where they carry one, as in the losses of the global views: pass the instance term the projections
/// themselves, and the weak term detached ones or not, as for <see cref="WeakLoss"/>.
/// </para>
/// <para>Its gradient is found with it. The loss by itself goes back as often as asked (<c>retain_graph</c>), without second derivatives: to <c>create_graph</c> its gradient is a constant.</para>
/// </remarks>
public static class MultiCropLoss
{
    // Made once: see ColourJitter.
    private static readonly Scalar Half = 0.5, One = 1;

    /// <summary>
    /// The instance term over a whole logical batch: with Z = [z1; z2], 2N keys,
    /// <code>mean over crops u of image i of the mean over k in {i, N + i} of -log( exp(u . Z_k / t) / sum_j exp(u . Z_j / t) ).</code>
    /// </summary>
    /// <param name="crops">Projections of the crops, [M N, D] floating point, rows of unit length; M is 1 or more, and row m N + i is crop m of image i.</param>
    /// <param name="z1">Projections of the first global views, [N, D] of the same type, rows of unit length; N is 2 or more.</param>
    /// <param name="z2">Projections of the second global views, likewise.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes or types do not fit, or the temperature is not possible; the message shows them.</exception>
    public static Tensor Instance(Tensor crops, Tensor z1, Tensor z2, double temperature)
    {
        LossArguments.RequireSameShape(z1, z2);
        RequireCrops(crops, z1, temperature);
        return Instance(crops, z1, z2, z1.size(0), 0, temperature)!;
    }

    /// <summary>The weak term against both views, with labels swapped as in <see cref="WeakLoss.Swapped"/>: ( L(U, V1, y2) + L(U, V2, y1) ) / 2.</summary>
    /// <param name="crops">Projections of the crops by the weak head, [M N, D] floating point, rows of unit length; M is 1 or more, and row m N + i is crop m of image i.</param>
    /// <param name="v1">Projections of the first global views, [N, D] of the same type, rows of unit length; N is 2 or more.</param>
    /// <param name="v2">Projections of the second global views, likewise.</param>
    /// <param name="labels1">Components of the first views' graph, [N] int64 in 0 .. N - 1, as <see cref="WeakLoss.OfGraphs"/> gives them.</param>
    /// <param name="labels2">Components of the second views' graph, likewise.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, labels or temperature are not possible; the message shows them. Values of labels are checked on a CPU alone.</exception>
    public static Tensor Swapped(Tensor crops, Tensor v1, Tensor v2, Tensor labels1, Tensor labels2, double temperature)
    {
        LossArguments.RequireSameShape(v1, v2);
        RequireCrops(crops, v1, temperature);
        LossArguments.RequireLabels(labels1, v1.size(0), inPairs: false);
        LossArguments.RequireLabels(labels2, v1.size(0), inPairs: false);
        return Swapped(crops, v1, v2, labels1, labels2, v1.size(0), 0, temperature)!;
    }

    /// <summary>
    /// The weak term against one view: with P(i) = {p : y_p = y_i}, i itself included,
    /// <code>L(U, V, y) = mean over crops u of image i of -1/|P(i)| sum_{p in P(i)} log( exp(u . v_p / t) / sum_j exp(u . v_j / t) ).</code>
    /// </summary>
    /// <param name="crops">Projections of the crops by the weak head, [M N, D] floating point, rows of unit length; M is 1 or more, and row m N + i is crop m of image i.</param>
    /// <param name="view">Projections of a global view, [N, D] of the same type, rows of unit length; N is 2 or more.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, labels or temperature are not possible; the message shows them. Values of labels are checked on a CPU alone.</exception>
    public static Tensor Weak(Tensor crops, Tensor view, Tensor labels, double temperature)
    {
        LossArguments.RequireRows(view);
        RequireCrops(crops, view, temperature);
        LossArguments.RequireLabels(labels, view.size(0), inPairs: false);
        return Weak(crops, view, labels, view.size(0), 0, temperature)!;
    }

    /// <summary>
    /// Instance term, for standard multi-crop: with Z = [z1; z2], 2N keys,
    /// <code>mean over crops u of image i of the mean over k in {i, N + i} of -log( exp(u . Z_k / t) / sum_j exp(u . Z_j / t) ).</code>
    /// </summary>
    /// <param name="crops">Projections of the crops, [M n, D] floating point, rows of unit length.</param>
    /// <param name="keys1">All first views, [N, D]; rows offset .. offset + n - 1 are this rank's images.</param>
    /// <param name="keys2">All second views, [N, D].</param>
    /// <param name="count">n, images of this rank.</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean loss in nats; null without crops. The caller owns it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit; the message shows them.</exception>
    internal static Tensor? Instance(Tensor crops, Tensor keys1, Tensor keys2, long count, long offset, double temperature)
    {
        LossArguments.RequireSameShape(keys1, keys2);
        if (!HasCrops(crops, keys1, count, offset)) return null;
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        var own = keys1.narrow(0, offset, count).add(keys2.narrow(0, offset, count), One).mul(Half); // [n, D], mean of the two positives
        var denominator = MeanLogPartition.Of(crops, cat([keys1, keys2]), temperature);
        return denominator.sub(Products(crops, own).mean().mul(sharpness)).MoveToOuterDisposeScope();
    }

    /// <summary>The weak term against both views, with labels swapped as in the weak loss: ( L(U, V1, y2) + L(U, V2, y1) ) / 2.</summary>
    /// <param name="crops">Projections of the crops, [M n, D] floating point, rows of unit length.</param>
    /// <param name="keys1">All first views, [N, D]; rows offset .. offset + n - 1 are this rank's images.</param>
    /// <param name="keys2">All second views, [N, D].</param>
    /// <param name="labels1">Components of the first views' graph, [N] int64 in 0 .. N - 1.</param>
    /// <param name="labels2">Components of the second views' graph, likewise.</param>
    /// <param name="count">n, images of this rank.</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean loss in nats; null without crops. The caller owns it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit; the message shows them.</exception>
    internal static Tensor? Swapped(
        Tensor crops, Tensor keys1, Tensor keys2, Tensor labels1, Tensor labels2, long count, long offset, double temperature)
    {
        LossArguments.RequireSameShape(keys1, keys2);
        using var scope = NewDisposeScope();
        var first = Weak(crops, keys1, labels2, count, offset, temperature);
        var second = Weak(crops, keys2, labels1, count, offset, temperature);
        return first is null || second is null ? null : first.add(second, One).mul(Half).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The weak term against one view: with P(i) = {p : y_p = y_i}, i itself included,
    /// <code>L(U, V, y) = mean over crops u of image i of -1/|P(i)| sum_{p in P(i)} log( exp(u . v_p / t) / sum_j exp(u . v_j / t) ).</code>
    /// </summary>
    /// <remarks>In KNN multi-crop i is the image whose neighbours the crop was cut from: it has that image's label.</remarks>
    /// <param name="crops">Projections of the crops, [M n, D] floating point, rows of unit length.</param>
    /// <param name="keys">All rows of a view, [N, D]; rows offset .. offset + n - 1 are this rank's images.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1.</param>
    /// <param name="count">n, images of this rank.</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean loss in nats; null without crops. The caller owns it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit; the message shows them.</exception>
    internal static Tensor? Weak(Tensor crops, Tensor keys, Tensor labels, long count, long offset, double temperature)
    {
        long all = keys.size(0);
        if (labels.dim() != 1 || labels.size(0) != all)
            throw new ArgumentException($"Labels {ShapeText.Of(labels)} for {all} keys; give one each.", nameof(labels));
        if (!HasCrops(crops, keys, count, offset)) return null;
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        var sums = zeros_like(keys).index_add(0, labels, keys, One);        // [N, D], row y: sum of component y
        var members = zeros([all], dtype: keys.dtype, device: keys.device)
            .index_add(0, labels, ones([all], dtype: keys.dtype, device: keys.device), One); // [N]
        var mine = labels.narrow(0, offset, count);                         // [n]
        // The mean over positives is linear in the keys, so no mask of crops x keys is made.
        var means = sums.index_select(0, mine).div(members.index_select(0, mine).unsqueeze(1)); // [n, D]
        var denominator = MeanLogPartition.Of(crops, keys, temperature);
        return denominator.sub(Products(crops, means).mean().mul(sharpness)).MoveToOuterDisposeScope();
    }

    /// <summary>Each crop's product with its image's row: [M n, D] and [n, D] -> [M n].</summary>
    private static Tensor Products(Tensor crops, Tensor images) =>
        crops.reshape(-1, images.size(0), images.size(1)).mul(images).sum(2).view(-1);

    private static void RequireCrops(Tensor crops, Tensor keys, double temperature)
    {
        ArgumentNullException.ThrowIfNull(crops);
        LossArguments.RequireTemperature(temperature);
        if (crops.dtype != keys.dtype) throw new ArgumentException($"Crops and views need the same floating-point type, not {crops.dtype} and {keys.dtype}.", nameof(crops));
        if (!HasCrops(crops, keys, keys.size(0), 0)) throw new ArgumentException("There are no crops; give one or more of each image.", nameof(crops));
    }

    private static bool HasCrops(Tensor crops, Tensor keys, long count, long offset)
    {
        if (crops.dim() != 2 || keys.dim() != 2 || crops.size(1) != keys.size(1))
            throw new ArgumentException($"Crops and keys need shapes [M n, D] and [N, D], not {ShapeText.Of(crops)} and {ShapeText.Of(keys)}.");
        if (count < 1 || crops.size(0) % count != 0)
            throw new ArgumentException($"{crops.size(0)} crops are no whole number for each of {count} images.");
        if (offset < 0 || offset + count > keys.size(0))
            throw new ArgumentException($"Images {offset} to {offset + count - 1} are not among {keys.size(0)} keys.");
        return crops.size(0) > 0;
    }
}
