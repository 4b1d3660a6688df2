using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A tile of the cosines between two blocks of rows, x, and what contrastive losses make of it: e = exp(x / t - c), its sums over rows and columns, and
/// the largest x of every row and column. In float32 on a CPU by loops of our own, a pass each; else by libtorch's operators.
/// </summary>
internal sealed unsafe class SimilarityTile
{
    // Made once: see ColourJitter.
    private static readonly Scalar Farthest = double.NegativeInfinity, One = 1;
    private readonly Scalar sharpness, shift;
    private readonly SimilarityLoops? loops;
    private readonly Tensor room;
    private Tensor values = null!, padded = null!;

    /// <param name="memory">Where the tile lies; the caller's dispose scope owns the view.</param>
    /// <param name="like">A tensor of the type and device of the rows.</param>
    /// <param name="rows">Rows at most.</param>
    /// <param name="columns">Columns at most.</param>
    /// <param name="sharpness">1 / t.</param>
    /// <param name="shift">c, so that no x / t - c is above 0 or below -<see cref="SimilarityLoops.LargestExponent"/>.</param>
    public SimilarityTile(Workspace memory, Tensor like, int rows, int columns, double sharpness, double shift)
    {
        this.sharpness = sharpness;
        this.shift = shift;
        bool own = like.dtype == ScalarType.Float32 && like.device.type == DeviceType.CPU;
        loops = own ? new SimilarityLoops(memory, rows, columns, sharpness, shift) : null;
        long size = (long)rows * SimilarityLoops.Padded(columns);
        room = own ? memory.Take("similarities", size) : empty([size], like.dtype, like.device);
    }

    /// <summary>The tile, [A, B].</summary>
    public Tensor Values => values;

    /// <summary>Fills the tile with a b'; with <paramref name="self"/> the pairs of a row with itself get what no cosine is.</summary>
    /// <param name="a">[A, D].</param>
    /// <param name="b">[B, D].</param>
    /// <param name="self">Whether a and b are the same rows.</param>
    public void Fill(Tensor a, Tensor b, bool self)
    {
        long rows = a.shape[0], columns = b.shape[0], stride = SimilarityLoops.Padded((int)columns);
        padded = room.narrow(0, 0, rows * stride).view(rows, stride);
        values = padded.narrow(1, 0, columns);
        values.addmm_(a, b.t(), 0, 1);                                      // [A, D] x [D, B] -> [A, B]
        var none = loops is null ? Farthest : loops.Nothing;
        if (stride > columns) padded.narrow(1, columns, stride - columns).fill_(none);
        if (self) values.diagonal().fill_(none);
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
        values.mul_(sharpness).sub_(shift).exp_();
        rowSums.add_(values.sum(1, type: ScalarType.Float64), One);
        columnSums?.add_(values.sum(0, type: ScalarType.Float64), One);
    }

    /// <summary>x becomes e (row's weight + column's weight).</summary>
    /// <param name="rowWeights">[A] of the tile's type.</param>
    /// <param name="columnWeights">[B] likewise.</param>
    public void Weigh(Tensor rowWeights, Tensor columnWeights)
    {
        if (loops is not null) loops.Weigh(TensorMemory.Start(padded), Rows, Columns, TensorMemory.Start(rowWeights), TensorMemory.Start(columnWeights));
        else values.mul_(sharpness).sub_(shift).exp_().mul_(rowWeights.unsqueeze(1).add(columnWeights.unsqueeze(0), One));
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
            loops.Nearest(TensorMemory.Start(padded), Rows, Columns, transposed, first, TensorMemory.Start(best), (long*)TensorMemory.Bytes(nearest));
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
