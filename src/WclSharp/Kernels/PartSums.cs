using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WclSharp.Kernels;

/// <summary>Sums that were taken in parts, so that threads could share them, added in the order of parts.</summary>
internal static unsafe class PartSums
{
    /// <summary>Adds the other parts' sums to the first's.</summary>
    /// <param name="first">The first part's, [count] float32.</param>
    /// <param name="others">The others', [parts - 1, count] float32.</param>
    /// <param name="parts">Parts, at least one.</param>
    /// <param name="count">Sums of a part.</param>
    /// <param name="blocks">Into how many pieces, each a multiple of 16 sums, threads share them.</param>
    public static void Add(float* first, float* others, int parts, long count, int blocks)
    {
        long size = count / blocks;
        if (parts > 1) TorchThreads.For(blocks, block => Add(first, others, parts, count, block * size, size));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* first, float* others, int parts, long count, long start, long size)
    {
        for (long i = start; i < start + size; i += Vector512<float>.Count)
        {
            var sum = Vector512.Load(first + i);
            for (int part = 1; part < parts; part++) sum += Vector512.Load(others + (part - 1) * count + i);
            sum.Store(first + i);
        }
    }
}
