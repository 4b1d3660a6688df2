using System.Numerics;
using System.Runtime.CompilerServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>The float32 numbers of <see cref="Step"/> channels as two vectors, and what batch norm's loops do with them.</summary>
internal static unsafe class ChannelNumbers
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Channels that are worked on side by side.</summary>
    public static int Step => 2 * Values.Count;

    [MethodImpl(Inline)]
    public static (Values, Values) At(float* place) => Float32Elements.Load((byte*)place);

    [MethodImpl(Inline)]
    public static void Put(float* place, Values first, Values second) => Float32Elements.Store((byte*)place, first, second);

    [MethodImpl(Inline)]
    public static (Values, Values) Scaled((Values, Values) x, float* scale, float* shift, int c)
    {
        var (a0, a1) = At(scale + c);
        var (b0, b1) = At(shift + c);
        return (Vector.FusedMultiplyAdd(x.Item1, a0, b0), Vector.FusedMultiplyAdd(x.Item2, a1, b1));
    }

    /// <summary>The gradient where the output lay above the floor. Forward's arithmetic gives the same output again.</summary>
    [MethodImpl(Inline)]
    public static (Values, Values) Passed((Values, Values) dy, (Values, Values) output, Values floor) =>
        (Vector.ConditionalSelect(Vector.GreaterThan(output.Item1, floor), dy.Item1, Values.Zero),
            Vector.ConditionalSelect(Vector.GreaterThan(output.Item2, floor), dy.Item2, Values.Zero));
}
