using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>Where a tensor's values lie.</summary>
internal static unsafe class TensorMemory
{
    private const long SpanBytes = int.MaxValue;
    private const int LargestElement = 16; // a complex number of two float64

    /// <summary>First value of a float32 tensor on the CPU. The tensor must stay alive while it is used.</summary>
    public static float* Start(Tensor tensor) => (float*)Bytes(tensor);

    /// <summary>First byte of a tensor on the CPU; null for none. The tensor must stay alive while it is used.</summary>
    public static byte* Bytes(Tensor? tensor)
    {
        if (tensor is null) return null;
        // A span holds 2 GiB at most, and only its start is wanted.
        if (tensor.is_contiguous() && tensor.numel() <= SpanBytes / LargestElement) return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
        using var scope = NewDisposeScope();
        var first = tensor;
        while (first.dim() > 1) first = first.select(0, 0);
        if (first.dim() == 1 && first.size(0) > 1) first = first.narrow(0, 0, 1);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
