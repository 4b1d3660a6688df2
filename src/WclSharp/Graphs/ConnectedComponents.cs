using System.Numerics;
using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>
/// Connected components of a graph in which every node has one outgoing edge, by pointer jumping on the device.
/// </summary>
/// <remarks>
/// Such a graph's component has one cycle, and every node leads onto it. With p_k = p^(2^k) and m_k(i) the smallest
/// index among the first 2^k nodes on the way from i, p_(k+1) = p_k[p_k] and m_(k+1) = min(m_k, m_k[p_k]): after
/// ceil(log2 N) rounds p_k lands on the cycle and m_k from there has seen all of it, whatever the cycle's length.
/// A mutual pair is a cycle of two; ties in similarity can make longer ones. The paper's text names Hoshen-Kopelman
/// labelling; any exact algorithm gives the same partition. No transfer to the host.
/// </remarks>
public static class ConnectedComponents
{
    // Made once: see ColourJitter.
    private static readonly Scalar Zero = 0, One = 1;

    /// <summary>Labels the components.</summary>
    /// <param name="next">[N] int64 or int32 in 0 .. N - 1: the node that each node points to.</param>
    /// <returns>[N] int64: the smallest index on the component's cycle, so that a label's node carries that label. The caller owns it.</returns>
    /// <exception cref="ArgumentException">It is of another shape or type, or, which is looked at on a CPU alone, points to no node.</exception>
    public static Tensor Label(Tensor next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (next.dim() != 1 || next.dtype is not (ScalarType.Int64 or ScalarType.Int32)) throw new ArgumentException($"A graph is [N] int64 or int32, not {ShapeText.Of(next)} {next.dtype}.", nameof(next));
        RequireNodes(next);
        return LabelOfChecked(next);
    }

    /// <summary>The same of a graph that is known to point to nodes.</summary>
    internal static Tensor LabelOfChecked(Tensor next)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long count = next.size(0);
        var pointer = next;
        var smallest = Nodes(count, next.device);
        for (int round = 0; round < RoundsFor(count); round++)
        {
            smallest = minimum(smallest, smallest.index_select(0, pointer));
            pointer = pointer.index_select(0, pointer);
        }
        return smallest.index_select(0, pointer).MoveToOuterDisposeScope();
    }

    /// <summary>The weak labels of a batch: components of its nearest-neighbour graph (paper, section 3.2).</summary>
    /// <param name="embeddings">[N, D] floating point, rows of unit length; N is 2 or more. No gradient flows.</param>
    /// <returns>[N] int64 as <see cref="Label"/> gives them. The caller owns it.</returns>
    /// <exception cref="ArgumentException">They are of another shape or type.</exception>
    public static Tensor OfNearestNeighbors(Tensor embeddings)
    {
        using var nearest = NearestNeighborGraph.Nearest(embeddings);
        return LabelOfChecked(nearest);
    }

    private static void RequireNodes(Tensor next)
    {
        if (next.device_type != DeviceType.CPU || next.size(0) == 0) return; // elsewhere reading them would wait for the device
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using Scalar count = next.size(0);
        if (next.lt(Zero).logical_or(next.ge(count)).any().item<bool>())
            throw new ArgumentException(FormattableString.Invariant($"A graph of {next.size(0):N0} nodes points from {next.min().to(ScalarType.Int64).item<long>()} to {next.max().to(ScalarType.Int64).item<long>()}; use nodes from 0 on."), nameof(next));
    }

    /// <summary>0 .. <paramref name="count"/> - 1 as [N] int64. The caller owns it.</summary>
    internal static Tensor Nodes(long count, Device device)
    {
        using Scalar end = count;
        return arange(Zero, end, One, ScalarType.Int64, device);
    }

    private static int RoundsFor(long count) => count <= 1 ? 1 : 64 - BitOperations.LeadingZeroCount((ulong)(count - 1)) + 1;
}
