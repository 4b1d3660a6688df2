using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Features of a whole data set: encoder in eval mode, no augmentation, rows brought to unit length.</summary>
internal static class FeatureExtractor
{
    private const int SmallImageBatch = 128, LargeImageBatch = 32; // activations of a few megabytes stay in the cache

    /// <summary>Computes features.</summary>
    /// <param name="encoder">Encoder; its mode is put back afterwards.</param>
    /// <param name="augmenter">Prepares images for evaluation.</param>
    /// <param name="data">Images.</param>
    /// <param name="device">Where the encoder is.</param>
    /// <param name="progress">Told how many images are done.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>[M, F] float32, rows of unit length, on the device. The caller owns it.</returns>
    public static Tensor Extract(ResNet encoder, Augmenter augmenter, ImageDataset data, Device device, Action<int>? progress, CancellationToken cancellation)
    {
        using var noGradient = no_grad();
        int batch = augmenter.ImageSize <= AugmentationRecipe.LargestSmallImage ? SmallImageBatch : LargeImageBatch;
        bool wasTraining = encoder.training;
        encoder.eval();
        var features = empty([data.Count, encoder.FeatureSize], device: device).DetachFromDisposeScope();
        try
        {
            int done = 0;
            foreach (var images in BatchLoader.InOrder(data, batch))
            {
                using (images)
                using (NewDisposeScope())
                {
                    cancellation.ThrowIfCancellationRequested();
                    var input = augmenter.Evaluate(ImageTensor.Of(images, device), images.Heights, images.Widths);
                    features.narrow(0, done, images.Indices.Length).copy_(nn.functional.normalize(encoder.call(input)));
                    done += images.Indices.Length;
                }
                progress?.Invoke(done);
            }
            return features;
        }
        catch
        {
            features.Dispose();
            throw;
        }
        finally
        {
            encoder.train(wasTraining);
        }
    }
}
