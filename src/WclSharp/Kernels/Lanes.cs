using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Kernels;

/// <summary>Neighbouring float32 values that are computed on at once, so that a loop is written once for every width of registers.</summary>
internal unsafe interface ILanes<TSelf> where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Values.</summary>
    static abstract int Count { get; }

    /// <summary>The values at a place, of any alignment.</summary>
    static abstract TSelf Load(float* place);

    /// <summary>Writes the values to a place.</summary>
    static abstract void Store(TSelf values, float* place);

    /// <summary>The values at a place that holds bfloat16.</summary>
    static abstract TSelf LoadBFloat16(ushort* place);

    /// <summary>Writes the values as bfloat16, rounded to the nearest, ties to even.</summary>
    static abstract void StoreBFloat16(TSelf values, ushort* place);

    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(float a, TSelf b);

    /// <summary>a b + c, rounded once.</summary>
    static abstract TSelf MultiplyAdd(float a, TSelf b, TSelf c);
}

/// <summary>Registers of 512 bits.</summary>
internal readonly unsafe struct WideLanes : ILanes<WideLanes>
{
    private readonly Vector512<float> values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private WideLanes(Vector512<float> values) => this.values = values;

    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Load(float* place) => new(Vector512.Load(place));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(WideLanes values, float* place) => values.values.Store(place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes LoadBFloat16(ushort* place) => new((Avx512F.ConvertToVector512UInt32(Vector256.Load(place)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(WideLanes values, ushort* place)
    {
        // See BFloat16Elements: a NaN is caught by the loss.
        var bits = values.values.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
        Avx512F.ConvertToVector256UInt16(rounded).Store(place);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes operator +(WideLanes a, WideLanes b) => new(a.values + b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes operator -(WideLanes a, WideLanes b) => new(a.values - b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes operator *(float a, WideLanes b) => new(a * b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes MultiplyAdd(float a, WideLanes b, WideLanes c) => new(Vector512.FusedMultiplyAdd(Vector512.Create(a), b.values, c.values));
}

/// <summary>Registers as wide as .NET takes them on this processor.</summary>
internal readonly unsafe struct UsualLanes : ILanes<UsualLanes>
{
    private readonly Vector<float> values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private UsualLanes(Vector<float> values) => this.values = values;

    public static int Count => Vector<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes Load(float* place) => new(Vector.Load(place));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(UsualLanes values, float* place) => values.values.Store(place);

    // One by one: bfloat16 goes by wide registers wherever it is worth its while.
    public static UsualLanes LoadBFloat16(ushort* place)
    {
        Vector<uint> bits = default;
        for (int i = 0; i < Count; i++) bits = bits.WithElement(i, (uint)place[i] << 16);
        return new(Vector.AsVectorSingle(bits));
    }

    public static void StoreBFloat16(UsualLanes values, ushort* place)
    {
        var bits = Vector.AsVectorUInt32(values.values);
        for (int i = 0; i < Count; i++) place[i] = (ushort)((bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator +(UsualLanes a, UsualLanes b) => new(a.values + b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator -(UsualLanes a, UsualLanes b) => new(a.values - b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator *(float a, UsualLanes b) => new(a * b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes MultiplyAdd(float a, UsualLanes b, UsualLanes c) => new(Vector.FusedMultiplyAdd(new Vector<float>(a), b.values, c.values));
}
