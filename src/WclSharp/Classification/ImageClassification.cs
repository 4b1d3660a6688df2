using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Classification;

/// <summary>Says of all images of a source what a fine-tuned classifier takes them for, in a table. Stopped, it goes on when it is called again.</summary>
public static class ImageClassification
{
    /// <summary>Classifies.</summary>
    /// <param name="options">What, with what, and where to.</param>
    /// <param name="progress">Told how far it is, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between images; what is done is kept in <c>FILE.partial</c>, which the same call goes on with.</param>
    /// <exception cref="WclUsageException">The classifier, the data or the options are wrong, there are no images, or the file was begun with another classifier or other images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, the file cannot be written, or libtorch failed, above all for want of memory. A file that was there before is untouched, and what is done is kept.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes, unless the classifier is an ONNX file.</remarks>
    public static ClassifyResult Run(ClassifyOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => ClassifyAll(options, progress, cancellation));
    }

    private static ClassifyResult ClassifyAll(ClassifyOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        string file = BatchEmbedder.ClassifierFileOf(options.Classifier);
        bool isRun = Directory.Exists(options.Classifier) && !SamePath.Is(Path.GetDirectoryName(file), options.Classifier); // whose fine-tuning lies below it
        if (options.Data is null && !isRun) throw new WclUsageException("Name the images to classify with --data; only a run folder as the classifier says which they are.");
        ClassTable? table = null;
        var done = ImageEmbedding.Run(ImageEmbedding.Resolve(options, options.Classifier), file, BatchEmbedder.LoadClassifier, (path, network, _) => table = new ClassTable(path, network.ClassNames, options.AllProbabilities), progress, cancellation);
        var (labelled, right) = table!.Known;
        return new()
        {
            File = done.File,
            Images = done.Images,
            BadImages = done.BadImages,
            Seconds = done.Seconds,
            Classes = table.Classes,
            MeanProbability = table.MeanProbability,
            Labelled = labelled,
            Correct = right,
            UnknownClasses = table.UnknownClasses,
            Resumed = done.Resumed,
            Ignored = done.Ignored,
            Source = done.Source,
        };
    }
}
