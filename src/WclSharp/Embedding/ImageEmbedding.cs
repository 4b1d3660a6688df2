using System.Buffers;
using System.Diagnostics;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Embedding;

/// <summary>
/// Embeds all images of a source into a file, one after another: memory does not grow with their number. What is embedded lies in a folder beside the file until
/// all of it is: a call that was stopped goes on when it is made again, and ends with the same bytes.
/// </summary>
public static class ImageEmbedding
{
    // Images drawn ahead of the one that is next, per worker, above a batch: enough to even out their sizes.
    private const int RowsPerReport = 1000;
    private const int AheadPerWorker = 4;

    // Images, readable or not, after which what is known is kept: where a disk failed, none may be readable for long.
    private const int MostWaiting = 4096;

    /// <summary>Embeds.</summary>
    /// <param name="options">What, with what, and where to.</param>
    /// <param name="progress">Told how far it is, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between images; what is embedded is kept in <c>FILE.partial</c>, which the same call goes on with.</param>
    /// <exception cref="WclUsageException">The model, the data or the options are wrong, there are no images, or the file was begun with another model or other images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, the file cannot be written, or libtorch failed, above all for want of memory. A file that was there before is untouched, and what is embedded is kept.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes, unless the model is an ONNX file.</remarks>
    public static EmbedResult Run(EmbedOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => EmbedAll(options, progress, cancellation));
    }

    private static EmbedResult EmbedAll(EmbedOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        var format = EmbeddingFile.FormatOf(options.Out);
        return Run(Resolve(options, options.Model), options.Model, BatchEmbedder.Load, (path, network, _) => format(path, network.RowSize), progress, cancellation);
    }

    /// <summary>With the images to embed and their classes: those asked for, or those that the run was trained on, where the model is a run.</summary>
    internal static ImagePassOptions Resolve(ImagePassOptions options, string model)
    {
        if (options.Data is not null || !RunFolder.IsRun(model)) return options;
        var trained = RunFolder.ReadConfig(model);
        RunData.RequireThere(trained, trained with { Test = null, Labels = options.Labels ?? trained.Labels });
        return options with { Data = trained.Data, Labels = options.Labels ?? trained.Labels };
    }

    /// <summary>Puts images through a network into a file, both made by other functions.</summary>
    /// <param name="options">What <see cref="Resolve"/> made of them.</param>
    /// <param name="model">Folder or file of the network.</param>
    /// <param name="load">Loads the network, given the path, the device, the precision and whom to warn.</param>
    /// <param name="create">Makes the file, given its name, the network and the SHA-256 of the network's file.</param>
    /// <param name="progress">As above.</param>
    /// <param name="cancellation">As above.</param>
    internal static EmbedResult Run(ImagePassOptions options, string model, Func<string, string, ComputePrecision, IProgress<RunProgress>?, BatchEmbedder> load, Func<string, BatchEmbedder, string, EmbeddingFile> create,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        EmbeddingFile.RequireOtherThan(options.Out, options.Data, model, BatchEmbedder.FileOf(model), options.Labels);
        new DatasetOptions { Workers = options.Workers, MaxBad = options.MaxBad }.Validate();
        using var source = ImageSources.Open(options.Data);
        string modelHash = BatchEmbedder.HashOf(model); // beside loading it: a run that still trains replaces it
        using var network = load(model, options.Device, options.Precision, progress);
        if (network.Precision is not null) Allocator.KeepFreedMemory(); // ONNX Runtime keeps its own
        var listing = SourceListing.Of(source, PartialEmbeddings.AbsentIn(options.Out), network.ClassNames, progress, cancellation);
        var labels = new SourceLabels(options.Labels, source, listing, progress, cancellation);
        var facts = FactsOf(options, model, modelHash, network, source, listing);
        using var parts = PartialEmbeddings.Open(options.Out, facts, listing.HashAsBefore, options.Restart);
        using var bad = new BadImageLog(PartialEmbeddings.BadImagesOf(options.Out));
        if (parts.ForgetFromReadable(name => source.FileOf(name) is { } file && ImageFile.CanBeRead(file)) is { } readable)
            progress?.Report(new RunProgress.Warning($"'{readable}' could not be read before and can be now; what was embedded from about there on is embedded again."));
        if (listing.Hash != listing.HashAsBefore) parts.Keep(facts);
        foreach (var (name, problem) in parts.BadImages()) bad.Add(name, problem);

        int workers = options.Workers > 0 ? options.Workers : Environment.ProcessorCount, inputSize = network.InputSize;
        var pixels = new float[network.Batch * inputSize];
        var features = new float[network.Batch * network.RowSize];
        var batch = new List<EmbeddedRecord>(network.Batch);
        var dark = new NearlyBlackImages();
        long resumed = parts.Rows;
        int first = parts.Next, position = first, rows = 0;
        var images = source.Images(i => i >= first).Skip(first); // what was embedded before is passed over, not read
        foreach (var view in OrderedParallel.Map(images, View, workers, network.Batch + workers * AheadPerWorker, each => each.Release(), cancellation))
        {
            position++;
            if (view.Problem is not null)
            {
                bad.Add(view.Name, view.Problem);
                batch.Add(new(view.Name, null, view.Problem, view.IsTransient));
            }
            else
            {
                if (view.IsNearlyBlack) dark.Add(view.Name);
                view.Pixels.CopyTo(pixels.AsSpan(rows++ * inputSize));
                batch.Add(new(view.Name, labels.Of(view.Name, view.Label), null));
            }
            view.Release();
            if (rows == network.Batch || batch.Count == MostWaiting) Flush();
        }
        if (batch.Count > 0) Flush();

        if (position == 0) throw new WclUsageException($"No images under '{options.Data}'; expected {source.Expected}.{string.Concat(source.Warnings.Select(why => $" {why}"))}");
        foreach (string warning in source.Warnings) progress?.Report(new RunProgress.Warning(warning));
        if (dark.Warning(position - first) is { } black) progress?.Report(new RunProgress.Warning(black));
        foreach (var (folder, reason) in source.Unlisted) bad.Add(folder, reason);
        bad.Check(position + source.Unlisted.Count, options.MaxBad, source.Unlisted.Count > 0
            ? "--restart begins anew, once the folders can be listed"
            : "The same call keeps what is embedded, and tries again those that could not be opened; --restart reads all images again");
        using var file = create(options.Out, network, modelHash);
        long written = 0;
        foreach (var (name, label, vector) in parts.AllRows())
        {
            cancellation.ThrowIfCancellationRequested();
            if (written++ % RowsPerReport == 0) progress.Working("Writing rows", written - 1, parts.Rows);
            file.Add(name, label, vector);
            labels.Of(name, label); // an earlier call may have embedded it
        }
        progress.Working("Writing rows", parts.Rows, parts.Rows);
        file.Complete();
        bad.Complete();
        parts.Remove();
        foreach (string warning in labels.Warnings()) progress?.Report(new RunProgress.Warning(warning));
        return new EmbedResult
        {
            File = options.Out,
            Images = parts.Rows,
            FeatureSize = network.RowSize,
            Precision = network.Precision,
            BadImages = bad.Count,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            Resumed = resumed,
            Source = source.Description,
            Ignored = source.Ignored,
        };

        ImageView View(SourceImage image) => ImageView.Of(image, source.Channels, network.ImageSize);

        void Flush()
        {
            if (rows > 0) network.Embed(pixels, rows, features);
            foreach (var (row, record) in batch.Where(record => record.Problem is null).Index())
                if (features.AsSpan(row * network.RowSize, network.RowSize).ContainsAnyExceptInRange(float.MinValue, float.MaxValue)) throw ImageIndexWriter.NotFinite(record.Name);
            parts.Add(batch, features.AsSpan(0, rows * network.RowSize), position);
            batch.Clear();
            rows = 0;
            progress.Working(network.Output is null ? "Embedding images" : "Classifying images", position, listing.Total);
        }
    }

    /// <summary>Embeds image files in their order: decoded on several threads, and put through the network a batch at a time.</summary>
    /// <returns>Of each the vector [F], or why it cannot be read, as a sentence.</returns>
    internal static IEnumerable<(string File, float[]? Vector, string? Problem)> Each(BatchEmbedder network, IReadOnlyList<string> imageFiles, CancellationToken cancellation)
    {
        int most = Math.Min(network.Batch, imageFiles.Count);
        var (pixels, features) = (new float[most * network.InputSize], new float[most * network.RowSize]);
        foreach (string[] batch in imageFiles.Chunk(network.Batch))
        {
            int workers = Math.Min(Environment.ProcessorCount, batch.Length);
            string?[] problems = [.. OrderedParallel.Map(Enumerable.Range(0, batch.Length), Prepare, workers, batch.Length, cancellation: cancellation)];
            // An image that cannot be read leaves its place as it was, and what comes of it is dropped.
            if (problems.Any(problem => problem is null)) network.Embed(pixels, batch.Length, features);
            for (int i = 0; i < batch.Length; i++)
                yield return (batch[i], problems[i] is null ? features[(i * network.RowSize)..((i + 1) * network.RowSize)] : null, problems[i]);

            string? Prepare(int i)
            {
                try
                {
                    using var image = DecodedImage.OfFile(batch[i], StoredSize.SideFor(network.ImageSize));
                    image.WriteView(network.ImageSize, pixels.AsSpan(i * network.InputSize, network.InputSize));
                    return null;
                }
                catch (UnreadableImageException e)
                {
                    return e.Message;
                }
            }
        }
    }

    private static PartialFacts FactsOf(ImagePassOptions options, string model, string modelHash, BatchEmbedder network, ImageSource source, SourceListing listing) => new()
    {
        Version = SoftwareVersions.Library,
        Model = Path.GetFullPath(model),
        ModelSha256 = modelHash,
        Device = network.Device,
        Precision = network.Precision,
        FeatureSize = network.RowSize,
        Output = network.Output,
        Data = options.Data is null ? source.Description : Path.GetFullPath(options.Data),
        Images = listing.Total,
        ImagesSha256 = listing.Hash,
        AbsentImages = listing.Absent.Count == 0 ? null : listing.Absent,
        Labels = options.Labels is null ? null : Path.GetFullPath(options.Labels),
        LabelsSha256 = options.Labels is null ? null : FileHash.Of(options.Labels),
    };

    /// <summary>An image as the network sees it, or the reason why there is none.</summary>
    private readonly record struct ImageView(string Name, string? Label, string? Problem, float[]? Buffer, int Length)
    {
        /// <summary>Whether the problem may pass.</summary>
        public bool IsTransient { get; init; }

        /// <inheritdoc cref="PreparedImage.IsNearlyBlack"/>
        public bool IsNearlyBlack { get; init; }

        /// <summary>[3, S, S], 0 to 255.</summary>
        public ReadOnlySpan<float> Pixels => Buffer.AsSpan(0, Length);

        /// <summary>Decodes an image and makes its view; gives its bytes back to the pool. Safe on any thread.</summary>
        public static ImageView Of(SourceImage image, int channels, int imageSize)
        {
            var prepared = new ImagePreparation(StoredSize.SideFor(imageSize), channels).Prepare((image, -1));
            if (prepared.Problem is not null) return new(image.Name, image.Class, prepared.Problem, null, 0) { IsTransient = prepared.IsTransient };
            int length = 3 * imageSize * imageSize;
            var buffer = ArrayPool<float>.Shared.Rent(length);
            // Image files have three channels in every source.
            EvaluationView.Write(prepared.Pixels, prepared.Length / (prepared.Height * prepared.Width), prepared.Height, prepared.Width, imageSize, buffer.AsSpan(0, length));
            prepared.Release();
            return new(image.Name, image.Class, null, buffer, length) { IsNearlyBlack = prepared.IsNearlyBlack };
        }

        public void Release()
        {
            if (Buffer is not null) ArrayPool<float>.Shared.Return(Buffer);
        }
    }
}
