using System.Numerics;
using System.Runtime.CompilerServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The linear maps of Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2016, section 4.1), and their adjoints
/// for the backward pass: Y = A'[(G g G') * (B' d B)] A, where d is a tile of 6 x 6 inputs, g a 3 x 3 kernel and Y the
/// tile's 4 x 4 outputs; * is element by element, so that it sums over channels as 36 matrix products.
/// </summary>
/// <remarks>Every map works on a vector of neighbouring channels at once: a value is one <see cref="Values"/>.</remarks>
internal static unsafe class WinogradTransforms
{
    /// <summary>Side of a tile of outputs.</summary>
    public const int Outputs = 4;

    /// <summary>Side of a tile of inputs.</summary>
    public const int Inputs = 6;

    /// <summary>Products of a tile and channel pair.</summary>
    public const int Products = Inputs * Inputs;

    /// <summary>B' d B, 6 x 6 -> 6 x 6, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input(Values* d)
    {
        for (int i = 0; i < 6; i++) Input(d + i, 6);
        for (int i = 0; i < 6; i++) Input(d + 6 * i, 1);
    }

    /// <summary>B t B', the adjoint of <see cref="Input(Values*)"/>, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void InputAdjoint(Values* t)
    {
        for (int i = 0; i < 6; i++) InputAdjoint(t + i, 6);
        for (int i = 0; i < 6; i++) InputAdjoint(t + 6 * i, 1);
    }

    /// <summary>A' m A, 6 x 6 -> 4 x 4; the result is in the first four rows and columns of the 6 x 6.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output(Values* m)
    {
        for (int i = 0; i < 6; i++) Output(m + i, 6);
        for (int i = 0; i < 4; i++) Output(m + 6 * i, 1);
    }

    /// <summary>A y A', the adjoint of <see cref="Output(Values*)"/>, from the first four rows and columns of the 6 x 6.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OutputAdjoint(Values* y)
    {
        for (int i = 0; i < 4; i++) OutputAdjoint(y + i, 6);
        for (int i = 0; i < 6; i++) OutputAdjoint(y + 6 * i, 1);
    }

    /// <summary>G g G', 3 x 3 -> 6 x 6, from the first three rows and columns of the 6 x 6.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Kernel(Values* g)
    {
        for (int i = 0; i < 3; i++) Kernel(g + i, 6);
        for (int i = 0; i < 6; i++) Kernel(g + 6 * i, 1);
    }

    /// <summary>G' u G, the adjoint of <see cref="Kernel(Values*)"/>; the result is in the first three rows and columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void KernelAdjoint(Values* u)
    {
        for (int i = 0; i < 6; i++) KernelAdjoint(u + i, 6);
        for (int i = 0; i < 3; i++) KernelAdjoint(u + 6 * i, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(Values* x, int step)
    {
        Values d0 = x[0], d1 = x[step], d2 = x[2 * step], d3 = x[3 * step], d4 = x[4 * step], d5 = x[5 * step];
        var even = d4 - 4 * d2;
        var odd = d3 - 4 * d1;
        var even2 = d4 - d2;
        var odd2 = 2 * (d3 - d1);
        x[0] = 4 * d0 - 5 * d2 + d4;
        x[step] = even + odd;
        x[2 * step] = even - odd;
        x[3 * step] = even2 + odd2;
        x[4 * step] = even2 - odd2;
        x[5 * step] = 4 * d1 - 5 * d3 + d5;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InputAdjoint(Values* x, int step)
    {
        Values t0 = x[0], t5 = x[5 * step];
        var sum = x[step] + x[2 * step];
        var difference = x[step] - x[2 * step];
        var sum2 = x[3 * step] + x[4 * step];
        var difference2 = 2 * (x[3 * step] - x[4 * step]);
        x[0] = 4 * t0;
        x[step] = 4 * (t5 - difference) - difference2;
        x[2 * step] = -5 * t0 - 4 * sum - sum2;
        x[3 * step] = difference + difference2 - 5 * t5;
        x[4 * step] = t0 + sum + sum2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(Values* x, int step)
    {
        var sum = x[step] + x[2 * step];
        var difference = x[step] - x[2 * step];
        var sum2 = x[3 * step] + x[4 * step];
        var difference2 = x[3 * step] - x[4 * step];
        x[0] = x[0] + sum + sum2;
        x[step] = difference + 2 * difference2;
        x[2 * step] = sum + 4 * sum2;
        x[3 * step] = difference + 8 * difference2 + x[5 * step];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputAdjoint(Values* x, int step)
    {
        Values y0 = x[0], y1 = x[step], y2 = x[2 * step], y3 = x[3 * step];
        var even = y0 + y2;
        var odd = y1 + y3;
        var even2 = y0 + 4 * y2;
        var odd2 = 2 * y1 + 8 * y3;
        x[step] = even + odd;
        x[2 * step] = even - odd;
        x[3 * step] = even2 + odd2;
        x[4 * step] = even2 - odd2;
        x[5 * step] = y3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Kernel(Values* x, int step)
    {
        Values g0 = x[0], g1 = x[step], g2 = x[2 * step];
        var even = (-1f / 6) * (g0 + g2);
        var odd = (-1f / 6) * g1;
        var even2 = (1f / 24) * g0 + (1f / 6) * g2;
        var odd2 = (1f / 12) * g1;
        x[0] = 0.25f * g0;
        x[step] = even + odd;
        x[2 * step] = even - odd;
        x[3 * step] = even2 + odd2;
        x[4 * step] = even2 - odd2;
        x[5 * step] = g2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KernelAdjoint(Values* x, int step)
    {
        var sum = (1f / 6) * (x[step] + x[2 * step]);
        var difference = (1f / 6) * (x[step] - x[2 * step]);
        var sum2 = x[3 * step] + x[4 * step];
        var difference2 = (1f / 12) * (x[3 * step] - x[4 * step]);
        x[0] = 0.25f * x[0] - sum + (1f / 24) * sum2;
        x[step] = difference2 - difference;
        x[2 * step] = (1f / 6) * sum2 - sum + x[5 * step];
    }
}
