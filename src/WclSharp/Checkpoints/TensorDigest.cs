using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints;

/// <summary>What tensors are known again by, wherever and in whatever order they lie.</summary>
internal static unsafe class TensorDigest
{
    private const int Slice = 1 << 26; // bytes at a time; a span holds less than 2 GiB

    /// <summary>SHA-256 of their names and values, by the names' order, in hexadecimal digits.</summary>
    public static string Of(IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, tensor) in tensors.OrderBy(each => each.Name, StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            var values = tensor.detach().cpu().contiguous();
            byte* start = TensorMemory.Bytes(values);
            long bytes = values.numel() * values.element_size();
            for (long at = 0; at < bytes; at += Slice) hash.AppendData(new ReadOnlySpan<byte>(start + at, (int)Math.Min(Slice, bytes - at)));
            GC.KeepAlive(values);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
