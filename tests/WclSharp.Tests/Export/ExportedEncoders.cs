using WclSharp.Benchmarking;
using WclSharp.Encoders;
using WclSharp.Training;

namespace WclSharp.Tests.Export;

/// <summary>Encoders to export: what the tests of export have in common.</summary>
internal static class ExportedEncoders
{
    public static PretrainOptions Network(EncoderArch arch, EncoderStem stem, int width, int imageSize) => new() { Arch = arch, Stem = stem, Width = width, ImageSize = imageSize };

    /// <summary>Writes an encoder of random weights.</summary>
    public static string Write(string folder, PretrainOptions options)
    {
        string file = Path.Combine(folder, "encoder.safetensors");
        EmbedBenchmark.RandomEncoder(options, file).Dispose();
        return file;
    }

    /// <summary>Makes a folder that of a run on the embedded images.</summary>
    public static void AsARun(string folder) => File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
}
