using System.Buffers;
using System.Diagnostics;
using System.Text;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Embedding;

/// <summary>Embeds all images of a source into a file, one after another: memory does not grow with their number.</summary>
public static class ImageEmbedding
{
    // Images drawn ahead of the one that is next, per worker, above a batch: enough to even out their sizes.
    private const int AheadPerWorker = 4;

    /// <summary>Embeds.</summary>
    /// <param name="options">What, with what, and where to.</param>
    /// <param name="progress">Told how far it is, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between images; nothing is written then.</param>
    /// <exception cref="WclUsageException">The model, the data or the options are wrong, or there are no images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, or the file cannot be written. A file that was there before is untouched.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static EmbedResult Run(EmbedOptions options, IProgress<PretrainProgress>? progress = null, CancellationToken cancellation = default) =>
        Run(options, EmbeddingFile.FormatOf(options.Out), progress, cancellation);

    /// <summary>Embeds into a file that another function makes, given its name and the length of the rows.</summary>
    internal static EmbedResult Run(EmbedOptions options, Func<string, int, EmbeddingFile> create, IProgress<PretrainProgress>? progress, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        new DatasetOptions { Workers = options.Workers, MaxBad = options.MaxBad }.Validate();
        using var source = ImageSources.Open(options.Data);
        using var network = BatchEmbedder.Load(options.Model, options.Device);
        var (total, folders) = List(source, progress, cancellation);

        using var bad = new BadImageLog(options.Out + ".bad_images.csv");
        using var file = create(options.Out, network.FeatureSize);
        int workers = options.Workers > 0 ? options.Workers : Environment.ProcessorCount, inputSize = network.InputSize;
        var pixels = new float[network.Batch * inputSize];
        var features = new float[network.Batch * network.FeatureSize];
        var rows = new List<(string Name, string? Label)>(network.Batch);
        long images = 0;
        foreach (var view in OrderedParallel.Map(source.Images(_ => true), View, workers, network.Batch + workers * AheadPerWorker, each => each.Release(), cancellation))
        {
            if (view.Problem is not null)
            {
                bad.Add(view.Name, view.Problem);
            }
            else
            {
                view.Pixels.CopyTo(pixels.AsSpan(rows.Count * inputSize));
                rows.Add((view.Name, folders is null ? view.Label : FolderOf(view.Name)));
            }
            view.Release();
            if (rows.Count == network.Batch) Flush();
        }
        if (rows.Count > 0) Flush();

        long seen = images + bad.Count;
        if (seen == 0) throw new WclUsageException($"No images under '{options.Data}'; expected {source.Expected}.");
        bad.Check(seen, options.MaxBad);
        file.Complete();
        return new EmbedResult(options.Out, images, network.FeatureSize, bad.Count, Stopwatch.GetElapsedTime(start).TotalSeconds);

        ImageView View(SourceImage image) => ImageView.Of(image, source.Channels, network.ImageSize);

        string? FolderOf(string name) => folders!.ClassOf(Encoding.UTF8.GetBytes(name)) is { IsEmpty: false } label ? Encoding.UTF8.GetString(label) : null;

        void Flush()
        {
            network.Embed(pixels, rows.Count, features);
            foreach (var (i, (name, label)) in rows.Index()) file.Add(name, label, features.AsSpan(i * network.FeatureSize, network.FeatureSize));
            images += rows.Count;
            rows.Clear();
            progress?.Report(new PretrainProgress.Working("Embedding images", images + bad.Count, total));
        }
    }

    /// <summary>Embeds one image file.</summary>
    /// <returns>[F].</returns>
    /// <exception cref="WclUsageException">It cannot be read as an image.</exception>
    internal static float[] One(BatchEmbedder network, string imageFile)
    {
        var view = ImageView.Of(new SourceImage { Name = imageFile, File = imageFile }, 3, network.ImageSize);
        try
        {
            if (view.Problem is not null) throw new WclUsageException($"'{imageFile}' cannot be read as an image: {view.Problem}.");
            var features = new float[network.FeatureSize];
            network.Embed(view.Pixels.ToArray(), 1, features);
            return features;
        }
        finally
        {
            view.Release();
        }
    }

    /// <summary>
    /// Lists a source once before its images are read, where that is needed: to count them, so that the time left is known, and to see all paths
    /// where classes are folders, since their common folder tells which.
    /// </summary>
    private static (int Total, FolderClasses? Folders) List(ImageSource source, IProgress<PretrainProgress>? progress, CancellationToken cancellation)
    {
        var folders = source.ClassesAreFolders ? new FolderClasses(null) : null;
        if (folders is null && source.Total is { } known) return (known, null);
        int total = 0;
        foreach (var image in source.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            folders?.Observe(image.Name);
            if (++total % 4096 == 0) progress?.Report(new PretrainProgress.Working("Listing images", total, null));
        }
        return (total, folders);
    }

    /// <summary>An image as the network sees it, or the reason why there is none.</summary>
    private readonly record struct ImageView(string Name, string? Label, string? Problem, float[]? Buffer, int Length)
    {
        /// <summary>[3, S, S], 0 to 255.</summary>
        public ReadOnlySpan<float> Pixels => Buffer.AsSpan(0, Length);

        /// <summary>Decodes an image and makes its view; gives its bytes back to the pool. Safe on any thread.</summary>
        public static ImageView Of(SourceImage image, int channels, int imageSize)
        {
            var prepared = new ImagePreparation(StoredSize.SideFor(imageSize), channels).Prepare((image, -1));
            if (prepared.Problem is not null) return new(image.Name, image.Class, prepared.Problem, null, 0);
            int length = 3 * imageSize * imageSize;
            var buffer = ArrayPool<float>.Shared.Rent(length);
            // Image files have three channels in every source.
            EvaluationView.Write(prepared.Pixels, prepared.Length / (prepared.Height * prepared.Width), prepared.Height, prepared.Width, imageSize, buffer.AsSpan(0, length));
            prepared.Release();
            return new(image.Name, image.Class, null, buffer, length);
        }

        public void Release()
        {
            if (Buffer is not null) ArrayPool<float>.Shared.Return(Buffer);
        }
    }
}
