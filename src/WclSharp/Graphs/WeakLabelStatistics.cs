using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>How a batch fell into components, as scalars on the device.</summary>
/// <param name="Components">Number of components, float64.</param>
/// <param name="LargestShare">Share of the batch in the largest, 0 to 1.</param>
/// <param name="Pure">Rows with a known class that are of their component's most frequent one; null without classes. Purity is their share of <paramref name="Known"/>.</param>
/// <param name="Known">Rows with a known class; null without classes.</param>
internal sealed record WeakLabelStatistics(Tensor Components, Tensor LargestShare, Tensor? Pure, Tensor? Known)
{
    // Made once: see ColourJitter.
    private static readonly Scalar Zero = 0, One = 1;

    /// <summary>Measures a labelling. The caller's dispose scope owns the scalars.</summary>
    /// <param name="labels">Weak labels, [N] int64 in 0 .. N - 1, each named by one of its members that carries that label.</param>
    /// <param name="classes">True classes, [N] int64 in 0 .. <paramref name="classCount"/> - 1, -1 where unknown; null where none are known.</param>
    /// <param name="classCount">Number of classes.</param>
    public static WeakLabelStatistics Measure(Tensor labels, Tensor? classes, int classCount)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long count = labels.size(0);
        using Scalar rows = count;
        var components = labels.eq(ConnectedComponents.Nodes(count, labels.device)).sum().to(ScalarType.Float64);
        var members = zeros([count], ScalarType.Float32, labels.device).index_add(0, labels, ones([count], ScalarType.Float32, labels.device), One);
        var largest = members.max().div(rows);
        var (pure, known) = classes is null ? default((Tensor?, Tensor?)) : CountPure(labels, classes, classCount);
        return new WeakLabelStatistics(components.MoveToOuterDisposeScope(), largest.MoveToOuterDisposeScope(), pure?.MoveToOuterDisposeScope(), known?.MoveToOuterDisposeScope());
    }

    private static (Tensor Pure, Tensor Known) CountPure(Tensor labels, Tensor classes, int classCount)
    {
        long count = labels.size(0);
        using Scalar columns = classCount, places = count + 1;
        var known = classes.ge(Zero).to(ScalarType.Float32);                                // [N]
        var cells = SharedKeys.Of(labels.mul(columns).add(classes.clamp_min(Zero), One));   // of a table [N, classes]
        var sizes = cells.Totals(known).index_select(0, cells.Number).to(ScalarType.Int64); // [N], of each row's cell, 0 .. N
        // Rows by component and then by the size of their cell: the last of a component is of its largest.
        var (ranked, _) = sort(labels.index_select(0, cells.Order).mul(places).add(sizes, One));
        var component = ranked.div(places, RoundingMode.floor);
        var last = ones([count], ScalarType.Bool, labels.device);
        last.narrow(0, 0, count - 1).copy_(component.narrow(0, 0, count - 1).ne(component.narrow(0, 1, count - 1)));
        var largest = ranked.sub(component.mul(places)).mul(last.to(ScalarType.Int64));
        return (largest.sum().to(ScalarType.Float32), known.sum());
    }
}
