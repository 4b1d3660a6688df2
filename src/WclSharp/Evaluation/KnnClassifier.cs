using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Weighted nearest-neighbour classifier on frozen features (Wu et al. 2018, section 3.4): the k nearest training images
/// vote for their class with weight exp(cosine / t), t = 0.1.
/// </summary>
/// <param name="gallery">Training features, [M, F] float32, rows of unit length. Not owned.</param>
/// <param name="classes">Their classes, M integers from 0.</param>
/// <param name="classCount">Number of classes.</param>
/// <param name="k">Neighbours that vote; at most M are used.</param>
public sealed class KnnClassifier(Tensor gallery, int[] classes, int classCount, int k)
{
    private static readonly Scalar Temperature = 0.1; // of the votes; made once: CONTRIBUTING, Numbers

    private const int UsualK = 200, SmallerK = 20, LeastVoters = 20_000; // the first is Wu et al. 2018's on ImageNet

    /// <summary>The k that is used where none is given: <see cref="UsualK"/>, or <see cref="SmallerK"/> below <see cref="LeastVoters"/> that vote.</summary>
    public static int DefaultK(int voters) => voters < LeastVoters ? SmallerK : UsualK;

    /// <summary>The same for <c>--help</c>.</summary>
    internal static string DefaultText => FormattableString.Invariant($"{UsualK}; {SmallerK} below {LeastVoters:N0} labelled training images");

    /// <summary>Predicted class of each query.</summary>
    /// <param name="queries">[Q, F] float32, rows of unit length, on the gallery's device.</param>
    /// <returns>Q classes.</returns>
    public int[] Predict(Tensor queries)
    {
        using var noGradient = no_grad();
        var result = new List<int>((int)queries.size(0));
        using var galleryClasses = tensor(Array.ConvertAll(classes, c => (long)c), device: gallery.device);
        foreach (var (start, count) in RowTiles.Of(queries.size(0), gallery.size(0), gallery.dtype, gallery.device))
        {
            using var scope = NewDisposeScope();
            var tile = queries.narrow(0, start, count);
            var (similarity, index) = tile.matmul(gallery.T).topk((int)Math.Min(k, gallery.size(0)), 1); // [q, k]
            var votes = zeros([tile.size(0), classCount], device: gallery.device)
                .scatter_add(1, galleryClasses.index_select(0, index.flatten()).view_as(index), similarity.div(Temperature).exp());
            result.AddRange(votes.argmax(1).cpu().data<long>().Select(c => (int)c));
        }
        return [.. result];
    }

    /// <summary>Share of queries whose class is predicted, 0 to 1.</summary>
    /// <param name="queries">[Q, F] float32, rows of unit length.</param>
    /// <param name="truth">Their classes, Q integers; those of -1 do not count.</param>
    public double Accuracy(Tensor queries, int[] truth) => LabelledRows.ShareRight(Predict(queries), truth);
}
