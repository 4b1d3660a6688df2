using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// The K largest products of every row so far, while tiles of products come in. Of equal products the lower key is ranked higher; keys have to come in
/// ascending order for every row.
/// </summary>
internal abstract class NeighborRanking
{
    /// <summary>What stands for no product: below the smallest, -2^24, and a whole number in float32 too.</summary>
    public const int Nothing = -(1 << 25);

    /// <summary>Ranks the keys of a tile's columns for its rows.</summary>
    /// <param name="products">[q, n] float32, contiguous: whole numbers from -2^24 to 2^24, or <see cref="Nothing"/>.</param>
    /// <param name="firstRow">Number of the tile's first row.</param>
    /// <param name="firstColumn">Number of the tile's first column.</param>
    public abstract void Merge(Tensor products, long firstRow, long firstColumn);

    /// <summary>Ranks the keys of a tile's rows for its columns.</summary>
    /// <param name="products">As for <see cref="Merge"/>.</param>
    /// <param name="firstRow">As for <see cref="Merge"/>.</param>
    /// <param name="firstColumn">As for <see cref="Merge"/>.</param>
    public abstract void MergeTransposed(Tensor products, long firstRow, long firstColumn);

    /// <summary>Keys of every row, best first, [F, K] int64, negative where there are fewer. The caller owns it.</summary>
    public abstract Tensor Positions();
}
