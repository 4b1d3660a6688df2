using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The gradient of a convolution's weight: for every tap the product of the output's gradient, transposed, with the pixels that the tap saw, summed in tile registers over
/// 32 images at once and pixel after pixel, in float32, in which it stays.
/// </summary>
/// <remarks>Which sums are added to which depends on the shape alone, so that results have the same bits on any number of threads.</remarks>
internal sealed unsafe class AmxWeightGradient
{
    // Of the rows that are worked on at a time: sums are read and written once for them.
    private const int PassBytes = 2 << 20;

    // Where weights are few, images are cut into parts, whose sums cost little; and channels out, so that there are turns for every thread.
    private const int PartWeights = 1 << 21, MostParts = 16, ManyTurns = 4;

    private const int Lanes = 16;

    private readonly TapMap rows, columns;
    private readonly int count, inChannels, outChannels, side, groups, groupsAtATime, rowsAtATime, passes, parts, cuts;
    private readonly nint seenPixel, seenGroup, gradientPixel; // bytes of 32 images'

    private AmxWeightGradient(Tensor input, Tensor outputGradient, int side, int stride)
    {
        this.side = side;
        (count, inChannels, outChannels) = (checked((int)input.size(0)), (int)input.size(3), (int)outputGradient.size(3));
        (rows, columns) = (TapMap.OfOutput((int)input.size(1), side, stride), TapMap.OfOutput((int)input.size(2), side, stride));
        groups = AmxImages.Groups(count);
        seenPixel = inChannels * AmxImages.Group * sizeof(ushort);
        gradientPixel = outChannels * AmxImages.Group * sizeof(ushort);
        long row = columns.Pixels * seenPixel + columns.Results * gradientPixel;
        rowsAtATime = (int)Math.Clamp(PassBytes / row / stride, 1, rows.Results);
        groupsAtATime = rowsAtATime < rows.Results ? 1 : (int)Math.Clamp(PassBytes / (rows.Pixels * row), 1, groups);
        seenGroup = Enumerable.Range(0, rows.Results).Max(first => Span(first).Count) * columns.Pixels * seenPixel;
        int bands = (rows.Results + rowsAtATime - 1) / rowsAtATime;
        passes = (groups + groupsAtATime - 1) / groupsAtATime * bands;

        long weights = (long)inChannels * outChannels * side * side;
        parts = 1;
        while (parts < MostParts && 2 * parts <= passes && 2 * parts * weights <= PartWeights) parts *= 2;
        int threads = get_num_threads(), most = outChannels / AmxKernel.Block;
        cuts = 1;
        while (cuts < most && parts * cuts % threads != 0 && parts * cuts < ManyTurns * threads) cuts++;
    }

    /// <summary>The gradient.</summary>
    /// <param name="input">[N, H, W, C] bfloat16, contiguous.</param>
    /// <param name="outputGradient">[N, H', W', K] bfloat16, contiguous.</param>
    /// <param name="side">Side of the square kernel, odd; half of it is padded with zeros.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[K, side, side, C] float32; the caller owns it.</returns>
    public static Tensor Of(Tensor input, Tensor outputGradient, int side, int stride, Workspace workspace) =>
        new AmxWeightGradient(input, outputGradient, side, stride).Of(input, outputGradient, workspace);

    private Tensor Of(Tensor input, Tensor outputGradient, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        int threads = get_num_threads();
        var gradient = empty([outChannels, side, side, inChannels], ScalarType.Float32);
        long weights = gradient.numel(), room = groupsAtATime * (seenGroup + rowsAtATime * columns.Results * gradientPixel) / sizeof(float);
        float* memory = TensorMemory.Start(workspace.Take("images in pairs", threads * room)), sums = TensorMemory.Start(workspace.Take("weight gradients of parts", Math.Max(1, (parts - 1) * weights)));
        float* target = TensorMemory.Start(gradient);
        ushort* x = (ushort*)TensorMemory.Bytes(input), dy = (ushort*)TensorMemory.Bytes(outputGradient);
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(parts * cuts, number =>
        {
            int mine = rooms.Take(), part = number / cuts;
            Sum(x, dy, part, number % cuts, part == 0 ? target : sums + (part - 1) * weights, (byte*)(memory + mine * room));
            rooms.Return(mine);
        });
        PartSums.Add(target, sums, parts, weights, outChannels / AmxKernel.Block);
        return gradient.MoveToOuterDisposeScope();
    }

    /// <summary>The rows that some rows of outputs see.</summary>
    private (int First, int Count) Span(int first)
    {
        var read = rows.Seen.Skip(first).Take(rowsAtATime).SelectMany(seen => seen).Select(seen => seen.Pixel).DefaultIfEmpty(0);
        return (read.Min(), read.Max() - read.Min() + 1);
    }

    /// <summary>The sums over a part of the passes, of some of the channels out.</summary>
    private void Sum(ushort* x, ushort* dy, int part, int cut, float* target, byte* room)
    {
        int blocks = outChannels / AmxKernel.Block, firstOut = blocks * cut / cuts * AmxKernel.Block, outs = blocks * (cut + 1) / cuts * AmxKernel.Block - firstOut;
        int start = (int)((long)passes * part / parts), end = (int)((long)passes * (part + 1) / parts), bands = (rows.Results + rowsAtATime - 1) / rowsAtATime;
        byte* gradients = room + groupsAtATime * seenGroup;
        var lists = new AmxKernel.Step[groupsAtATime * rowsAtATime * columns.Results * side * side];
        var ends = new int[side * side];
        for (int pass = start; pass < end; pass++)
        {
            int firstGroup = pass / bands * groupsAtATime, groupCount = Math.Min(groupsAtATime, groups - firstGroup), firstRow = pass % bands * rowsAtATime, rowCount = Math.Min(rowsAtATime, rows.Results - firstRow);
            var (firstSeen, seenCount) = Span(firstRow);
            for (int group = 0; group < groupCount; group++)
            {
                int image = (firstGroup + group) * AmxImages.Group, images = Math.Min(AmxImages.Group, count - image);
                for (int row = 0; row < seenCount; row++)
                    if (rows.IsSeen[firstSeen + row])
                        Pair(x + ((long)image * rows.Pixels + firstSeen + row) * columns.Pixels * inChannels, images, room + group * seenGroup + row * columns.Pixels * seenPixel);
                for (int row = 0; row < rowCount; row++)
                    Transpose(dy + ((long)image * rows.Results + firstRow + row) * columns.Results * outChannels + firstOut, images, outs, gradients + (group * rowsAtATime + row) * columns.Results * gradientPixel);
            }
            ListSteps(groupCount, firstRow, rowCount, firstSeen, lists, ends);
            Multiply(room, gradients, lists, ends, outs, target + (long)firstOut * side * side * inChannels, add: pass > start);
        }
    }

    /// <summary>For every tap the output's pixels, and those that it saw for them.</summary>
    private void ListSteps(int groupCount, int firstRow, int rowCount, int firstSeen, AmxKernel.Step[] steps, int[] ends)
    {
        int end = 0;
        for (int tap = 0; tap < side * side; tap++)
        {
            for (int group = 0; group < groupCount; group++)
                for (int row = 0; row < rowCount; row++)
                    foreach (var (tapRow, seenRow) in rows.Seen[firstRow + row])
                        if (tapRow == tap / side)
                            for (int column = 0; column < columns.Results; column++)
                                foreach (var (tapColumn, seenColumn) in columns.Seen[column])
                                    if (tapColumn == tap % side)
                                        steps[end++] = new AmxKernel.Step(((group * rowsAtATime + row) * columns.Results + column) * gradientPixel, group * seenGroup + ((seenRow - firstSeen) * columns.Pixels + seenColumn) * seenPixel);
            ends[tap] = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(byte* seen, byte* gradients, AmxKernel.Step[] lists, int[] ends, int outs, float* target, bool add)
    {
        int taps = side * side, blocks = outs / AmxKernel.Block;
        var layout = new AmxKernel.Layout
        {
            ARow = AmxKernel.Depth * sizeof(ushort),
            ASecond = AmxKernel.TileBytes,
            BSecond = AmxKernel.TileBytes,
            CRow = (nint)taps * inChannels * sizeof(float),
            Add = add ? 1 : 0,
        };
        var jobs = new AmxKernel.Job[taps * blocks];
        fixed (AmxKernel.Step* steps = lists)
        fixed (AmxKernel.Job* job = jobs)
            for (int channel = 0; channel < inChannels; channel += AmxKernel.Block)
            {
                for (int i = 0; i < jobs.Length; i++)
                {
                    int tap = i / blocks, block = i % blocks, start = tap == 0 ? 0 : ends[tap - 1];
                    job[i] = new AmxKernel.Job
                    {
                        A = (nint)(gradients + block * 2 * AmxKernel.TileBytes),
                        B = (nint)(seen + channel / Lanes * AmxKernel.TileBytes),
                        C = (nint)(target + ((long)block * AmxKernel.Block * taps + tap) * inChannels + channel),
                        Steps = (nint)(steps + start),
                        Count = ends[tap] - start,
                    };
                }
                AmxKernel.Multiply(layout, job, jobs.Length);
            }
    }

    /// <summary>A row of pixels, each as pairs of images for every 16 channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pair(ushort* row, int images, byte* target)
    {
        long image = (long)rows.Pixels * columns.Pixels * inChannels;
        for (int column = 0; column < columns.Pixels; column++, row += inChannels, target += seenPixel)
        {
            if (!columns.IsSeen[column]) continue;
            for (int pair = 0; pair < Lanes; pair++)
            {
                ushort* even = row + 2 * pair * image;
                byte* place = target + pair * Vector512<byte>.Count;
                for (int channel = 0; channel < inChannels; channel += Lanes, place += AmxKernel.TileBytes)
                    AmxTiles.Pair(Numbers(even + channel, 2 * pair < images), Numbers(even + image + channel, 2 * pair + 1 < images)).Store((uint*)place);
            }
        }
    }

    /// <summary>A row of pixels, each as a row of images for every channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Transpose(ushort* row, int images, int channels, byte* target)
    {
        var words = stackalloc Vector512<uint>[Lanes];
        long image = (long)rows.Results * columns.Results * outChannels;
        for (int column = 0; column < columns.Results; column++, row += outChannels, target += gradientPixel)
            for (int channel = 0; channel < channels; channel += Lanes)
            {
                for (int pair = 0; pair < Lanes; pair++)
                {
                    ushort* even = row + channel + 2 * pair * image;
                    words[pair] = AmxTiles.Pair(Numbers(even, 2 * pair < images), Numbers(even + image, 2 * pair + 1 < images));
                }
                AmxTiles.Transpose(words);
                for (int i = 0; i < Lanes; i++) words[i].Store((uint*)(target + (channel + i) * AmxKernel.Depth * sizeof(ushort)));
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ushort> Numbers(ushort* place, bool exist) => exist ? Vector256.Load(place) : default;
}
