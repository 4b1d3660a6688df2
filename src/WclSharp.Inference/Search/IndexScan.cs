using System.Runtime.CompilerServices;

namespace WclSharp.Inference;

/// <summary>Looks at every row of an index, blocks of rows on several threads, and keeps the nearest to a vector.</summary>
/// <param name="header">What the file's header says.</param>
/// <param name="path">The file, for errors.</param>
/// <param name="threads">Threads at most.</param>
internal sealed class IndexScan(IndexHeader header, string path, int threads)
{
    // Rows that a thread takes at a time.
    private const int BlockBytes = 1 << 20;

    // More than rounding makes of rows of unit length: up to 1 + sqrt(F) / 254 of int8 whose scale is that of its largest number, as older files have it.
    private readonly float largestCosine = 1.01f + (header.Format == IndexFormat.Int8 ? MathF.Sqrt(header.FeatureSize) / 254 : 0);

    /// <summary>The k nearest rows, the nearest first.</summary>
    /// <param name="unit">[F], of unit length.</param>
    /// <param name="k">1 to the number of rows.</param>
    /// <param name="start">Address of the file.</param>
    /// <param name="cancellation">Stops between some thousand rows and the next.</param>
    public IReadOnlyList<(float Cosine, int Row)> Nearest(float[] unit, int k, nint start, CancellationToken cancellation)
    {
        int count = (int)header.Count;
        var best = new NearestHits(k);
        var scan = Scanner(unit, start + (nint)header.RowsAt);
        int blockRows = Math.Max(1, BlockBytes / header.Stride), blocks = BlocksOf(count, blockRows);
        int next = -1;
        RunOnThreads(Math.Min(threads, blocks), () =>
        {
            var own = new NearestHits(k);
            for (int block; (block = Interlocked.Increment(ref next)) < blocks;)
            {
                cancellation.ThrowIfCancellationRequested();
                scan(block * blockRows, (int)Math.Min(count, (block + 1L) * blockRows), own);
            }
            lock (best) best.AddAll(own);
        });
        return best.Sorted();
    }

    /// <summary>Blocks of rows, the last of which may be shorter; of up to 2^31 - 1 rows.</summary>
    public static int BlocksOf(int rows, int blockRows) => (int)(((long)rows + blockRows - 1) / blockRows);

    /// <summary>What looks at rows from one to another.</summary>
    private unsafe Action<int, int, NearestHits> Scanner(float[] unit, nint rows)
    {
        int stride = header.Stride, size = header.FeatureSize;
        switch (header.Format)
        {
            case IndexFormat.Float32:
                return (first, end, best) =>
                {
                    for (int row = first; row < end; row++) Keep(IndexRow.Dot(unit, new ReadOnlySpan<float>((byte*)rows + (long)row * stride, size)), row, best);
                };
            case IndexFormat.Fp16:
                float[] wide = IndexRow.HalfQuery(unit);
                return (first, end, best) =>
                {
                    for (int row = first; row < end; row++) Keep(IndexRow.DotHalf(wide, new ReadOnlySpan<short>((byte*)rows + (long)row * stride, size)), row, best);
                };
            default:
                var (numbers, scale) = IndexRow.Int8Query(unit);
                return (first, end, best) =>
                {
                    for (int row = first; row < end; row++)
                    {
                        byte* start = (byte*)rows + (long)row * stride;
                        long sum = IndexRow.DotInt8(numbers, new ReadOnlySpan<sbyte>(start + sizeof(float), size));
                        Keep((float)((double)sum * scale * Unsafe.ReadUnaligned<float>(start)), row, best);
                    }
                };
        }
    }

    private void Keep(float cosine, int row, NearestHits best)
    {
        if (!(Math.Abs(cosine) <= largestCosine)) throw IndexHeader.Damaged(path, $"row {row} is not of unit length");
        best.Add(Math.Clamp(cosine, -1, 1), row);
    }

    /// <summary>Runs something on the calling thread and others; the first exception is thrown as it was.</summary>
    private static void RunOnThreads(int count, Action work)
    {
        if (count == 1)
        {
            work();
            return;
        }
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, _ => work());
        }
        catch (AggregateException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }
}
