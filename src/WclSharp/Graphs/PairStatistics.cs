using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>
/// Counts over the ordered pairs of different images that a method treats as alike, its relation: precision and recall against the
/// true classes, and how much of it is one-way. Counts rather than shares, so that an epoch's shares are over all of its pairs.
/// </summary>
/// <remarks>No transfer to the host.</remarks>
internal static class PairStatistics
{
    /// <summary>What the entries of a count are.</summary>
    public enum Count
    {
        /// <summary>Related pairs whose classes are known and the same.</summary>
        Right,

        /// <summary>Related pairs whose classes are known.</summary>
        Judged,

        /// <summary>Pairs of the batch whose classes are known and the same.</summary>
        OfAClass,

        /// <summary>Related pairs (i, j).</summary>
        Related,

        /// <summary>Related pairs (i, j) where (j, i) is not related.</summary>
        OneWay,
    }

    /// <summary>Entries of a count.</summary>
    public const int Length = 5;

    // Made once: see ColourJitter.
    private static readonly Scalar Zero = 0, One = 1;

    /// <summary>Counts for a partition, which is a relation both ways by construction. Takes [N], not [N, N] or [N, classes].</summary>
    /// <param name="labels">[N] int64 in 0 .. N - 1, equal for images that are alike.</param>
    /// <param name="classes">[N] int64 in 0 .. <paramref name="classCount"/> - 1, -1 where unknown; null where none are known.</param>
    /// <param name="classCount">Number of classes.</param>
    /// <returns>[5] float64 in the order of <see cref="Count"/>. The caller owns it.</returns>
    public static Tensor OfPartition(Tensor labels, Tensor? classes, int classCount)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long rows = labels.size(0);
        var everyone = ones([rows], ScalarType.Float64, labels.device);
        var related = Pairs(labels, everyone, rows);
        var none = zeros_like(related);
        if (classes is null) return stack([none, none, none, related, none]).MoveToOuterDisposeScope();

        using Scalar columns = classCount;
        var known = classes.ge(Zero).to(ScalarType.Float64);                // [N]
        var place = classes.clamp_min(Zero);
        var right = PairsOf(SharedKeys.Of(labels.mul(columns).add(place, One)).Totals(known));
        return stack([right, Pairs(labels, known, rows), Pairs(place, known, classCount), related, none]).MoveToOuterDisposeScope();
    }

    /// <summary>Counts for sets of rows, any number of views of N images one after the other.</summary>
    /// <param name="sets">[V N, V N] bool, true where column b is in row a's set; false between rows of one image.</param>
    /// <param name="classes">[N] int64, -1 where unknown; null where none are known.</param>
    /// <returns>[5] float64 in the order of <see cref="Count"/>. The caller owns it.</returns>
    public static Tensor OfSets(Tensor sets, Tensor? classes)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var related = Number(sets);
        var oneWay = Number(sets.logical_and(sets.T.logical_not()));
        var none = zeros_like(related);
        if (classes is null) return stack([none, none, none, related, oneWay]).MoveToOuterDisposeScope();

        long images = classes.size(0), views = sets.size(0) / images;
        var known = classes.ge(Zero);                                       // [N]
        var judged = known.unsqueeze(1).logical_and(known.unsqueeze(0));    // [N, N]
        var same = classes.unsqueeze(1).eq(classes.unsqueeze(0)).logical_and(judged);
        var ofAClass = same.clone();
        ofAClass.diagonal().fill_(Zero);                                    // pairs of different images
        using Scalar pairsOfRows = views * views;
        return stack([Number(sets.logical_and(OfRows(same))), Number(sets.logical_and(OfRows(judged))), Number(ofAClass).mul(pairsOfRows), related, oneWay])
            .MoveToOuterDisposeScope();

        Tensor OfRows(Tensor ofImages) => ofImages.repeat(views, views);    // [V N, V N]
    }

    private static Tensor Number(Tensor mask) => mask.sum().to(ScalarType.Float64);

    /// <summary>Ordered pairs within the groups: sum of size (size - 1).</summary>
    private static Tensor Pairs(Tensor groups, Tensor weights, long groupCount)
    {
        return PairsOf(zeros([groupCount], ScalarType.Float64, groups.device).index_add(0, groups, weights, One));
    }

    private static Tensor PairsOf(Tensor sizes) => sizes.mul(sizes).sub(sizes).sum();
}
