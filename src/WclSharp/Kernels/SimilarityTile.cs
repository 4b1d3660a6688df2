using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A tile of the cosines between two blocks of rows, x, and what contrastive losses make of it: e = exp(x / t - c), its sums over rows and columns, and
/// the largest x of every row and column. In float32 on a CPU by loops of our own, a pass each; else by libtorch's operators. One thread uses it at a time.
/// </summary>
internal sealed unsafe class SimilarityTile
{
    private static readonly Scalar One = 1; // made once: see ColourJitter
    private readonly Tensor room;
    private readonly SimilarityExponent exponent;
    private readonly SimilarityLoops? loops;
    private Tensor values = null!, padded = null!;

    /// <param name="room">[values] where the tile lies, <see cref="Room"/> of them or more.</param>
    /// <param name="exponent">What e is.</param>
    public SimilarityTile(Tensor room, SimilarityExponent exponent)
    {
        this.room = room;
        this.exponent = exponent;
        loops = SimilarityLoops.Suit(room) ? new SimilarityLoops(exponent) : null;
    }

    /// <summary>Values that a tile takes.</summary>
    /// <param name="rows">Rows at most.</param>
    /// <param name="columns">Columns at most.</param>
    public static long Room(int rows, int columns) => (rows + 1L) * SimilarityLoops.Padded(columns);

    /// <summary>The tile, [A, B].</summary>
    public Tensor Values => values;

    /// <summary>Fills the tile with a b'; with <paramref name="self"/> the pairs of a row with itself get what no cosine is.</summary>
    /// <param name="a">[A, D].</param>
    /// <param name="b">[B, D].</param>
    /// <param name="self">Whether a and b are the same rows.</param>
    public void Fill(Tensor a, Tensor b, bool self)
    {
        long rows = a.shape[0], columns = b.shape[0], stride = SimilarityLoops.Padded((int)columns);
        loops?.UseLast(TensorMemory.Start(room) + rows * stride); // a row for sums of columns
        padded = room.narrow(0, 0, rows * stride).view(rows, stride);
        values = padded.narrow(1, 0, columns);
        values.addmm_(a, b.t(), 0, 1);                                      // [A, D] x [D, B] -> [A, B]
        if (stride > columns) padded.narrow(1, columns, stride - columns).fill_(exponent.None(room));
        if (self) values.diagonal().fill_(exponent.None(room));
    }

    /// <summary>Adds up e; with <paramref name="keep"/> it takes the place of x.</summary>
    /// <param name="keep">Whether the tile is needed afterwards.</param>
    /// <param name="rowSums">[A] float64, added to.</param>
    /// <param name="columnSums">[B] float64, added to; null where they are not wanted.</param>
    public void Sum(bool keep, Tensor rowSums, Tensor? columnSums)
    {
        if (loops is not null)
        {
            loops.Sum(TensorMemory.Start(padded), Rows, Columns, keep, Doubles(rowSums), columnSums is null ? null : Doubles(columnSums));
            return;
        }
        values.mul_(exponent.Sharpness).sub_(exponent.Shift).exp_();
        rowSums.add_(values.sum(1, type: ScalarType.Float64), One);
        columnSums?.add_(values.sum(0, type: ScalarType.Float64), One);
    }

    /// <summary>x becomes e (row's weight + column's weight).</summary>
    /// <param name="rowWeights">[A] of the tile's type.</param>
    /// <param name="columnWeights">[B] likewise.</param>
    public void Weigh(Tensor rowWeights, Tensor columnWeights)
    {
        if (loops is not null) loops.Weigh(TensorMemory.Start(padded), Rows, Columns, TensorMemory.Start(rowWeights), TensorMemory.Start(columnWeights));
        else values.mul_(exponent.Sharpness).sub_(exponent.Shift).exp_().mul_(rowWeights.unsqueeze(1).add(columnWeights.unsqueeze(0), One));
    }

    /// <summary>Where x is above what a row has seen so far, x and its column; of equals the first stays. Before x is overwritten.</summary>
    /// <param name="transposed">The same for columns, among the rows.</param>
    /// <param name="first">Number of the first column (row).</param>
    /// <param name="best">[A] (B) of the tile's type: the largest so far.</param>
    /// <param name="nearest">[A] (B) int64: where it was.</param>
    public void Nearest(bool transposed, long first, Tensor best, Tensor nearest)
    {
        if (loops is not null)
        {
            SimilarityLoops.Nearest(TensorMemory.Start(padded), Rows, Columns, transposed, first, TensorMemory.Start(best), (long*)TensorMemory.Bytes(nearest));
            return;
        }
        using Scalar start = first;
        var (largest, place) = values.max(transposed ? 0 : 1);
        var above = largest.gt(best);
        best.copy_(where(above, largest, best));
        nearest.copy_(where(above, place.add(start, One), nearest));
    }

    private int Rows => (int)values.shape[0];

    private int Columns => (int)values.shape[1];

    private static double* Doubles(Tensor tensor) => (double*)TensorMemory.Bytes(tensor);
}

/// <summary>The exponent x / t - c as numbers that operators take.</summary>
/// <param name="sharpness">1 / t.</param>
/// <param name="shift">c, so that no x / t - c is above 0 or below -<see cref="SimilarityLoops.LargestExponent"/>.</param>
internal sealed class SimilarityExponent(double sharpness, double shift) : IDisposable
{
    private readonly Scalar none = double.NegativeInfinity, noneOfLoops = SimilarityLoops.Nothing(sharpness, shift);

    /// <summary>1 / t.</summary>
    public Scalar Sharpness { get; } = sharpness;

    /// <summary>c.</summary>
    public Scalar Shift { get; } = shift;

    /// <summary>log2(e) / t.</summary>
    public float Scale2 { get; } = (float)(sharpness / Math.Log(2));

    /// <summary>-c log2(e).</summary>
    public float Offset2 { get; } = (float)(-shift / Math.Log(2));

    /// <summary>An x whose e is nothing.</summary>
    public Scalar None(Tensor like) => SimilarityLoops.Suit(like) ? noneOfLoops : none;

    /// <summary>Frees the numbers.</summary>
    public void Dispose()
    {
        none.Dispose();
        noneOfLoops.Dispose();
        Sharpness.Dispose();
        Shift.Dispose();
    }
}
