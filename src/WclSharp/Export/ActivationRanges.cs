using Microsoft.ML.OnnxRuntime;
using WclSharp.Data;
using WclSharp.Inference;
using WclSharp.Training;

namespace WclSharp.Export;

/// <summary>Measures between what the numbers lie that go from layer to layer, by running the float32 network with all of these as outputs.</summary>
internal static class ActivationRanges
{
    /// <summary>
    /// Share of the numbers that neither end of a range leaves out. docs/deployment.md has the figures by which it was chosen.
    /// </summary>
    public const double KeptShare = 0.9999;

    // All activations of a batch are in memory at once: some 60 MB for an image of 224 pixels in a ResNet-50.
    private const int SmallImageBatch = 16, LargeImageBatch = 2;

    /// <summary>Measures.</summary>
    /// <param name="network">The network.</param>
    /// <param name="images">Images, stored at the size that the network wants.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>The range of each value by its name.</returns>
    public static Dictionary<string, ActivationRange> Measure(ExportedNetwork network, ImageDataset images, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        int imageSize = network.Encoder.ImageSize, batchSize = imageSize <= EvaluationView.LargestSmallImage ? SmallImageBatch : LargeImageBatch, done = 0;
        var pixels = new float[batchSize * 3 * imageSize * imageSize];
        using var observer = new Observer(network);
        foreach (var batch in BatchLoader.InOrder(images, batchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using (batch) PreparedImages.Write(images, batch, imageSize, pixels);
            observer.See(pixels, batch.Count, imageSize);
            done += batch.Count;
            progress.Working("Calibrating", done, images.Count);
        }
        return observer.Ranges(KeptShare);
    }

    /// <summary>The float32 network with what its layers make as outputs, and a histogram for each.</summary>
    internal sealed class Observer : IDisposable
    {
        private readonly InferenceSession session;
        private readonly RunOptions runOptions = new();
        private readonly IReadOnlyList<string> names;
        private readonly ActivationHistogram[] histograms;

        public Observer(ExportedNetwork network)
        {
            using var stream = new MemoryStream();
            network.ToObservedOnnx(out names).WriteTo(stream);
            histograms = [.. names.Select(_ => new ActivationHistogram())];
            OnnxRuntimeSetup.Quiet();
            using var options = OnnxRuntimeSetup.Options(threads: 0);
            session = new InferenceSession(stream.ToArray(), options);
        }

        /// <summary>Runs the network on prepared images, [count, 3, S, S], 0 to 255.</summary>
        public void See(float[] pixels, int count, int imageSize)
        {
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, count * 3 * imageSize * imageSize), [count, 3, imageSize, imageSize]);
            using var values = session.Run(runOptions, [OnnxFacts.Pixels], [input], names);
            try
            {
                Parallel.For(0, names.Count, i => histograms[i].Add(values[i].GetTensorDataAsSpan<float>()));
            }
            catch (AggregateException e) when (e.InnerException is WclException inner)
            {
                throw new WclException(inner.Message, e);
            }
        }

        public Dictionary<string, ActivationRange> Ranges(double share) => names.Zip(histograms).ToDictionary(pair => pair.First, pair => pair.Second.Range(share));

        public void Dispose()
        {
            session.Dispose();
            runOptions.Dispose();
        }
    }
}
