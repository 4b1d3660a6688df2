namespace WclSharp.Kernels;

/// <summary>
/// Divides the rows of a [R, C] matrix into blocks that fit a core's cache. The division depends on the shape alone, so
/// that sums over blocks are the same on any number of threads.
/// </summary>
internal readonly struct RowBlocks
{
    private const int BlockBytes = 128 << 10, LeastBlocks = 16, LeastRows = 16;
    private readonly long rows, rowsPerBlock;

    /// <param name="rows">R.</param>
    /// <param name="channels">C.</param>
    /// <param name="most">Blocks at most, where each costs something by itself.</param>
    public RowBlocks(long rows, int channels, int most = int.MaxValue)
    {
        this.rows = rows;
        long fitting = Math.Min(BlockBytes / (channels * sizeof(float)), (rows + LeastBlocks - 1) / LeastBlocks);
        rowsPerBlock = Math.Max(Math.Max(LeastRows, fitting), (rows + most - 1) / most);
        Count = (int)((rows + rowsPerBlock - 1) / rowsPerBlock);
    }

    /// <summary>Number of blocks.</summary>
    public int Count { get; }

    /// <summary>First row of a block, and its number of rows.</summary>
    public (long Start, long Count) this[int block] => (block * rowsPerBlock, Math.Min(rowsPerBlock, rows - block * rowsPerBlock));
}
