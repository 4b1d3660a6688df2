using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Export;

/// <summary>Writes trained networks for use elsewhere. An ONNX file is kept only where ONNX Runtime makes of images what libtorch makes of them.</summary>
public static class ModelExport
{
    /// <summary>Exports.</summary>
    /// <param name="options">What and where to.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops the comparison; nothing is written then.</param>
    /// <exception cref="WclUsageException">There is no such network, or the options do not fit it.</exception>
    /// <exception cref="WclException">libtorch failed, the file cannot be written, or it differs from the network; a file that was there before is untouched.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ExportResult Run(ExportOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Export(options, progress, cancellation));
    }

    private static ExportResult Export(ExportOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        if (Directory.Exists(options.Out)) throw new WclUsageException($"--out {options.Out} is a folder; name a file.");
        options.Validate();
        string weights = ExportedNetwork.FileOf(options.Source);
        if (SamePath.IsSameFile(weights, options.Out)) throw new WclUsageException($"--out {options.Out} is the file that is exported; name another.");
        ExportParity? parity = null;
        ExportCost? cost = null;
        if (options.FormatOfFile != ExportFormat.Onnx)
        {
            if (options.FormatOfFile == ExportFormat.Safetensors) Copy(weights, options.Out);
            else WriteStateDict(weights, options.Out);
        }
        else
        {
            using var network = ExportedNetwork.Load(options.Source, options.Head);
            if (options.Precision == ExportPrecision.Fp32)
                AtomicFile.Write(options.Out, network.ToOnnx().WriteTo, file => parity = Compare(network, file, options, progress, cancellation), "--out");
            else
                (parity, cost) = WriteWithFewerBits(network, options, progress, cancellation);
        }
        return new ExportResult { File = options.Out, Bytes = new FileInfo(options.Out).Length, Parity = parity, Cost = cost };
    }

    private static void Copy(string from, string to)
    {
        using (SafetensorsFile.Read(from)) { } // whole, or an error that says so
        using var source = File.OpenRead(from);
        AtomicFile.Write(to, source.CopyTo, option: "--out");
    }

    private static void WriteStateDict(string from, string to)
    {
        using var content = SafetensorsFile.Read(from);
        if (content.Tensors.Keys.Any(name => name.StartsWith("head.", StringComparison.Ordinal)))
            throw new WclUsageException($"'{from}' has a layer between features and scores (head.linear1) that torchvision's ResNet has not, and would compute something else there; use --format onnx or safetensors.");
        PyTorchFile.Write(to, content.Tensors.Select(pair => (pair.Key, pair.Value)), "--out");
    }

    private static ExportParity Compare(ExportedNetwork network, string file, ExportOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var onnx = OnnxEncoder.Load(file);
        using var images = ExportImages.Read(options, onnx.StoredSide, progress, cancellation);
        return OnnxParity.Require(OnnxParity.Measure(network, onnx, images.Compared, progress, cancellation), options.Out);
    }

    /// <summary>Writes a float32 file aside, which has to do what libtorch does, and then the one that is wanted, which has to do nearly the same.</summary>
    private static (ExportParity Parity, ExportCost Cost) WriteWithFewerBits(ExportedNetwork network, ExportOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("wcl-export-").FullName;
        try
        {
            string file32 = Path.Combine(folder, "float32.onnx");
            AtomicFile.Write(file32, network.ToOnnx().WriteTo);
            using var float32 = OnnxEncoder.Load(file32);
            using var images = ExportImages.Read(options, float32.StoredSide, progress, cancellation);
            var parity = OnnxParity.Require(OnnxParity.Measure(network, float32, images.Compared, progress, cancellation), options.Out);
            var ranges = images.Calibration is { } seen ? ActivationRanges.Measure(network, seen, progress, cancellation) : null;
            ExportCost? cost = null;
            AtomicFile.Write(options.Out, network.ToOnnx(options.Precision, ranges).WriteTo, file =>
            {
                using var exported = OnnxEncoder.Load(file);
                var measured = PrecisionComparison.Measure(network, options.Precision, float32, exported, images.Compared, progress, cancellation);
                cost = PrecisionComparison.Require(measured with
                {
                    CalibrationImages = images.Calibration?.Count ?? 0,
                    Float32 = measured.Float32 with { Bytes = new FileInfo(file32).Length },
                    Exported = measured.Exported with { Bytes = new FileInfo(file).Length },
                }, options.Out);
            }, "--out");
            return (parity, cost!);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
