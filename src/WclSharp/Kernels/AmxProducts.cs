using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A convolution, or the gradient of its input, as products of images by weights: every result is a sum over taps, kept in tile registers from the first tap to the last and rounded once.
/// Some rows of 32 images at a time, or small images of some groups of 32, which a core's second cache holds.
/// </summary>
internal sealed unsafe class AmxProducts
{
    // Of what is read at a time; half of a second cache of 2 MiB is left to the weights.
    private const int PassBytes = 768 << 10;

    // That one call of the kernel computes; the first cache holds their results.
    private const int MostBlocks = 4;

    private const int ManyTurns = 4; // of a thread, so that one more does not matter

    private const int BlockResults = AmxKernel.Block * AmxKernel.Block;

    private readonly TapMap rows, columns;
    private readonly AmxImages images;
    private readonly int count, channels, results, side, groups, groupsAtATime, rowsAtATime, turns, bands;

    /// <param name="rows">What is read for each row of results.</param>
    /// <param name="columns">And for each column.</param>
    /// <param name="count">Images.</param>
    /// <param name="channels">Of what is read, a multiple of 32.</param>
    /// <param name="results">Channels of results, a multiple of 32.</param>
    /// <param name="side">Side of the square kernel.</param>
    private AmxProducts(TapMap rows, TapMap columns, int count, int channels, int results, int side)
    {
        (this.rows, this.columns, this.count, this.channels, this.results, this.side) = (rows, columns, count, channels, results, side);
        long row = (long)columns.Pixels * channels * sizeof(ushort) * AmxImages.Group;
        int threads = get_num_threads(), fitting = (int)Math.Clamp(PassBytes / row, 1, rows.Pixels);
        groups = AmxImages.Groups(count);
        // How much is computed together does not matter to results.
        bool fits = fitting == rows.Pixels;
        groupsAtATime = fits ? (int)Math.Clamp(PassBytes / (row * rows.Pixels), 1, (groups + threads - 1) / threads) : 1;
        rowsAtATime = fits ? rows.Results : 1;
        while (rowsAtATime < rows.Results && Span(0, rowsAtATime + 1) <= fitting) rowsAtATime++;
        turns = (groups + groupsAtATime - 1) / groupsAtATime;
        bands = 1;
        while (bands < rows.Results && turns * bands % threads != 0 && turns * bands < ManyTurns * threads) bands++;
        images = new AmxImages(rows.Pixels, columns.Pixels, channels, Enumerable.Range(0, rows.Results - rowsAtATime + 1).Max(first => Span(first, rowsAtATime)));
    }

    /// <summary>The convolution, padded by half of its kernel's side.</summary>
    /// <param name="input">[N, H, W, C] bfloat16, contiguous.</param>
    /// <param name="weight">[K, side, side, C] float32, contiguous.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[N, H', W', K] bfloat16; the caller owns it.</returns>
    public static Tensor Output(Tensor input, Tensor weight, int stride, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        var (side, results) = ((int)weight.size(1), (int)weight.size(0));
        TapMap rows = TapMap.OfOutput((int)input.size(1), side, stride), columns = TapMap.OfOutput((int)input.size(2), side, stride);
        var output = empty([input.size(0), rows.Results, columns.Results, results], ScalarType.BFloat16);
        new AmxProducts(rows, columns, checked((int)input.size(0)), (int)input.size(3), results, side).Compute(input, AmxWeights.Of(weight, workspace), output, adds: false, workspace);
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>The gradient of the convolution's input.</summary>
    /// <param name="outputGradient">[N, H', W', K] bfloat16, contiguous.</param>
    /// <param name="weight">[K, side, side, C] float32, contiguous.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="gradient">[N, H, W, C] bfloat16, contiguous: where it is written or added.</param>
    /// <param name="adds">Whether it is added.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    public static void InputGradient(Tensor outputGradient, Tensor weight, int stride, Tensor gradient, bool adds, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        int side = (int)weight.size(1);
        TapMap rows = TapMap.OfInputGradient((int)gradient.size(1), side, stride), columns = TapMap.OfInputGradient((int)gradient.size(2), side, stride);
        new AmxProducts(rows, columns, checked((int)gradient.size(0)), (int)outputGradient.size(3), (int)gradient.size(3), side).Compute(outputGradient, AmxWeights.OfGradient(weight, workspace), gradient, adds, workspace);
    }

    /// <summary>From the first row that is read for some rows of results to the last.</summary>
    private int Span(int first, int count)
    {
        var read = rows.Seen.Skip(first).Take(count).SelectMany(seen => seen).Select(seen => seen.Pixel).DefaultIfEmpty(0);
        return read.Max() - read.Min() + 1;
    }

    private void Compute(Tensor source, Tensor weights, Tensor target, bool adds, Workspace workspace)
    {
        int threads = get_num_threads();
        long room = groupsAtATime * images.GroupBytes / sizeof(float) + MostBlocks * BlockResults;
        float* memory = TensorMemory.Start(workspace.Take("images side by side", threads * room));
        byte* tiles = TensorMemory.Bytes(weights);
        ushort* from = (ushort*)TensorMemory.Bytes(source), to = (ushort*)TensorMemory.Bytes(target);
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(turns * bands, number =>
        {
            int mine = rooms.Take(), first = number / bands * groupsAtATime, band = number % bands;
            Compute(from, tiles, to, first, Math.Min(groupsAtATime, groups - first), rows.Results * band / bands, rows.Results * (band + 1) / bands, (byte*)(memory + mine * room), adds);
            rooms.Return(mine);
        });
    }

    /// <summary>Some rows of results of some groups of images.</summary>
    private void Compute(ushort* source, byte* weights, ushort* target, int firstGroup, int groupCount, int firstRow, int endRow, byte* room, bool adds)
    {
        int firstImage = firstGroup * AmxImages.Group, filled = 0;
        var lists = new AmxKernel.Step[rowsAtATime * columns.Results * side * side * (channels / AmxKernel.Depth)];
        var ends = new int[rowsAtATime * columns.Results];
        for (int row = firstRow; row < endRow; row += rowsAtATime)
        {
            int count = Math.Min(rowsAtATime, endRow - row), end = 0;
            foreach (var (_, pixel) in rows.Seen.Skip(row).Take(count).SelectMany(seen => seen).OrderBy(seen => seen.Pixel))
            {
                if (pixel < filled) continue;
                filled = pixel + 1;
                for (int group = 0; group < groupCount; group++)
                {
                    int image = firstImage + group * AmxImages.Group;
                    images.Fill(source + (long)image * rows.Pixels * columns.Pixels * channels, this.count - image, pixel, columns.IsSeen, room + group * images.GroupBytes);
                }
            }
            for (int i = 0; i < count * columns.Results; i++) ends[i] = end = ListSteps(rows.Seen[row + i / columns.Results], columns.Seen[i % columns.Results], lists, end);
            Multiply(room, weights, lists, ends, target, firstImage, groupCount, row, count, adds);
        }
    }

    /// <summary>Every 32 channels of every tap that a result sees.</summary>
    private int ListSteps((int Tap, int Pixel)[] seenRows, (int Tap, int Pixel)[] seenColumns, AmxKernel.Step[] steps, int end)
    {
        int depths = channels / AmxKernel.Depth;
        foreach (var (tapRow, row) in seenRows)
            foreach (var (tapColumn, column) in seenColumns)
                for (int depth = 0; depth < depths; depth++)
                    steps[end++] = new AmxKernel.Step(images.PlaceOf(row, column) + depth * AmxImages.DepthBytes, ((nint)(tapRow * side + tapColumn) * depths + depth) * AmxWeights.StepBytes);
        return end;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(byte* room, byte* weights, AmxKernel.Step[] lists, int[] ends, ushort* target, int firstImage, int groupCount, int firstRow, int rowCount, bool adds)
    {
        float* sums = (float*)(room + groupsAtATime * images.GroupBytes);
        nint panel = (nint)side * side * (channels / AmxKernel.Depth) * AmxWeights.StepBytes;
        long image = (long)rows.Results * columns.Results * results;
        var layout = new AmxKernel.Layout { ARow = AmxKernel.Depth * sizeof(ushort), ASecond = AmxKernel.TileBytes, BSecond = AmxKernel.TileBytes, CRow = AmxKernel.Block * sizeof(float) };
        var jobs = stackalloc AmxKernel.Job[MostBlocks];
        int pixels = rowCount * columns.Results, waiting = 0;
        bool streams = StreamedStores<BFloat16Elements>.Suit(image * this.count) && (nint)target % Vector512<byte>.Count == 0;
        var stores = stackalloc (nint Pixel, int Count)[MostBlocks];
        target += firstImage * image + (long)firstRow * columns.Results * results;
        fixed (AmxKernel.Step* steps = lists)
        {
            for (int result = 0; result < results; result += AmxKernel.Block, weights += panel)
                for (int pixel = 0; pixel < pixels; pixel++)
                    for (int group = 0; group < groupCount; group++)
                    {
                        int start = pixel == 0 ? 0 : ends[pixel - 1], end = ends[pixel];
                        if (start == end && adds) continue;
                        jobs[waiting] = new AmxKernel.Job { A = (nint)(room + group * images.GroupBytes), B = (nint)weights, C = (nint)(sums + waiting * BlockResults), Steps = (nint)(steps + start), Count = end - start };
                        stores[waiting++] = ((nint)(target + group * AmxImages.Group * image + (long)pixel * results + result), Math.Min(AmxImages.Group, this.count - firstImage - group * AmxImages.Group));
                        if (waiting == MostBlocks) Flush();
                    }
            if (waiting > 0) Flush(); // while the steps stay where they are
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void Flush()
        {
            AmxKernel.Multiply(layout, jobs, waiting);
            for (int i = 0; i < waiting; i++) Store(sums + i * BlockResults, (ushort*)stores[i].Pixel, stores[i].Count, image, adds, streams);
            waiting = 0;
        }
    }

    /// <summary>Rounds a pixel's results of some images.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* sums, ushort* pixel, int count, long image, bool adds, bool streams)
    {
        if (adds)
            for (int i = 0; i < count; i++) AmxTiles.Add(sums + i * AmxKernel.Block, pixel + i * image);
        else if (streams)
            for (int i = 0; i < count; i++) AmxTiles.Rounded(sums + i * AmxKernel.Block).StoreAlignedNonTemporal(pixel + i * image);
        else
            for (int i = 0; i < count; i++) AmxTiles.Rounded(sums + i * AmxKernel.Block).Store(pixel + i * image);
    }
}
