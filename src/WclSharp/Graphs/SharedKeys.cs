using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>
/// What rows with the same key have together, found by sorting them: for keys that are few among very many possible ones, as pairs of a component and a class, of
/// which a table would mostly hold zeros.
/// </summary>
/// <remarks>No transfer to the host.</remarks>
/// <param name="Order">The rows with their keys ascending, those of the same key as they come, [N] int64.</param>
/// <param name="Number">Which of the different keys each of these has, [N] int64 from 0, ascending.</param>
internal sealed record SharedKeys(Tensor Order, Tensor Number)
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>Sorts rows by their keys. The caller's dispose scope owns the tensors.</summary>
    /// <param name="keys">[N] int64, N at least 1.</param>
    public static SharedKeys Of(Tensor keys)
    {
        using var scope = NewDisposeScope();
        var (sorted, order) = sort(keys, stable: true);
        long others = keys.size(0) - 1;
        var number = zeros_like(sorted);
        number.narrow(0, 1, others).copy_(sorted.narrow(0, 1, others).ne(sorted.narrow(0, 0, others)).cumsum(0));
        return new(order.MoveToOuterDisposeScope(), number.MoveToOuterDisposeScope());
    }

    /// <summary>Total weight of the rows of each key.</summary>
    /// <param name="weights">[N], in the rows' own order.</param>
    /// <returns>[N] of the weights' type, at a key's number; zeros where there is no such key. The caller owns it.</returns>
    public Tensor Totals(Tensor weights)
    {
        using var scope = NewDisposeScope();
        return zeros_like(weights).index_add(0, Number, weights.index_select(0, Order), One).MoveToOuterDisposeScope();
    }

    /// <summary>The first row with the same key as each row.</summary>
    /// <returns>[N] int64, in the rows' own order. The caller owns it.</returns>
    public Tensor FirstRows()
    {
        using var scope = NewDisposeScope();
        var starts = searchsorted(Number, Number);                          // [N], where the rows of the same key begin
        return empty_like(Order).scatter_(0, Order, Order.index_select(0, starts)).MoveToOuterDisposeScope();
    }
}
