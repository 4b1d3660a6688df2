using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The gradient of a convolution's weight, of bfloat16 images: for every tap the product of the output's gradient, transposed, with the pixels that
/// the tap saw, summed over all pixels by <see cref="PairKernel"/> in float32, in which it stays. libtorch's rounds to bfloat16 and takes a fifth more time over ResNet-50's 1 x 1 kernels (docs/performance-history.md).
/// </summary>
/// <remarks>Which sums are added to which depends on the shape alone, so that results have the same bits on any number of threads.</remarks>
internal sealed unsafe class ConvolutionWeightGradient
{
    /// <summary>Channels, in and out, are a multiple of this.</summary>
    public const int ChannelStep = MatrixKernel.ColumnStep;

    // Pixels are packed in panels of as many channels as the kernel's loop has columns, which a core's first cache holds.
    private const int PanelColumns = 64, PanelPadding = 64, BlockPixels = 128, RowPadding = 16, KernelRows = 16;

    // Where weights are few, pixels are cut into parts, whose sums cost little; else channels are.
    private const int PartWeights = 1 << 18, MostParts = 32;

    private const int ManyTurns = 8; // of a thread, so that one more does not matter

    private const int CacheLine = 64;

    private readonly int outHeight, outWidth, height, width, inChannels, outChannels, side, stride;
    private readonly int pixels, blocks, parts, cuts;
    private readonly bool cutsOut; // whether the channels out are cut, else those in

    /// <param name="input">[N, H, W, C].</param>
    /// <param name="outputGradient">[N, H', W', K].</param>
    /// <param name="side">Side of the square kernel, odd; half of it is padded with zeros.</param>
    /// <param name="stride">Pixels between outputs.</param>
    private ConvolutionWeightGradient(Tensor input, Tensor outputGradient, int side, int stride)
    {
        (this.side, this.stride) = (side, stride);
        (height, width, inChannels) = ((int)input.size(1), (int)input.size(2), (int)input.size(3));
        (outHeight, outWidth, outChannels) = ((int)outputGradient.size(1), (int)outputGradient.size(2), (int)outputGradient.size(3));
        pixels = checked((int)input.size(0) * outHeight * outWidth);
        blocks = (pixels + BlockPixels - 1) / BlockPixels;
        parts = (int)Math.Clamp(PartWeights / ((long)inChannels * outChannels * side * side), 1, Math.Min(blocks, MostParts));
        cutsOut = outChannels > inChannels;
        cuts = Cuts(side * side * parts, Math.Max(inChannels, outChannels) / ChannelStep, get_num_threads());
    }

    /// <summary>The gradient.</summary>
    /// <param name="input">[N, H, W, C] bfloat16, contiguous.</param>
    /// <param name="outputGradient">[N, H', W', K] bfloat16, contiguous.</param>
    /// <param name="side">Side of the square kernel, odd; half of it is padded with zeros.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[K, C, side, side] float32, channels-last; the caller owns it.</returns>
    public static Tensor Of(Tensor input, Tensor outputGradient, int side, int stride, Workspace workspace) =>
        new ConvolutionWeightGradient(input, outputGradient, side, stride).Of(input, outputGradient, workspace);

    private Tensor Of(Tensor input, Tensor outputGradient, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        int threads = get_num_threads(), taps = side * side;
        var gradient = empty([outChannels, side, side, inChannels], ScalarType.Float32);
        long weights = gradient.numel(), room = RoomWords(inChannels, outChannels);
        float* memory = TensorMemory.Start(workspace.Take("pairs of pixels", threads * room)), sums = TensorMemory.Start(workspace.Take("weight gradients of parts", Math.Max(1, (parts - 1) * weights)));
        float* target = TensorMemory.Start(gradient);
        ushort* x = (ushort*)TensorMemory.Bytes(input), dy = (ushort*)TensorMemory.Bytes(outputGradient);
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(taps * parts * cuts, number =>
        {
            int mine = rooms.Take(), part = number / cuts % parts;
            Sum(x, dy, tap: number / cuts / parts, part, cut: number % cuts, part == 0 ? target : sums + (part - 1) * weights, memory + mine * room);
            rooms.Return(mine);
        });
        PartSums.Add(target, sums, parts, weights, outChannels / KernelRows);
        return gradient.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>One tap's sum over a part of the pixels, of some of the channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sum(ushort* x, ushort* dy, int tap, int part, int cut, float* target, float* room)
    {
        var (firstOut, outs) = cutsOut ? Cut(outChannels, cut) : (0, outChannels);
        var (firstIn, ins) = cutsOut ? (0, inChannels) : Cut(inChannels, cut);
        int turns = (ins + PanelColumns - 1) / PanelColumns * (outs / KernelRows), rowWeights = side * side * inChannels;
        int firstBlock = (int)((long)blocks * part / parts), end = (int)((long)blocks * (part + 1) / parts);
        float* seen = room, gradients = room + RoomWords(ins, 0);
        target += (long)firstOut * rowWeights + (long)tap * inChannels + firstIn;
        x += firstIn;
        dy += firstOut;
        ushort** places = stackalloc ushort*[BlockPixels];
        Seen(x, tap, firstBlock * BlockPixels, Math.Min(BlockPixels, pixels - firstBlock * BlockPixels), places);
        for (int block = firstBlock; block < end; block++)
        {
            int start = block * BlockPixels, count = Math.Min(BlockPixels, pixels - start);
            for (int i = 0; i < count; i += 2) Pair(places[i], i + 1 == count ? null : places[i + 1], ins, (uint*)seen + i / 2 * PanelColumns, PanelWords);
            for (int i = 0; i < count; i += 2)
            {
                ushort* gradient = dy + (long)(start + i) * outChannels;
                Pair(gradient, i + 1 == count ? null : gradient + outChannels, outs, (uint*)gradients + i / 2 * (outs + RowPadding), PanelColumns);
            }
            int next = start + count, ahead = block + 1 < end ? Math.Min(BlockPixels, pixels - next) : 0, turn = 0;
            Seen(x, tap, next, ahead, places);
            for (int column = 0; column < ins; column += PanelColumns)
                for (int row = 0; row < outs; row += KernelRows, turn++)
                {
                    for (int i = ahead * turn / turns, stop = ahead * (turn + 1) / turns; i < stop; i++)
                    {
                        Fetch(places[i], ins);
                        Fetch(dy + (long)(next + i) * outChannels, outs);
                    }
                    PairKernel.Multiply(gradients + row, 1, outs + RowPadding, seen + column / PanelColumns * (long)PanelWords, PanelColumns, target + (long)row * rowWeights + column, rowWeights,
                        KernelRows, (count + 1) / 2, Math.Min(PanelColumns, ins - column), add: block > firstBlock);
                }
        }
    }

    private nint PanelWords => BlockPixels / 2 * PanelColumns + PanelPadding;

    private long RoomWords(int ins, int outs) => (ins + PanelColumns - 1) / PanelColumns * PanelWords + (outs == 0 ? 0 : (long)BlockPixels / 2 * (outs + RowPadding));

    /// <summary>What a tap saw of the input for some output pixels; null where that was padding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Seen(ushort* x, int tap, int first, int count, ushort** places)
    {
        if (count == 0) return;
        int line = first / outWidth, outColumn = first % outWidth, image = line / outHeight, outRow = line % outHeight, rowShift = tap / side - side / 2, columnShift = tap % side - side / 2;
        for (int i = 0; i < count; i++)
        {
            int row = outRow * stride + rowShift, column = outColumn * stride + columnShift;
            places[i] = (uint)row < (uint)height && (uint)column < (uint)width ? x + (((long)image * height + row) * width + column) * inChannels : null;
            if (++outColumn < outWidth) continue;
            outColumn = 0;
            if (++outRow < outHeight) continue;
            outRow = 0;
            image++;
        }
    }

    /// <summary>Two pixels' channels as pairs, in panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(ushort* first, ushort* second, int channels, uint* place, nint panel)
    {
        for (int column = 0; column < channels; column += ChannelStep)
        {
            var (low, high) = Vector512.Widen(first is null ? default : Vector512.Load(first + column));
            var (low2, high2) = Vector512.Widen(second is null ? default : Vector512.Load(second + column));
            uint* to = place + column / PanelColumns * panel + column % PanelColumns;
            (low | (low2 << 16)).Store(to);
            (high | (high2 << 16)).Store(to + ChannelStep / 2);
        }
    }

    /// <summary>Asks memory for a pixel's channels, so that they are in the cache when their turn comes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(ushort* pixel, int channels)
    {
        if (pixel is null) return;
        for (int i = 0; i < channels; i += CacheLine / sizeof(ushort)) Sse.Prefetch1(pixel + i);
    }

    private (int First, int Count) Cut(int channels, int cut)
    {
        int steps = channels / ChannelStep, first = steps * cut / cuts;
        return (first * ChannelStep, (steps * (cut + 1) / cuts - first) * ChannelStep);
    }

    /// <summary>Into how many pieces to cut channels so that threads have as many turns each, or many.</summary>
    private static int Cuts(int turns, int most, int threads)
    {
        int cuts = 1;
        while (cuts < most && turns * cuts % threads != 0 && turns * cuts < ManyTurns * threads) cuts++;
        return cuts;
    }
}
