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
/// channels, float32 or bfloat16, by a pointer of its own, the 36 products a stride apart; in between is <c>scratch</c>, [36, lanes].
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
    public static void Input<T, TPixel>(byte** pixels, float* products, nint stride, int channels, float* scratch) where T : struct, ILanes<T> where TPixel : struct, IElements
    {
        for (int c = 0; c < channels; c += T.Count)
        {
            int at = c * TPixel.Size;
            for (int j = 0; j < 6; j++)
                Input(TPixel.LoadLanes<T>(pixels[j] + at), TPixel.LoadLanes<T>(pixels[6 + j] + at), TPixel.LoadLanes<T>(pixels[12 + j] + at),
                    TPixel.LoadLanes<T>(pixels[18 + j] + at), TPixel.LoadLanes<T>(pixels[24 + j] + at), TPixel.LoadLanes<T>(pixels[30 + j] + at), scratch + j * T.Count, 6 * T.Count);
            for (int i = 0; i < 6; i++)
            {
                float* row = scratch + 6 * i * T.Count;
                Input(T.Load(row), T.Load(row + T.Count), T.Load(row + 2 * T.Count), T.Load(row + 3 * T.Count), T.Load(row + 4 * T.Count), T.Load(row + 5 * T.Count), products + 6 * i * stride + c, stride);
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
    public static void OutputAdjoint<T, TPixel>(byte** pixels, float* products, nint stride, int channels, float* scratch) where T : struct, ILanes<T> where TPixel : struct, IElements
    {
        for (int c = 0; c < channels; c += T.Count)
        {
            int at = c * TPixel.Size;
            for (int j = 0; j < 4; j++)
                OutputAdjoint(TPixel.LoadLanes<T>(pixels[j] + at), TPixel.LoadLanes<T>(pixels[4 + j] + at), TPixel.LoadLanes<T>(pixels[8 + j] + at),
                    TPixel.LoadLanes<T>(pixels[12 + j] + at), scratch + j * T.Count, 6 * T.Count);
            for (int i = 0; i < 6; i++)
            {
                float* row = scratch + 6 * i * T.Count;
                OutputAdjoint(T.Load(row), T.Load(row + T.Count), T.Load(row + 2 * T.Count), T.Load(row + 3 * T.Count), products + 6 * i * stride + c, stride);
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

    [MethodImpl(Inline)]
    private static void Input<T>(T d0, T d1, T d2, T d3, T d4, T d5, float* target, nint step) where T : struct, ILanes<T>
    {
        var even = T.MultiplyAdd(-4f, d2, d4);
        var odd = T.MultiplyAdd(-4f, d1, d3);
        var even2 = d4 - d2;
        var odd2 = d3 - d1;
        T.Store(T.MultiplyAdd(4f, d0, T.MultiplyAdd(-5f, d2, d4)), target);
        T.Store(even + odd, target + step);
        T.Store(even - odd, target + 2 * step);
        T.Store(T.MultiplyAdd(2f, odd2, even2), target + 3 * step);
        T.Store(T.MultiplyAdd(-2f, odd2, even2), target + 4 * step);
        T.Store(T.MultiplyAdd(4f, d1, T.MultiplyAdd(-5f, d3, d5)), target + 5 * step);
    }

    [MethodImpl(Inline)]
    private static void InputAdjoint<T>(float* source, nint step, float* d0, float* d1, float* d2, float* d3, float* d4, float* d5, bool add) where T : struct, ILanes<T>
    {
        T t0 = T.Load(source), t1 = T.Load(source + step), t2 = T.Load(source + 2 * step), t3 = T.Load(source + 3 * step), t4 = T.Load(source + 4 * step), t5 = T.Load(source + 5 * step);
        var sum = t1 + t2;
        var difference = t1 - t2;
        var sum2 = t3 + t4;
        var difference2 = t3 - t4;
        Put(4f * t0, d0, add);
        Put(T.MultiplyAdd(-2f, difference2, 4f * (t5 - difference)), d1, add);
        Put(T.MultiplyAdd(-5f, t0, T.MultiplyAdd(-4f, sum, -1f * sum2)), d2, add);
        Put(T.MultiplyAdd(-5f, t5, T.MultiplyAdd(2f, difference2, difference)), d3, add);
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
        TPixel.StoreLanes(T.MultiplyAdd(2f, difference2, difference), y1);
        TPixel.StoreLanes(T.MultiplyAdd(4f, sum2, sum), y2);
        TPixel.StoreLanes(T.MultiplyAdd(8f, difference2, difference + T.Load(source + 5 * step)), y3);
    }

    [MethodImpl(Inline)]
    private static void OutputAdjoint<T>(T y0, T y1, T y2, T y3, float* target, nint step) where T : struct, ILanes<T>
    {
        var even = y0 + y2;
        var odd = y1 + y3;
        var even2 = T.MultiplyAdd(4f, y2, y0);
        var odd2 = T.MultiplyAdd(4f, y3, y1);
        T.Store(y0, target);
        T.Store(even + odd, target + step);
        T.Store(even - odd, target + 2 * step);
        T.Store(T.MultiplyAdd(2f, odd2, even2), target + 3 * step);
        T.Store(T.MultiplyAdd(-2f, odd2, even2), target + 4 * step);
        T.Store(y3, target + 5 * step);
    }

    [MethodImpl(Inline)]
    private static void Put<T>(T values, float* place, bool add) where T : struct, ILanes<T> => T.Store(add ? T.Load(place) + values : values, place);

    [MethodImpl(Inline)]
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

    [MethodImpl(Inline)]
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
