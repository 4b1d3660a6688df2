using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Memory that kernels use again at every call: taken from the allocator and given back each time, blocks of its size
/// would be cut out of those that activations leave, and the heap would grow.
/// </summary>
internal sealed class Workspace : IDisposable
{
    // The last one that was given back is the next to be used, by whichever thread: its memory is there, and in a cache. A bag would give each thread its own, and grow the memory of several.
    private static readonly ConcurrentStack<Workspace> Idle = [];
    private readonly Dictionary<string, Tensor> memory = [];

    private Workspace() { }

    /// <summary>A workspace that nobody else uses until it is disposed of: there are as many as were ever used at once.</summary>
    public static Workspace Rent() => Idle.TryPop(out var idle) ? idle : new Workspace();

    /// <summary>Room for float32 values, uninitialised: a view that the caller's dispose scope owns.</summary>
    /// <param name="purpose">What for: another call with the same purpose gives the same memory.</param>
    /// <param name="values">Number of values.</param>
    public Tensor Take(string purpose, long values)
    {
        if (!memory.TryGetValue(purpose, out var room) || room.size(0) < values)
        {
            memory.Remove(purpose); // or it would keep a tensor that is gone where there is no room for the new one
            room?.Dispose();
            memory[purpose] = room = empty([values], ScalarType.Float32).DetachFromDisposeScope();
        }
        return room.narrow(0, 0, values);
    }

    /// <summary>Gives the workspace back, for the next call.</summary>
    public void Dispose() => Idle.Push(this);
}
