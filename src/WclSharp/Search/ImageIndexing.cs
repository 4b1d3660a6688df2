using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Search;

/// <summary>Embeds all images of a source into an <see cref="ImageIndex"/>, which notes the model and the source.</summary>
public static class ImageIndexing
{
    /// <summary>Indexes.</summary>
    /// <param name="options">What, with what, and where to.</param>
    /// <param name="progress">Told how far it is, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between images; what is embedded is kept in <c>FILE.partial</c>, which the same call goes on with.</param>
    /// <returns>What was indexed; images that could not be read are listed in <c>FILE.bad_images.csv</c>.</returns>
    /// <exception cref="WclUsageException">The model, the data or the options are wrong, there are no images, or the file was begun with another model or other images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, the file cannot be written, or libtorch failed, above all for want of memory. A file that was there before is untouched, and what is embedded is kept.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes, unless the model is an ONNX file.</remarks>
    public static EmbedResult Run(IndexOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Index(options, progress, cancellation));
    }

    private static EmbedResult Index(IndexOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        var request = ImageEmbedding.Resolve(options, options.Model);
        var metadata = new Dictionary<string, string> { [ImageIndex.ModelKey] = Path.GetFullPath(options.Model) };
        if (request.Data is not null) metadata[ImageIndex.ImagesKey] = Path.GetFullPath(request.Data);
        return ImageEmbedding.Run(request, options.Model, BatchEmbedder.Load, (path, network, modelHash) =>
        {
            metadata[ImageIndex.ModelHashKey] = modelHash;
            return new IndexedEmbeddings(path, network.RowSize, options.Format, metadata);
        }, progress, cancellation);
    }

    private sealed class IndexedEmbeddings(string path, int featureSize, IndexFormat format, Dictionary<string, string> metadata) : EmbeddingFile
    {
        private readonly ImageIndexWriter writer = new(path, featureSize, format, metadata);

        protected override void AddRow(string name, string? label, ReadOnlySpan<float> features) => writer.Add(name, label, features);

        protected override void Finish() => writer.Complete();

        public override void Dispose()
        {
            writer.Dispose();
            base.Dispose();
        }
    }
}
