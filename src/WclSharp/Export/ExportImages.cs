using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Export;

/// <summary>The images that an exported file is compared with the network on, and those that int8 measures ranges on, of which none is compared on.</summary>
internal sealed class ExportImages : IDisposable
{
    private const int LevelsInRun = 3; // RUN/finetune/distilled
    private const int MostDrawn = 4; // images read for each to calibrate with, where a list takes some of them to test with

    private readonly ImageDataset[] owned;

    private ExportImages(ImageDataset compared, ImageDataset? calibration, params ImageDataset[] owned) => (Compared, Calibration, this.owned) = (compared, calibration, owned);

    /// <summary>Images to compare on.</summary>
    public ImageDataset Compared { get; }

    /// <summary>Images to measure ranges on; null for other precisions than int8.</summary>
    public ImageDataset? Calibration { get; }

    /// <summary>Reads those asked for; else the run's: where it has test images, these are compared on, and its others calibrated with.</summary>
    /// <param name="options">Which images, and how many.</param>
    /// <param name="storedSide">How large.</param>
    /// <param name="progress">Told how far reading is, and what a person should know of the images; may be null.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <exception cref="WclUsageException">There are none, or not enough to calibrate with.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ExportImages Read(ExportOptions options, int storedSide, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var reader = new Reader(options, storedSide, progress, cancellation);
        int check = options.Check ?? ExportOptions.StandardImages, calibrate = options.Calibrate ?? ExportOptions.StandardImages;
        if (options.Precision != ExportPrecision.Int8)
        {
            var all = reader.Read(check);
            WarnOfTrainedOn(all);
            return new(all, null, all);
        }
        if (reader.Test is not null)
        {
            var tests = reader.Read(check);
            try
            {
                if (reader.ReadOthers(tests, calibrate) is { } own) return new(tests, own, tests, own);
            }
            catch
            {
                tests.Dispose();
                throw;
            }
            tests.Dispose();
        }

        // As many to compare on as to calibrate with, at least, so that calibration may take half of what is read.
        var images = reader.Read((int)Math.Min(calibrate + (long)Math.Max(check, calibrate), int.MaxValue));
        WarnOfTrainedOn(images);
        if (images.Count < 2)
        {
            using (images) throw new WclUsageException($"--precision int8 takes two images or more, some to calibrate with and others to compare on; {images.Source} has {images.Count}.");
        }
        var (calibration, others) = Divide(images.Count, calibrate, check);
        var (seen, compared) = (images.Subset(calibration), images.Subset(others));
        return new(compared, seen, compared, seen, images);

        void WarnOfTrainedOn(ImageDataset read)
        {
            if (options.Precision != ExportPrecision.Fp32 && reader.AreTrainedOn && read.HasLabels)
                progress?.Report(new RunProgress.Warning("Accuracy is over images of the run, most of which were trained on, so a loss may look smaller than it is; name others with --data."));
        }
    }

    /// <summary>Places of the images to calibrate with, at most half of all, and of others to compare on, drawn at random.</summary>
    internal static (int[] Calibration, int[] Others) Divide(int images, int calibrate, int check)
    {
        int calibration = Math.Min(calibrate, images / 2), others = Math.Min(check, images - calibration);
        int[] order = new CounterRandom(0, RandomPurpose.Split).Permutation(images);
        return (order[..calibration], order[calibration..(calibration + others)]);
    }

    public void Dispose()
    {
        foreach (var each in owned) each.Dispose();
    }

    private sealed class Reader(ExportOptions options, int storedSide, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        private readonly Lazy<PretrainOptions?> run = new(() => RunOf(options.Source));

        /// <summary>Whether the network may have been trained on most of what was read.</summary>
        public bool AreTrainedOn { get; private set; }

        /// <summary>
        /// A random part of the images asked for; else of the run's. Where these are not to be found, the embedded ones do to see whether two programs agree, but
        /// not to measure the ranges of other images by.
        /// </summary>
        public ImageDataset Read(int count)
        {
            if (options.Data is not null) return ReadFrom(options.Data, count);
            bool calibrates = options.Precision == ExportPrecision.Int8;
            if (run.Value is not { } trained)
                return calibrates ? throw new WclUsageException($"--precision int8 is calibrated with images like those to embed, and {options.Source} is in no run that names its own; give some with --data.") : ReadFrom(null, count);
            try
            {
                AreTrainedOn = trained.Test is null;
                return trained.Test is { } test ? ReadFrom(test, count) : OfRun(trained, count);
            }
            catch (WclException e) when (calibrates && AreGone(e))
            {
                throw new WclUsageException($"{ErrorText.Of(e)}. --precision int8 is calibrated with images like those to embed; give some with --data.", e);
            }
            catch (WclException e) when (AreGone(e))
            {
                AreTrainedOn = false;
                progress?.Report(new RunProgress.Warning($"The run's images cannot be read, so the file is checked with the embedded ones: {ErrorText.Of(e)}. --data names others."));
                return ReadFrom(null, count);
            }
        }

        /// <summary>The test images of the run, where its images are what is read.</summary>
        public string? Test => options.Data is null ? run.Value?.Test : null;

        /// <summary>A random part of a run's images that are none of its test images, nor have the pixels of any that is compared on; null where there are no others, or they cannot be read.</summary>
        public ImageDataset? ReadOthers(ImageDataset compared, int count)
        {
            try
            {
                var tests = ImagesToTest.Files(run.Value!.Data, Test!, cancellation);
                using var images = ReadFrom(run.Value.Data, (int)Math.Min(int.MaxValue, Math.Min(count + (long)tests.Count, (long)MostDrawn * count)));
                using var untested = ImagesToTest.LeaveOut(images, run.Value.Data, Test!, cancellation);
                var left = untested ?? images;
                var met = Enumerable.Range(0, compared.Count).Select(compared.PixelHashOf).ToHashSet();
                int[] others = [.. new CounterRandom(0, RandomPurpose.Split).Permutation(left.Count).Where(i => !met.Contains(left.PixelHashOf(i))).Take(count)];
                return others.Length == 0 ? null : left.Subset(others);
            }
            catch (WclException e) when (AreGone(e))
            {
                return null;
            }
        }

        // And not what else fails, as a full disk.
        private static bool AreGone(WclException e) => e is WclUsageException or NoImageReadException;

        /// <summary>Its classes only serve to tell an accuracy.</summary>
        private ImageDataset OfRun(PretrainOptions run, int count)
        {
            try
            {
                return ReadFrom(run.Data, count, run.Labels);
            }
            catch (WclException e) when (run.Labels is not null && AreGone(e))
            {
                return ReadFrom(run.Data, count);
            }
        }

        private ImageDataset ReadFrom(string? path, int count, string? labels = null)
        {
            var images = ImageDataset.Read(new DatasetOptions { Path = path, Labels = labels, Limit = count, StoredSide = storedSide, MaxBad = 1, CacheFolder = Path.GetTempPath() }, ReadingRelay.To(progress), cancellation);
            foreach (string warning in images.Warnings) progress?.Report(new RunProgress.Warning(warning));
            return images;
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
}
