using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Inference;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Export;

/// <summary>Writes trained networks for use elsewhere. An ONNX file is kept only where ONNX Runtime makes of images what libtorch makes of them.</summary>
public static class ModelExport
{
    // A random part of the images: rounding differs a little from image to image, a mistake shows on every one.
    private const int LargestComparison = 256;

    /// <summary>Exports.</summary>
    /// <param name="options">What and where to.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops the comparison; nothing is written then.</param>
    /// <exception cref="WclUsageException">There is no such network, or the options do not fit it.</exception>
    /// <exception cref="WclException">The file cannot be written, or it differs from the network; a file that was there before is untouched.</exception>
    public static ExportResult Run(ExportOptions options, IProgress<PretrainProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (Directory.Exists(options.Out)) throw new WclUsageException($"--out {options.Out} is a folder; name a file.");
        ExportParity? parity = null;
        if (options.Format != ExportFormat.Onnx)
        {
            if (options.Head is not null) throw new WclUsageException("--head is for --format onnx; heads as safetensors are in the run's checkpoints/ (heads.safetensors).");
            string file = EncoderWeights.Find(options.Source);
            if (Path.GetFullPath(file) == Path.GetFullPath(options.Out)) throw new WclUsageException($"--out {options.Out} is the file that is exported; name another.");
            if (options.Format == ExportFormat.Safetensors) Copy(file, options.Out);
            else WriteStateDict(file, options.Out);
        }
        else
        {
            using var network = ExportedNetwork.Load(options.Source, options.Head);
            AtomicFile.Write(options.Out, network.ToOnnx().WriteTo, file => parity = Compare(network, file, options, progress, cancellation));
        }
        return new ExportResult(options.Out, new FileInfo(options.Out).Length, parity);
    }

    private static void Copy(string from, string to)
    {
        using (SafetensorsFile.Read(from)) { } // whole, or an error that says so
        using var source = File.OpenRead(from);
        AtomicFile.Write(to, source.CopyTo);
    }

    private static void WriteStateDict(string from, string to)
    {
        using var content = SafetensorsFile.Read(from);
        PyTorchFile.Write(to, content.Tensors.Select(pair => (pair.Key, pair.Value)));
    }

    private static ExportParity Compare(ExportedNetwork network, string file, ExportOptions options, IProgress<PretrainProgress>? progress, CancellationToken cancellation)
    {
        using var onnx = OnnxEncoder.Load(file);
        using var images = ReadImages(options, onnx.StoredSide, cancellation);
        return OnnxParity.Require(OnnxParity.Measure(network, onnx, images, progress, cancellation), options.Out);
    }

    /// <summary>Some of the images asked for; else of the run's; else, where these are not there any more, of the embedded ones.</summary>
    private static ImageDataset ReadImages(ExportOptions options, int storedSide, CancellationToken cancellation)
    {
        if (options.Data is not null) return Read(options.Data);
        try
        {
            var trained = File.Exists(Path.Combine(options.Source, "config.json")) ? RunFolder.ReadConfig(options.Source) : null;
            return Read(trained?.Test ?? trained?.Data);
        }
        catch (WclException)
        {
            return Read(null);
        }

        ImageDataset Read(string? path) => ImageDataset.Read(
            new DatasetOptions { Path = path, Limit = LargestComparison, StoredSide = storedSide, MaxBad = 1, CacheFolder = Path.GetTempPath() }, null, cancellation);
    }
}
