namespace WclSharp.Cli.Doctor;

/// <summary>Names of the CUDA devices. TorchSharp does not tell them; NVIDIA's driver does, on Linux.</summary>
internal static class GpuNames
{
    private const string DriverFolder = "/proc/driver/nvidia/gpus";

    /// <summary>A name for each device, the driver's where it gives as many.</summary>
    public static IReadOnlyList<string> Of(int devices)
    {
        string[] models = Directory.Exists(DriverFolder)
            ? [.. Directory.EnumerateFiles(DriverFolder, "information", SearchOption.AllDirectories).Order()
                .SelectMany(File.ReadLines).Where(line => line.StartsWith("Model:", StringComparison.Ordinal)).Select(line => line[6..].Trim())]
            : [];
        return models.Length == devices ? models : [.. Enumerable.Range(0, devices).Select(i => $"cuda:{i}")];
    }
}
