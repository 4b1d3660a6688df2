using WclSharp.Checkpoints.PyTorch;
using WclSharp.Data;

namespace WclSharp.Checkpoints;

/// <summary>Weights in a file of either kind that is read here, told apart by their first bytes.</summary>
internal static class WeightsFile
{
    /// <summary>Bytes that files are told apart by.</summary>
    public const int StartBytes = 16;

    /// <summary>Reads every tensor, on the CPU. The caller owns them.</summary>
    /// <param name="path">A safetensors file, or what PyTorch's <c>torch.save</c> wrote of a state dict.</param>
    /// <param name="isWanted">Whether the names of tensors are those of what is looked for, where a PyTorch file holds several dictionaries of tensors; null takes the largest.</param>
    /// <exception cref="WclUsageException">The file is missing or damaged, or is neither.</exception>
    public static SafetensorsContent Read(string path, Func<IReadOnlyCollection<string>, bool>? isWanted = null)
    {
        Span<byte> start = stackalloc byte[StartBytes];
        try
        {
            using var stream = SpecialFile.OpenRead(path);
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The weights '{path}' cannot be read: {ErrorText.Of(e)}. Give a .safetensors or .pth file, or a run folder.", e);
        }

        return PyTorchFile.Recognises(start) ? PyTorchFile.Read(path, isWanted) : SafetensorsFile.Read(path);
    }

    /// <summary>Whether a file is an ONNX file, by its first bytes; not where there is none, or it cannot be read.</summary>
    public static bool IsOnnx(string path)
    {
        try
        {
            Span<byte> start = stackalloc byte[StartBytes];
            using var stream = SpecialFile.OpenRead(path);
            return IsOnnx(start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>What a file is that is no safetensors file, and what takes it, as the end of a sentence; null where it is nothing that is known.</summary>
    public static string? OtherKind(ReadOnlySpan<byte> start) => start switch
    {
        [] => "is empty; use another checkpoint",
        _ when PyTorchFile.Recognises(start) => "is a file as PyTorch's .pth files are, which have no image size and normalisation; use it with wcl pretrain --init",
        _ when IsOnnx(start) => "is an ONNX file, which wcl embed and wcl index take; give a run folder or a .safetensors file here",
        _ => null,
    };

    /// <summary>It begins with its version and who made it.</summary>
    private static bool IsOnnx(ReadOnlySpan<byte> start) => start is [0x08, < 0x20, 0x12, ..];
}
