using System.Numerics;
using System.Runtime.CompilerServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The linear maps of Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2016, section 4.1), and their adjoints
/// for the backward pass: Y = A'[(G g G') * (B' d B)] A, where d is a tile of 6 x 6 inputs, g a 3 x 3 kernel and Y the
/// tile's 4 x 4 outputs; * is element by element, so that it sums over channels as 36 matrix products.
/// </summary>
/// <remarks>
/// Every map works on neighbouring channels at once, in float32. Those of a tile read and write values where they lie: a pixel's
/// channels by a pointer of its own, the 36 products a stride of 32-bit words apart; in between is <c>scratch</c>, [36, lanes]. Pixels, and what is
/// to be multiplied, are float32 or bfloat16; results of multiplying are float32.
/// </remarks>
internal static unsafe class WinogradTransforms
{
    private const MethodImplOptions Whole = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Side of a tile of outputs.</summary>
    public const int Outputs = 4;

    /// <summary>Side of a tile of inputs.</summary>
    public const int Inputs = 6;

    /// <summary>Products of a tile and channel pair.</summary>
    public const int Products = Inputs * Inputs;

    /// <summary>B' d B: from 6 x 6 pixels to the products.</summary>
    [MethodImpl(Whole)]
    public static void Input<T, TPixel, TTile>(byte** pixels, float* products, nint stride, int channels, float* scratch)
        where T : struct, ILanes<T> where TPixel : struct, IElements where TTile : struct, IElements
    {
        int column = T.Count * sizeof(float);
        nint matrix = stride * sizeof(float);
        for (int c = 0; c < channels; c += T.Count)
        {
            int at = c * TPixel.Size;
            for (int j = 0; j < 6; j++)
                Input<T, Float32Elements>(TPixel.LoadLanes<T>(pixels[j] + at), TPixel.LoadLanes<T>(pixels[6 + j] + at), TPixel.LoadLanes<T>(pixels[12 + j] + at),
                    TPixel.LoadLanes<T>(pixels[18 + j] + at), TPixel.LoadLanes<T>(pixels[24 + j] + at), TPixel.LoadLanes<T>(pixels[30 + j] + at), (byte*)scratch + j * column, 6 * column);
            for (int i = 0; i < 6; i++)
            {
                float* row = scratch + 6 * i * T.Count;
                Input<T, TTile>(T.Load(row), T.Load(row + T.Count), T.Load(row + 2 * T.Count), T.Load(row + 3 * T.Count), T.Load(row + 4 * T.Count), T.Load(row + 5 * T.Count),
                    (byte*)products + 6 * i * matrix + c * TTile.Size, matrix);
            }
        }
    }

    /// <summary>B t B', the adjoint of <c>Input</c>: from the products, added to 6 x 6 pixels, which are float32 so that sums keep their digits.</summary>
    [MethodImpl(Whole)]
    public static void InputAdjoint<T>(float* products, nint stride, float** pixels, int channels, float* scratch) where T : struct, ILanes<T>
    {
        for (int c = 0; c < channels; c += T.Count)
        {
            for (int j = 0; j < 6; j++)
            {
                float* target = scratch + j * T.Count;
                InputAdjoint<T>(products + j * stride + c, 6 * stride, target, target + 6 * T.Count, target + 12 * T.Count, target + 18 * T.Count, target + 24 * T.Count, target + 30 * T.Count, add: false);
            }
            for (int i = 0; i < 6; i++)
            {
                float** place = pixels + 6 * i;
                InputAdjoint<T>(scratch + 6 * i * T.Count, T.Count, place[0] + c, place[1] + c, place[2] + c, place[3] + c, place[4] + c, place[5] + c, add: true);
            }
        }
    }

    /// <summary>A' m A: from the products to 4 x 4 pixels.</summary>
    [MethodImpl(Whole)]
    public static void Output<T, TPixel>(float* products, nint stride, byte** pixels, int channels, float* scratch) where T : struct, ILanes<T> where TPixel : struct, IElements
    {
        int column = T.Count * sizeof(float);
        for (int c = 0; c < channels; c += T.Count)
        {
            int at = c * TPixel.Size;
            for (int j = 0; j < 6; j++)
            {
                byte* target = (byte*)scratch + j * column;
                Output<T, Float32Elements>(products + j * stride + c, 6 * stride, target, target + 6 * column, target + 12 * column, target + 18 * column);
            }
            for (int i = 0; i < 4; i++)
            {
                byte** place = pixels + 4 * i;
                Output<T, TPixel>(scratch + 6 * i * T.Count, T.Count, place[0] + at, place[1] + at, place[2] + at, place[3] + at);
            }
        }
    }

    /// <summary>A y A', the adjoint of <c>Output</c>: from 4 x 4 pixels to the products.</summary>
    [MethodImpl(Whole)]
    public static void OutputAdjoint<T, TPixel, TTile>(byte** pixels, float* products, nint stride, int channels, float* scratch)
        where T : struct, ILanes<T> where TPixel : struct, IElements where TTile : struct, IElements
    {
        int column = T.Count * sizeof(float);
        nint matrix = stride * sizeof(float);
        for (int c = 0; c < channels; c += T.Count)
        {
            int at = c * TPixel.Size;
            for (int j = 0; j < 4; j++)
                OutputAdjoint<T, Float32Elements>(TPixel.LoadLanes<T>(pixels[j] + at), TPixel.LoadLanes<T>(pixels[4 + j] + at), TPixel.LoadLanes<T>(pixels[8 + j] + at),
                    TPixel.LoadLanes<T>(pixels[12 + j] + at), (byte*)scratch + j * column, 6 * column);
            for (int i = 0; i < 6; i++)
            {
                float* row = scratch + 6 * i * T.Count;
                OutputAdjoint<T, TTile>(T.Load(row), T.Load(row + T.Count), T.Load(row + 2 * T.Count), T.Load(row + 3 * T.Count), (byte*)products + 6 * i * matrix + c * TTile.Size, matrix);
            }
        }
    }

    /// <summary>G g G', 3 x 3 -> 6 x 6, in place, from the first three rows and columns of the 6 x 6.</summary>
    [MethodImpl(Whole)]
    public static void Kernel(Values* g)
    {
        for (int i = 0; i < 3; i++) Kernel(g + i, 6);
        for (int i = 0; i < 6; i++) Kernel(g + 6 * i, 1);
    }

    /// <summary>G' u G, the adjoint of <see cref="Kernel(Values*)"/>, in place; the result is in the first three rows and columns.</summary>
    [MethodImpl(Whole)]
    public static void KernelAdjoint(Values* u)
    {
        for (int i = 0; i < 6; i++) KernelAdjoint(u + i, 6);
        for (int i = 0; i < 3; i++) KernelAdjoint(u + 6 * i, 1);
    }

    // Polynomials are evaluated at 0, +-P, +-Q and infinity. Rounding is least amplified about here, to less than a half of what +-1 and +-2 make of it
    // (docs/performance.md), and where P Q = 1 some constants are 1.
    private const float P = 2f / 3, Q = 3f / 2, Squares = P * P + Q * Q;

    // 1 over the products of differences of a point and all the others.
    private const float AtP = -81f / 130, AtQ = 8f / 65;

    [MethodImpl(Inline)]
    private static void Input<T, TTile>(T d0, T d1, T d2, T d3, T d4, T d5, byte* target, nint step) where T : struct, ILanes<T> where TTile : struct, IElements
    {
        var even = T.MultiplyAdd(-Q * Q, d2, d4);
        var odd = T.MultiplyAdd(-Q * Q, d1, d3);
        var even2 = T.MultiplyAdd(-P * P, d2, d4);
        var odd2 = T.MultiplyAdd(-P * P, d1, d3);
        TTile.StoreLanes(T.MultiplyAdd(-Squares, d2, d0 + d4), target);
        TTile.StoreLanes(T.MultiplyAdd(P, odd, even), target + step);
        TTile.StoreLanes(T.MultiplyAdd(-P, odd, even), target + 2 * step);
        TTile.StoreLanes(T.MultiplyAdd(Q, odd2, even2), target + 3 * step);
        TTile.StoreLanes(T.MultiplyAdd(-Q, odd2, even2), target + 4 * step);
        TTile.StoreLanes(T.MultiplyAdd(-Squares, d3, d1 + d5), target + 5 * step);
    }

    [MethodImpl(Inline)]
    private static void InputAdjoint<T>(float* source, nint step, float* d0, float* d1, float* d2, float* d3, float* d4, float* d5, bool add) where T : struct, ILanes<T>
    {
        T t0 = T.Load(source), t1 = T.Load(source + step), t2 = T.Load(source + 2 * step), t3 = T.Load(source + 3 * step), t4 = T.Load(source + 4 * step), t5 = T.Load(source + 5 * step);
        var sum = t1 + t2;
        var difference = t1 - t2;
        var sum2 = t3 + t4;
        var difference2 = t3 - t4;
        Put(t0, d0, add);
        Put(T.MultiplyAdd(-P, difference2, T.MultiplyAdd(-Q, difference, t5)), d1, add);
        Put(T.MultiplyAdd(-Squares, t0, T.MultiplyAdd(-Q * Q, sum, -P * P * sum2)), d2, add);
        Put(T.MultiplyAdd(-Squares, t5, T.MultiplyAdd(Q, difference2, P * difference)), d3, add);
        Put(t0 + sum + sum2, d4, add);
        Put(t5, d5, add);
    }

    [MethodImpl(Inline)]
    private static void Output<T, TPixel>(float* source, nint step, byte* y0, byte* y1, byte* y2, byte* y3) where T : struct, ILanes<T> where TPixel : struct, IElements
    {
        T m1 = T.Load(source + step), m2 = T.Load(source + 2 * step), m3 = T.Load(source + 3 * step), m4 = T.Load(source + 4 * step);
        var sum = m1 + m2;
        var difference = m1 - m2;
        var sum2 = m3 + m4;
        var difference2 = m3 - m4;
        TPixel.StoreLanes(T.Load(source) + sum + sum2, y0);
        TPixel.StoreLanes(T.MultiplyAdd(Q, difference2, P * difference), y1);
        TPixel.StoreLanes(T.MultiplyAdd(Q * Q, sum2, P * P * sum), y2);
        TPixel.StoreLanes(T.MultiplyAdd(Q * Q * Q, difference2, T.MultiplyAdd(P * P * P, difference, T.Load(source + 5 * step))), y3);
    }

    [MethodImpl(Inline)]
    private static void OutputAdjoint<T, TTile>(T y0, T y1, T y2, T y3, byte* target, nint step) where T : struct, ILanes<T> where TTile : struct, IElements
    {
        var even = T.MultiplyAdd(P * P, y2, y0);
        var odd = T.MultiplyAdd(P * P, y3, y1);
        var even2 = T.MultiplyAdd(Q * Q, y2, y0);
        var odd2 = T.MultiplyAdd(Q * Q, y3, y1);
        TTile.StoreLanes(y0, target);
        TTile.StoreLanes(T.MultiplyAdd(P, odd, even), target + step);
        TTile.StoreLanes(T.MultiplyAdd(-P, odd, even), target + 2 * step);
        TTile.StoreLanes(T.MultiplyAdd(Q, odd2, even2), target + 3 * step);
        TTile.StoreLanes(T.MultiplyAdd(-Q, odd2, even2), target + 4 * step);
        TTile.StoreLanes(y3, target + 5 * step);
    }

    [MethodImpl(Inline)]
    private static void Put<T>(T values, float* place, bool add) where T : struct, ILanes<T> => T.Store(add ? T.Load(place) + values : values, place);

    [MethodImpl(Inline)]
    private static void Kernel(Values* x, int step)
    {
        Values g0 = x[0], g1 = x[step], g2 = x[2 * step];
        var even = AtP * g0 + (AtP * P * P) * g2;
        var odd = (AtP * P) * g1;
        var even2 = AtQ * g0 + (AtQ * Q * Q) * g2;
        var odd2 = (AtQ * Q) * g1;
        x[step] = even + odd;
        x[2 * step] = even - odd;
        x[3 * step] = even2 + odd2;
        x[4 * step] = even2 - odd2;
        x[5 * step] = g2;
    }

    [MethodImpl(Inline)]
    private static void KernelAdjoint(Values* x, int step)
    {
        var sum = AtP * (x[step] + x[2 * step]);
        var difference = (AtP * P) * (x[step] - x[2 * step]);
        var sum2 = AtQ * (x[3 * step] + x[4 * step]);
        var difference2 = (AtQ * Q) * (x[3 * step] - x[4 * step]);
        x[0] += sum + sum2;
        x[step] = difference + difference2;
        x[2 * step] = (P * P) * sum + (Q * Q) * sum2 + x[5 * step];
    }
}
