using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>A convolution's weights, rounded to bfloat16, as <see cref="AmxKernel"/>'s right matrices: for every 32 results, tap and 32 terms two tiles of 16 results each.</summary>
internal static unsafe class AmxWeights
{
    /// <summary>Bytes of 32 results' tiles for 32 terms.</summary>
    public const int StepBytes = 2 * AmxKernel.TileBytes;

    private const int Lanes = 16;

    /// <summary>For the convolution: results are channels out, terms channels in.</summary>
    /// <param name="weight">[K, side, side, C] float32, contiguous.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[K / 32, taps, C / 32, 2, 16, 16] pairs, as a view of float32 that the caller's dispose scope owns.</returns>
    public static Tensor Of(Tensor weight, Workspace workspace)
    {
        int results = (int)weight.size(0), taps = (int)(weight.size(1) * weight.size(2)), terms = (int)weight.size(3);
        var packed = workspace.Take("weights in tiles", weight.numel() / 2);
        float* source = TensorMemory.Start(weight), target = TensorMemory.Start(packed);
        TorchThreads.For(results / AmxKernel.Block, block => Transposed(source, target, block, taps, terms));
        return packed;
    }

    /// <summary>For the input's gradient: results are channels in, terms channels out.</summary>
    /// <inheritdoc cref="Of"/>
    /// <returns>[C / 32, taps, K / 32, 2, 16, 16] pairs, as a view of float32 that the caller's dispose scope owns.</returns>
    public static Tensor OfGradient(Tensor weight, Workspace workspace)
    {
        int terms = (int)weight.size(0), taps = (int)(weight.size(1) * weight.size(2)), results = (int)weight.size(3);
        var packed = workspace.Take("weights in tiles", weight.numel() / 2);
        float* source = TensorMemory.Start(weight), target = TensorMemory.Start(packed);
        TorchThreads.For(results / AmxKernel.Block, block => Paired(source, target, block, taps, terms, results));
        return packed;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transposed(float* source, float* target, int block, int taps, int terms)
    {
        var rows = stackalloc Vector512<uint>[Lanes];
        target += (long)block * taps * terms * Lanes;
        for (int tap = 0; tap < taps; tap++)
            for (int term = 0; term < terms; term += AmxKernel.Depth)
                for (int half = 0; half < 2; half++, target += Lanes * Lanes)
                {
                    for (int i = 0; i < Lanes; i++)
                    {
                        float* from = source + ((long)(block * AmxKernel.Block + half * Lanes + i) * taps + tap) * terms + term;
                        rows[i] = Vector512.Create(AmxTiles.Rounded(Vector512.Load(from)), AmxTiles.Rounded(Vector512.Load(from + Lanes))).AsUInt32();
                    }
                    AmxTiles.Transpose(rows);
                    for (int i = 0; i < Lanes; i++) rows[i].Store((uint*)target + i * Lanes);
                }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Paired(float* source, float* target, int block, int taps, int terms, int results)
    {
        long rowWeights = (long)taps * results;
        target += (long)block * taps * terms * Lanes;
        for (int tap = 0; tap < taps; tap++)
            for (int term = 0; term < terms; term += AmxKernel.Depth)
                for (int half = 0; half < 2; half++)
                {
                    float* from = source + term * rowWeights + (long)tap * results + block * AmxKernel.Block + half * Lanes;
                    for (int i = 0; i < Lanes; i++, from += 2 * rowWeights, target += Lanes)
                        AmxTiles.Pair(AmxTiles.Rounded(Vector512.Load(from)), AmxTiles.Rounded(Vector512.Load(from + rowWeights))).Store((uint*)target);
                }
    }
}
