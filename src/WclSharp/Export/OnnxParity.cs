using System.Globalization;
using WclSharp.Data;
using WclSharp.Inference;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Export;

/// <summary>
/// Compares an ONNX file with the network that it was made of, each from the decoded image on: its own preparation of the image, its own
/// arithmetic. Both are float32, so that only rounding should tell them apart.
/// </summary>
internal static class OnnxParity
{
    /// <summary>What every image's two vectors have to be closer than, as a cosine.</summary>
    public const double RequiredCosine = 0.9999;

    /// <summary>Compares all outputs.</summary>
    /// <param name="network">The network, on the CPU.</param>
    /// <param name="onnx">The file.</param>
    /// <param name="images">Images, stored at the size that the network wants.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static ExportParity Measure(ExportedNetwork network, OnnxEncoder onnx, ImageDataset images, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var noGradient = no_grad();
        double minCosine = 1, largest = 0;
        var pixels = new float[onnx.Batch * onnx.InputSize];
        int done = 0;
        foreach (var batch in BatchLoader.InOrder(images, onnx.Batch))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using (batch)
            {
                PreparedImages.Write(images, batch, onnx.ImageSize, pixels);
                var features = network.Encoder.Network.call(network.Encoder.Preparation.Evaluate(ImageTensor.Of(batch, CPU)));
                Compare(OnnxFacts.Features, features, batch.Count);
                if (network.TopOutput is { } top) Compare(top, network.Top(features), batch.Count);
                done += batch.Count;
            }
            progress.Working("Comparing with libtorch", done, images.Count);
        }
        return new ExportParity { Images = images.Count, Source = images.Source, MinCosine = minCosine, LargestDifference = largest };

        void Compare(string output, Tensor expected, int count)
        {
            int length = (int)expected.size(1);
            var actual = new float[count * length];
            onnx.Run(pixels, count, output, actual);
            var wanted = expected.contiguous().data<float>().ToArray();
            // Math.Max and Math.Min keep NaN.
            for (int i = 0; i < actual.Length; i++) largest = Math.Max(largest, Math.Abs((double)actual[i] - wanted[i]));
            for (int i = 0; i < count; i++) minCosine = Math.Min(minCosine, Cosine(actual.AsSpan(i * length, length), wanted.AsSpan(i * length, length)));
        }
    }

    /// <summary>Refuses a file that differs.</summary>
    /// <exception cref="WclException">It differs by more than rounding.</exception>
    public static ExportParity Require(ExportParity parity, string file) => parity.MinCosine > RequiredCosine // false for NaN
        ? parity
        : throw new WclException(string.Create(CultureInfo.InvariantCulture,
            $"The ONNX file '{file}' does not do what the network does: on {parity.Images} images of {parity.Source} the lowest cosine is {parity.MinCosine:0.######}, not above {RequiredCosine}, and the largest difference {parity.LargestDifference:G3}. It was not kept; see that the weights are finite."));

    /// <summary>Cosine in float64; 1 where both are zero.</summary>
    public static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double dot = 0, normA = 0, normB = 0;
        for (int i = 0; i < a.Length; i++)
        {
            dot += (double)a[i] * b[i];
            normA += (double)a[i] * a[i];
            normB += (double)b[i] * b[i];
        }
        return normA == 0 && normB == 0 ? 1 : normA == 0 || normB == 0 ? 0 : dot / Math.Sqrt(normA * normB);
    }
}
