using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Files;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Export;

/// <summary>Writes trained networks for use elsewhere. An ONNX file is kept only where ONNX Runtime makes of images what libtorch makes of them.</summary>
public static class ModelExport
{
    private const int LevelsInRun = 3; // RUN/finetune/distilled

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
        using var images = ReadImages(options, options.Check ?? ExportOptions.StandardImages, onnx.StoredSide, progress, out _, cancellation);
        return OnnxParity.Require(OnnxParity.Measure(network, onnx, images, progress, cancellation), options.Out);
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
            bool calibrated = options.Precision == ExportPrecision.Int8;
            int check = options.Check ?? ExportOptions.StandardImages, calibrate = calibrated ? options.Calibrate ?? ExportOptions.StandardImages : 0;
            // As many to compare on as to calibrate with, at least, so that calibration may take half of what is read.
            using var images = ReadImages(options, (int)Math.Min(calibrate + (long)Math.Max(check, calibrate), int.MaxValue), float32.StoredSide, progress, out bool trainedOn, cancellation);
            if (trainedOn && images.HasLabels)
                progress?.Report(new RunProgress.Warning("Accuracy is over images of the run, most of which were trained on, so a loss may look smaller than it is; name others with --data."));
            if (calibrated && images.Count < 2) throw new WclUsageException($"--precision int8 takes two images or more, some to calibrate with and others to compare on; {images.Source} has {images.Count}.");
            var (calibration, others) = Divide(images.Count, calibrate, check);
            var (seen, compared) = calibrated ? (images.Subset(calibration), images.Subset(others)) : (null, images);
            try
            {
                var parity = OnnxParity.Require(OnnxParity.Measure(network, float32, compared, progress, cancellation), options.Out);
                var ranges = seen is null ? null : ActivationRanges.Measure(network, seen, progress, cancellation);
                ExportCost? cost = null;
                AtomicFile.Write(options.Out, network.ToOnnx(options.Precision, ranges).WriteTo, file =>
                {
                    using var exported = OnnxEncoder.Load(file);
                    var measured = PrecisionComparison.Measure(network, options.Precision, float32, exported, compared, progress, cancellation);
                    cost = PrecisionComparison.Require(measured with
                    {
                        CalibrationImages = seen?.Count ?? 0,
                        Float32 = measured.Float32 with { Bytes = new FileInfo(file32).Length },
                        Exported = measured.Exported with { Bytes = new FileInfo(file).Length },
                    }, options.Out);
                }, "--out");
                return (parity, cost!);
            }
            finally
            {
                seen?.Dispose();
                compared.Dispose();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Places of the images to calibrate with, at most half of all, and of others to compare on, drawn at random.</summary>
    internal static (int[] Calibration, int[] Others) Divide(int images, int calibrate, int check)
    {
        int calibration = Math.Min(calibrate, images / 2), others = Math.Min(check, images - calibration);
        int[] order = new CounterRandom(0, RandomPurpose.Split).Permutation(images);
        return (order[..calibration], order[calibration..(calibration + others)]);
    }

    /// <summary>
    /// A random part of the images asked for; else of the run's. Where these are not to be found, the embedded ones do to see whether two programs agree, but
    /// not to measure the ranges of other images by.
    /// </summary>
    /// <param name="options">Which images.</param>
    /// <param name="count">How many.</param>
    /// <param name="storedSide">How large.</param>
    /// <param name="progress">Told how far reading is, and what a person should know of the images; may be null.</param>
    /// <param name="trainedOn">Whether the network may have been trained on most of them.</param>
    /// <param name="cancellation">Stops reading.</param>
    private static ImageDataset ReadImages(ExportOptions options, int count, int storedSide, IProgress<RunProgress>? progress, out bool trainedOn, CancellationToken cancellation)
    {
        trainedOn = false;
        if (options.Data is not null) return Read(options.Data);
        bool calibrates = options.Precision == ExportPrecision.Int8;
        if (RunOf(options.Source) is not { } trained)
            return calibrates ? throw new WclUsageException($"--precision int8 is calibrated with images like those to embed, and {options.Source} is in no run that names its own; give some with --data.") : Read(null);
        try
        {
            trainedOn = trained.Test is null;
            return trained.Test is { } test ? Read(test) : OfRun(trained);
        }
        catch (WclException e) when (calibrates && AreGone(e))
        {
            throw new WclUsageException($"{ErrorText.Of(e)}. --precision int8 is calibrated with images like those to embed; give some with --data.", e);
        }
        catch (WclException e) when (AreGone(e))
        {
            trainedOn = false;
            progress?.Report(new RunProgress.Warning($"The run's images cannot be read, so the file is checked with the embedded ones: {ErrorText.Of(e)}. --data names others."));
            return Read(null);
        }

        // And not what else fails, as a full disk.
        static bool AreGone(WclException e) => e is WclUsageException or NoImageReadException;

        // Its classes only serve to tell an accuracy.
        ImageDataset OfRun(PretrainOptions run)
        {
            try
            {
                return Read(run.Data, run.Labels);
            }
            catch (WclException e) when (run.Labels is not null && AreGone(e))
            {
                return Read(run.Data);
            }
        }

        ImageDataset Read(string? path, string? labels = null)
        {
            var images = ImageDataset.Read(new DatasetOptions { Path = path, Labels = labels, Limit = count, StoredSide = storedSide, MaxBad = 1, CacheFolder = Path.GetTempPath() }, ReadingRelay.To(progress), cancellation);
            foreach (string warning in images.Warnings) progress?.Report(new RunProgress.Warning(warning));
            return images;
        }
    }

    /// <summary>The options of the run that a file or folder is in, such as a classifier in <c>RUN/finetune</c>, or a student in <c>RUN/finetune/distilled</c>; null where there is none.</summary>
    private static PretrainOptions? RunOf(string source)
    {
        string? folder = Path.GetFullPath(source);
        for (int level = Directory.Exists(folder) ? 1 : 0; folder is not null && level <= LevelsInRun; level++)
        {
            try
            {
                if (RunFolder.IsRun(folder)) return RunFolder.ReadConfig(folder);
            }
            catch (WclUsageException)
            {
                // The settings of a fine-tuning or of a distillation: the run is above.
            }
            folder = Path.GetDirectoryName(folder);
        }
        return null;
    }
}
