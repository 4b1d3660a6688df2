using System.Runtime.CompilerServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>How a loop writes what it computes.</summary>
internal unsafe interface IStores
{
    /// <summary>Writes two vectors to a place.</summary>
    static abstract void Store(byte* place, Values first, Values second);
}

/// <summary>Into the caches, for what is read again soon.</summary>
/// <typeparam name="T">How numbers lie in memory.</typeparam>
internal readonly unsafe struct CachedStores<T> : IStores where T : struct, IElements
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, Values first, Values second) => T.Store(place, first, second);
}

/// <summary>
/// Past the caches, for more than they hold: memory that is overwritten as a whole is not read first. A place is a multiple of a vector's size.
/// </summary>
/// <typeparam name="T">How numbers lie in memory.</typeparam>
internal readonly unsafe struct StreamedStores<T> : IStores where T : struct, IElements
{
    // A share of a processor's last cache in which little is found again: measured, docs/performance-history.md.
    private const long LeastBytes = 4 << 20;

    /// <summary>Whether so many numbers are better written so.</summary>
    public static bool Suit(long count) => count * T.Size >= LeastBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, Values first, Values second) => T.Stream(place, first, second);
}
