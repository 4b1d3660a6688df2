using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

/// <summary>An encoder, as weights and as an ONNX file, and images to embed by it.</summary>
public abstract class EmbeddingTest : IDisposable
{
    private protected readonly DataFolder folder = new();
    private protected readonly string encoder, onnx;
    private protected readonly List<(string Path, string Label)> images = [];

    private protected EmbeddingTest()
    {
        encoder = folder["encoder.safetensors"];
        onnx = folder["encoder.onnx"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });
        for (int i = 0; i < 150; i++)
        {
            // Batches are 64 and 128 images.
            string quote = OperatingSystem.IsWindows() ? "'" : "\"", name = $"{i:000}, {quote}{i}{quote}.png", label = i % 2 == 0 ? "cat" : "dog";
            folder.Write($"images/{label}/{name}", ImageFiles.Skia(SKEncodedImageFormat.Png, 8 + i % 11, 8 + i % 23));
            images.Add(($"{label}/{name}", label));
        }
        images.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
    }

    private protected string Images => folder["images"];

    public void Dispose()
    {
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected float[][] Expected()
    {
        using var network = OnnxEncoder.Load(onnx);
        return network.Embed([.. images.Select(image => Path.Combine(Images, image.Path))]);
    }
}
