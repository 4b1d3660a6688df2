using System.Globalization;
using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Embedding;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

/// <summary>Images, three of which cannot be read, models to embed them by, and a table or index of them that is stopped and goes on.</summary>
public abstract class PartialEmbeddingsTest : IDisposable
{
    private protected const int Images = 150; // three batches of an ONNX file, two of libtorch
    private protected static readonly string[] Unreadable = ["cat/000.png", "cat/070.png", "dog/149.png"]; // first, within, last
    private protected readonly DataFolder folder = new();
    private protected readonly string encoder, onnx;

    private protected PartialEmbeddingsTest()
    {
        encoder = folder["encoder.safetensors"];
        onnx = folder["encoder.onnx"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });
        for (int i = 0; i < Images; i++) folder.Write(FileOf(i), ImageOf(i));
        foreach (string name in Unreadable) Overwrite(name, bytes => bytes.AsSpan().Clear());
    }

    public void Dispose() => folder.Dispose();

    private protected static string FileOf(int i) => string.Create(CultureInfo.InvariantCulture, $"images/{(i < 75 ? "cat" : "dog")}/{i:000}.png");

    private protected static byte[] ImageOf(int i) => ImageFiles.Skia(SKEncodedImageFormat.Png, 8 + i % 11, 8 + i % 23);

    /// <summary>Changes a file's bytes, but neither their number nor the file's time.</summary>
    private protected void Overwrite(string name, Action<byte[]> change)
    {
        string path = folder["images/" + name];
        var (time, bytes) = (File.GetLastWriteTimeUtc(path), File.ReadAllBytes(path));
        change(bytes);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, time);
    }

    private protected EmbedResult Run(string model, string file, string? data = null, bool restart = false, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        data ??= folder["images"];
        return file.EndsWith(".index", StringComparison.Ordinal)
            ? ImageIndexing.Run(new IndexOptions { Model = model, Data = data, Out = file, Device = "cpu", MaxBad = 0.1, Restart = restart, Format = IndexFormat.Int8 }, progress, cancellation)
            : ImageEmbedding.Run(new EmbedOptions { Model = model, Data = data, Out = file, Device = "cpu", MaxBad = 0.1, Restart = restart }, progress, cancellation);
    }

    /// <summary>Stops after some batches.</summary>
    /// <returns>The batches that there were.</returns>
    private protected int Stop(string model, string file, int batches, string? data = null)
    {
        using var stop = new CancellationTokenSource();
        int done = 0;
        Assert.Throws<OperationCanceledException>(() => Run(model, file, data, progress: new ProgressHandler<RunProgress>(_ =>
        {
            if (++done == batches) stop.Cancel();
        }), cancellation: stop.Token));
        return done;
    }

    private protected string Refusal(string model, string file, string? data = null, bool restart = false) => Assert.Throws<WclUsageException>(() => Run(model, file, data, restart)).Message;

    /// <summary>Two results are the same, with what lies beside them, and nothing else is left.</summary>
    private protected static void AssertSame(string expected, string actual)
    {
        string[] names = [.. Directory.GetFileSystemEntries(Path.GetDirectoryName(expected)!).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        string target = Path.GetDirectoryName(actual)!;
        Assert.Empty(Directory.GetDirectories(target, "*.partial"));
        foreach (string name in names) Assert.Equal(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(expected)!, name)), File.ReadAllBytes(Path.Combine(target, name)));
    }
}
