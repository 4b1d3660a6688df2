using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Weighted nearest-neighbour classifier on frozen features (Wu et al. 2018, section 3.4): the k nearest training images
/// vote for their class with weight exp(cosine / t), t = 0.1.
/// </summary>
public sealed class KnnClassifier
{
    private static readonly Scalar Temperature = 0.1; // of the votes; made once: CONTRIBUTING, Numbers

    private readonly Tensor gallery;
    private readonly int[] classes;
    private readonly int classCount, k;

    private const int UsualK = 200, SmallerK = 20, LeastVoters = 20_000; // the first is Wu et al. 2018's on ImageNet

    /// <summary>A classifier by those that vote.</summary>
    /// <param name="gallery">Training features, [M, F] float32, rows of unit length; M is 1 or more. Not owned.</param>
    /// <param name="classes">Their classes, M integers from 0 to <paramref name="classCount"/> - 1.</param>
    /// <param name="classCount">Number of classes, 1 or more.</param>
    /// <param name="k">Neighbours of the kNN classifier, 1 or more; at most M are used.</param>
    /// <exception cref="ArgumentException">One of these does not hold; the message says which.</exception>
    public KnnClassifier(Tensor gallery, int[] classes, int classCount, int k)
    {
        ArgumentNullException.ThrowIfNull(gallery);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentOutOfRangeException.ThrowIfLessThan(classCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        LabelledRows.RequireFloat32(gallery, nameof(gallery));
        if (gallery.size(0) == 0) throw new ArgumentException("There are no features that could vote.", nameof(gallery));
        LabelledRows.RequireClasses(gallery, classes, classCount);
        (this.gallery, this.classes, this.classCount, this.k) = (gallery, classes, classCount, k);
    }

    /// <summary>The k that is used where none is given: 200, as Wu et al. 2018 on ImageNet, or 20 below 20,000 that vote.</summary>
    /// <param name="voters">Images that vote.</param>
    public static int DefaultK(int voters) => voters < LeastVoters ? SmallerK : UsualK;

    /// <summary>The same for <c>--help</c>.</summary>
    internal static string DefaultText => FormattableString.Invariant($"{UsualK}; {SmallerK} below {LeastVoters:N0} labelled training images");

    /// <summary>Predicted class of each query.</summary>
    /// <param name="queries">[Q, F] float32, rows of unit length, on the gallery's device.</param>
    /// <param name="cancellation">Stops between some queries and the next.</param>
    /// <returns>Q classes; of equal votes, the lower.</returns>
    /// <exception cref="ArgumentException">They have another form, or are not as wide as the gallery.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public int[] Predict(Tensor queries, CancellationToken cancellation = default) => Predict(queries, null, cancellation);

    /// <summary>The same, telling how many queries are done, and of how many.</summary>
    internal int[] Predict(Tensor queries, Action<long, long>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(queries);
        LabelledRows.RequireFloat32(queries, nameof(queries));
        if (queries.size(1) != gallery.size(1)) throw new ArgumentException($"Queries of shape {ShapeText.Of(queries)} are not as wide as the gallery, {ShapeText.Of(gallery)}.", nameof(queries));
        using var noGradient = no_grad();
        var result = new List<int>((int)queries.size(0));
        using var galleryClasses = tensor(Array.ConvertAll(classes, c => (long)c), device: gallery.device);
        foreach (var (start, count) in RowTiles.Of(queries.size(0), gallery.size(0), gallery.dtype, gallery.device))
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Invoke(start, queries.size(0));
            using var scope = NewDisposeScope();
            var tile = queries.narrow(0, start, count);
            var (similarity, index) = tile.mm(gallery.T).topk((int)Math.Min(k, gallery.size(0)), 1); // [q, k]
            var votes = zeros([tile.size(0), classCount], device: gallery.device)
                .scatter_add(1, galleryClasses.index_select(0, index.flatten()).view_as(index), similarity.div(Temperature).exp());
            result.AddRange(votes.argmax(1).cpu().data<long>().Select(c => (int)c));
        }
        progress?.Invoke(queries.size(0), queries.size(0));
        return [.. result];
    }

    /// <summary>Share of queries whose class is predicted, 0 to 1.</summary>
    /// <param name="queries">[Q, F] float32, rows of unit length, on the gallery's device.</param>
    /// <param name="truth">Their classes, Q integers; those of -1 do not count.</param>
    /// <returns>The share; not a number where none counts.</returns>
    /// <exception cref="ArgumentException">There is not one class for each query, or their features have another form.</exception>
    public double Accuracy(Tensor queries, int[] truth)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(truth);
        LabelledRows.RequireFloat32(queries, nameof(queries));
        if (queries.size(0) != truth.Length) throw new ArgumentException($"{truth.Length} classes for queries of shape {ShapeText.Of(queries)}; give one a row.", nameof(truth));
        return LabelledRows.ShareRight(Predict(queries), truth);
    }
}
