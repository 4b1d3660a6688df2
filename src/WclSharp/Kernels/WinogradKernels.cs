using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// Carries the kernels of a 3 x 3 convolution to the 36 matrices that Winograd's tiles are multiplied by, and their gradient back.
/// </summary>
/// <remarks>What is to be multiplied lies in memory as tiles do; of pairs, those of neighbouring rows. Gradients are float32.</remarks>
[SkipLocalsInit]
internal static unsafe class WinogradKernels
{
    /// <summary>Weights of a kernel, 3 x 3.</summary>
    public const int Taps = 9;

    private const int MatrixPadding = 64;

    /// <summary>Room for a matrix for each product, [36, rows, columns], uninitialised.</summary>
    /// <param name="rows">Rows of a matrix.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <param name="purpose">What for: see <see cref="Workspace.Take"/>.</param>
    /// <param name="padded">True for what our own loops go through: the same place of all matrices would fall on one cache set if these lay at powers of two.</param>
    public static Tensor Empty(int rows, int columns, Workspace workspace, string purpose, bool padded)
    {
        long matrix = Matrix(rows, columns, padded);
        return workspace.Take(purpose, WinogradTransforms.Products * matrix).as_strided([WinogradTransforms.Products, rows, columns], [matrix, columns, 1], 0);
    }

    /// <summary>Values from one matrix to the next.</summary>
    public static long Matrix(int rows, int columns, bool padded = true) => (long)rows * columns + (padded ? MatrixPadding : 0);

    /// <summary>G g G' of every kernel.</summary>
    /// <param name="weight">[K, C, 3, 3] channels-last.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[36, K, C], padded; of pairs [36, K / 2, C].</returns>
    public static Tensor Of<TTile>(Tensor weight, Workspace workspace) where TTile : struct, IElements =>
        Make<TTile>(weight, (int)weight.size(0), (int)weight.size(1), transposed: false, workspace);

    /// <summary>The same, each matrix transposed.</summary>
    /// <param name="weight">[K, C, 3, 3] channels-last.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[36, C, K], padded; of pairs [36, C / 2, K].</returns>
    public static Tensor Transposed<TTile>(Tensor weight, Workspace workspace) where TTile : struct, IElements =>
        Make<TTile>(weight, (int)weight.size(1), (int)weight.size(0), transposed: true, workspace);

    /// <summary>Some columns of <see cref="Of"/>'s matrices, by one thread: channels in.</summary>
    /// <param name="taps">[K, 3, 3, C].</param>
    /// <param name="outChannels">K.</param>
    /// <param name="inChannels">C.</param>
    /// <param name="first">The first channel in.</param>
    /// <param name="count">Channels in, a multiple of what a register holds.</param>
    /// <param name="panel">[36, K, count], of pairs [36, K / 2, count], overwritten.</param>
    /// <param name="stride">Words from one of the 36 to the next.</param>
    public static void InColumns<TTile>(float* taps, int outChannels, int inChannels, int first, int count, float* panel, nint stride) where TTile : struct, IElements =>
        Fill<TTile>(taps + first, inChannels, Taps * inChannels, 1, outChannels, count, panel, stride);

    /// <summary>Some columns of <see cref="Transposed"/>'s matrices, by one thread: channels out.</summary>
    /// <param name="taps">[K, 3, 3, C].</param>
    /// <param name="inChannels">C.</param>
    /// <param name="first">The first channel out.</param>
    /// <param name="count">Channels out, a multiple of what a register holds.</param>
    /// <param name="panel">[36, C, count], of pairs [36, C / 2, count], overwritten.</param>
    /// <param name="stride">Words from one of the 36 to the next.</param>
    public static void OutColumns<TTile>(float* taps, int inChannels, int first, int count, float* panel, nint stride) where TTile : struct, IElements =>
        Fill<TTile>(taps + (long)first * Taps * inChannels, inChannels, 1, Taps * inChannels, inChannels, count, panel, stride);

    /// <summary>G' u G of the gradients of one channel out.</summary>
    /// <param name="gradients">[36, C].</param>
    /// <param name="stride">Values from one of the 36 to the next.</param>
    /// <param name="inChannels">C.</param>
    /// <param name="taps">[3, 3, C], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient(float* gradients, nint stride, int inChannels, float* taps)
    {
        var u = stackalloc Values[WinogradTransforms.Products];
        for (int c = 0; c < inChannels; c += Values.Count)
        {
            float* matrix = gradients + c;
            for (int i = 0; i < WinogradTransforms.Products; i++, matrix += stride) u[i] = *(Values*)matrix;
            WinogradTransforms.KernelAdjoint(u);
            for (int tap = 0; tap < Taps; tap++) *(Values*)(taps + (long)tap * inChannels + c) = u[Place(tap)];
        }
    }

    /// <summary>G' u G of every kernel's gradient.</summary>
    /// <param name="gradients">[36, K, C].</param>
    /// <param name="weight">[K, C, 3, 3].</param>
    /// <returns>[K, C, 3, 3] channels-last; the caller owns it.</returns>
    public static Tensor WeightGradient(Tensor gradients, Tensor weight)
    {
        int outChannels = (int)weight.size(0), inChannels = (int)weight.size(1);
        using var gradient = empty([outChannels, 3, 3, inChannels], ScalarType.Float32);
        float* source = TensorMemory.Start(gradients), target = TensorMemory.Start(gradient);
        nint stride = (nint)gradients.stride(0);
        TorchThreads.For(outChannels, k => WeightGradient(source + (long)k * inChannels, stride, inChannels, target + (long)k * Taps * inChannels));
        return gradient.permute(0, 3, 1, 2);
    }

    private static Tensor Make<TTile>(Tensor weight, int rows, int columns, bool transposed, Workspace workspace) where TTile : struct, IElements
    {
        int inChannels = (int)weight.size(1), kernel = Taps * inChannels, words = TileKernel<TTile>.Words(rows), together = rows / words;
        using var taps = weight.permute(0, 2, 3, 1).contiguous();       // [K, 3, 3, C]
        var kernels = Empty(words, columns, workspace, "kernels", padded: true);
        float* source = TensorMemory.Start(taps), target = TensorMemory.Start(kernels);
        nint stride = (nint)kernels.stride(0);
        int rowStep = transposed ? 1 : kernel, columnStep = transposed ? kernel : 1;
        TorchThreads.For(words, word => Fill<TTile>(source + (long)word * together * rowStep, inChannels, rowStep, columnStep, together, columns, target + (long)word * columns, stride));
        return kernels;
    }

    /// <summary>G g G' of the kernels of some rows and columns; steps are values from one tap, row and column to the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill<TTile>(float* taps, int tapStep, int rowStep, int columnStep, int rows, int columns, float* target, nint stride) where TTile : struct, IElements
    {
        var g = stackalloc Values[WinogradTransforms.Products];
        var next = stackalloc Values[WinogradTransforms.Products];
        int together = TileKernel<TTile>.HasPairs ? 2 : 1;
        for (int row = 0; row < rows; row += together, taps += together * rowStep, target += columns)
            for (int column = 0; column < columns; column += Values.Count)
            {
                float* place = taps + (long)column * columnStep, matrix = target + column;
                Kernels(place, tapStep, columnStep, g);
                if (TileKernel<TTile>.HasPairs)
                {
                    Kernels(place + rowStep, tapStep, columnStep, next);
                    for (int i = 0; i < WinogradTransforms.Products; i++, matrix += stride) *(Vector<uint>*)matrix = BFloat16Elements.Pair(g[i], next[i]);
                }
                else
                {
                    for (int i = 0; i < WinogradTransforms.Products; i++, matrix += stride) *(Values*)matrix = g[i];
                }
            }
    }

    /// <summary>G g G' of neighbouring columns' kernels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Kernels(float* place, int tapStep, int columnStep, Values* g)
    {
        for (int tap = 0; tap < Taps; tap++, place += tapStep) g[Place(tap)] = columnStep == 1 ? *(Values*)place : Gather(place, columnStep);
        WinogradTransforms.Kernel(g);
    }

    /// <summary>Where a tap of the 3 x 3 lies among 6 x 6.</summary>
    private static int Place(int tap) => tap / 3 * WinogradTransforms.Inputs + tap % 3;

    /// <summary>Values that lie a step apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Values Gather(float* place, int step)
    {
        if (Avx2.IsSupported && Values.Count == 8)
            return Avx2.GatherVector256(place, (Vector<int>.Indices * step).AsVector256(), sizeof(float)).AsVector();
        Values values = default;
        for (int i = 0; i < Values.Count; i++) values = values.WithElement(i, place[(long)i * step]);
        return values;
    }
}
