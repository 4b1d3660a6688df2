using WclSharp.Checkpoints.PyTorch;

namespace WclSharp.Checkpoints;

/// <summary>Weights in a file of either kind that is read here, told apart by their first bytes.</summary>
internal static class WeightsFile
{
    /// <summary>Reads every tensor, on the CPU. The caller owns them.</summary>
    /// <param name="path">A safetensors file, or what PyTorch's <c>torch.save</c> wrote of a state dict.</param>
    /// <exception cref="WclUsageException">The file is missing or damaged, or is neither.</exception>
    public static SafetensorsContent Read(string path)
    {
        Span<byte> start = stackalloc byte[4];
        try
        {
            using var stream = File.OpenRead(path);
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The weights '{path}' cannot be read: {e.Message.TrimEnd('.')}. Give a .safetensors or .pth file, or a run folder.", e);
        }

        if (PyTorchFile.RecognisesLegacy(start))
            throw new WclUsageException($"'{path}' is in the format of PyTorch before 1.6; write it anew there with torch.save(torch.load(OLD), NEW).");
        return PyTorchFile.Recognises(start) ? PyTorchFile.Read(path) : SafetensorsFile.Read(path);
    }
}
