using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A tile of the cosines x between two blocks of rows, and what contrastive losses compute from it: e = exp(x / t - c), the sums of e over rows and columns, and
/// the largest x of every row and column. <see cref="SimilarityLoops"/> computes these in float32 on a CPU, in one pass each; elsewhere libtorch's operators do. One thread uses a tile at a time.
/// <see cref="Fill"/> comes first, then <see cref="Nearest"/>, then <see cref="Sum"/> or <see cref="Weigh"/>, which may overwrite x.
/// </summary>
internal sealed unsafe class SimilarityTile
{
    private static readonly Scalar One = 1, Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers
    private readonly Tensor room;
    private readonly SimilarityExponent exponent;
    private readonly SimilarityLoops? loops;
    private readonly float* start;
    private int rows, columns;
    private Tensor values = null!;

    /// <param name="room">[values] where the tile lies, <see cref="Room"/> of them or more.</param>
    /// <param name="exponent">What e is.</param>
    public SimilarityTile(Tensor room, SimilarityExponent exponent)
    {
        this.room = room;
        this.exponent = exponent;
        if (!SimilarityLoops.Suit(room)) return;
        loops = new SimilarityLoops(exponent);
        start = TensorMemory.Start(room);
    }

    /// <summary>Values that a tile takes.</summary>
    /// <param name="rows">Rows at most.</param>
    /// <param name="columns">Columns at most.</param>
    public static long Room(int rows, int columns) => (rows + 1L) * SimilarityLoops.Padded(columns); // a row for sums of columns

    /// <summary>The tile, [A, B]. The dispose scope in which it was filled owns it.</summary>
    public Tensor Values => values;

    /// <summary>Fills the tile with a b'. With <paramref name="self"/> the diagonal, each row with itself, gets a value below any cosine, whose e is next to nothing.</summary>
    /// <param name="a">[A, D].</param>
    /// <param name="b">[B, D].</param>
    /// <param name="self">Whether a and b are the same rows.</param>
    public void Fill(Tensor a, Tensor b, bool self)
    {
        (rows, columns) = ((int)a.size(0), (int)b.size(0));
        values = room.as_strided([rows, columns], [SimilarityLoops.Padded(columns), 1]);
        values.addmm_(a, b.t(), 0, 1);                                      // [A, D] x [D, B] -> [A, B]
        if (loops is not null) loops.Exclude(start, rows, columns, self);
        else if (self) values.diagonal().fill_(Farthest);
    }

    /// <summary>Adds e to the sums of its rows and columns.</summary>
    /// <param name="keep">Whether the tile is to hold e afterwards; without it, what it holds is undefined.</param>
    /// <param name="rowSums">[A] float64, added to.</param>
    /// <param name="columnSums">[B] float64, added to; may be default for none.</param>
    public void Sum(bool keep, VectorSlice rowSums, VectorSlice columnSums)
    {
        if (loops is not null)
        {
            loops.Sum(start, rows, columns, keep, rowSums.Start<double>(), columnSums.Exists ? columnSums.Start<double>() : null);
            return;
        }
        values.mul_(exponent.Sharpness).sub_(exponent.Shift).exp_();
        rowSums.View.add_(values.sum(1, type: ScalarType.Float64), One);
        if (columnSums.Exists) columnSums.View.add_(values.sum(0, type: ScalarType.Float64), One);
    }

    /// <summary>Overwrites x with e (row's weight + column's weight).</summary>
    /// <param name="rowWeights">[A] of the tile's type.</param>
    /// <param name="columnWeights">[B] likewise.</param>
    public void Weigh(VectorSlice rowWeights, VectorSlice columnWeights)
    {
        if (loops is not null) loops.Weigh(start, rows, columns, rowWeights.Start<float>(), columnWeights.Start<float>());
        else values.mul_(exponent.Sharpness).sub_(exponent.Shift).exp_().mul_(rowWeights.View.unsqueeze(1).add(columnWeights.View.unsqueeze(0), One));
    }

    /// <summary>Updates every row's largest x so far, and the number of its column. Of equals the first stays.</summary>
    /// <param name="transposed">Whether to do so for every column instead, with the numbers of rows.</param>
    /// <param name="first">Number of the tile's first column; transposed, of its first row.</param>
    /// <param name="best">[A], transposed [B], of the tile's type: the largest so far.</param>
    /// <param name="nearest">[A], transposed [B], int64: where that was.</param>
    public void Nearest(bool transposed, long first, VectorSlice best, VectorSlice nearest)
    {
        if (loops is not null)
        {
            SimilarityLoops.Nearest(start, rows, columns, transposed, first, best.Start<float>(), nearest.Start<long>());
            return;
        }
        using Scalar origin = first;
        var (largest, place) = values.max(transposed ? 0 : 1);
        var (sofar, where) = (best.View, nearest.View);
        var above = largest.gt(sofar);
        where.copy_(torch.where(above, place.add(origin, One), where));
        sofar.copy_(torch.where(above, largest, sofar));
    }
}

/// <summary>The exponent x / t - c as numbers that operators take.</summary>
/// <param name="sharpness">1 / t.</param>
/// <param name="shift">c, so that no x / t - c is above 0 or below -<see cref="SimilarityLoops.LargestExponent"/>.</param>
internal sealed class SimilarityExponent(double sharpness, double shift) : IDisposable
{
    /// <summary>1 / t.</summary>
    public Scalar Sharpness { get; } = sharpness;

    /// <summary>c.</summary>
    public Scalar Shift { get; } = shift;

    /// <summary>log2(e) / t.</summary>
    public float Scale2 { get; } = (float)(sharpness / Math.Log(2));

    /// <summary>-c log2(e).</summary>
    public float Offset2 { get; } = (float)(-shift / Math.Log(2));

    /// <summary>An x whose e is 2^-126 or so: nothing beside 2^-93, the least of others.</summary>
    public float Nothing { get; } = (float)((shift - 125.5 * Math.Log(2)) / sharpness);

    /// <summary>Frees the numbers.</summary>
    public void Dispose()
    {
        Sharpness.Dispose();
        Shift.Dispose();
    }
}
