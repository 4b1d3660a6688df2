using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(float a, TSelf b);
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
    public static WideLanes operator +(WideLanes a, WideLanes b) => new(a.values + b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes operator -(WideLanes a, WideLanes b) => new(a.values - b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes operator *(float a, WideLanes b) => new(a * b.values);
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator +(UsualLanes a, UsualLanes b) => new(a.values + b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator -(UsualLanes a, UsualLanes b) => new(a.values - b.values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UsualLanes operator *(float a, UsualLanes b) => new(a * b.values);
}
