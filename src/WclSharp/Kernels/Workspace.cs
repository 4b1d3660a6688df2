using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Memory that a kernel uses again at every call: taken from the allocator and given back each time, blocks of its size
/// would be cut out of those that activations leave, and the heap would grow.
/// </summary>
internal sealed class Workspace
{
    private Tensor? memory;

    /// <summary>Room for a number of float32 values, uninitialised: a view that the caller's dispose scope owns.</summary>
    public Tensor Take(long values)
    {
        if (memory is null || memory.shape[0] < values)
        {
            memory?.Dispose();
            memory = empty([values], ScalarType.Float32).DetachFromDisposeScope();
        }
        return memory.narrow(0, 0, values);
    }
}
