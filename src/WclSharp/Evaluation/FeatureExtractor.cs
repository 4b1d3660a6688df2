using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Features of a whole data set: encoder in eval mode, rows brought to unit length; without augmentation unless asked for.</summary>
internal static class FeatureExtractor
{
    private const int SmallImageBatch = 128, LargeImageBatch = 32; // activations of a few megabytes stay in a processor's cache
    private const int TimesOnDevice = 8; // what keeps another device busy

    /// <summary>Images that are best put through a network together on a processor.</summary>
    /// <param name="imageSize">Side of its input, pixels.</param>
    public static int BatchFor(int imageSize) => imageSize <= AugmentationRecipe.LargestSmallImage ? SmallImageBatch : LargeImageBatch;

    /// <summary>Computes features of the images as they are.</summary>
    /// <param name="encoder">Encoder; its mode is put back afterwards.</param>
    /// <param name="augmenter">Prepares images for evaluation.</param>
    /// <param name="data">Images.</param>
    /// <param name="device">Where the encoder is.</param>
    /// <param name="progress">Told how many images are done.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>[M, F] float32, rows of unit length, on the device. The caller owns it.</returns>
    public static Tensor Extract(ResNet encoder, Augmenter augmenter, ImageDataset data, Device device, Action<int>? progress, CancellationToken cancellation) =>
        Extract(encoder, augmenter.ImageSize, data, device, images => augmenter.Evaluate(ImageTensor.Of(images, device)), progress, cancellation);

    /// <summary>The same by an encoder that was loaded.</summary>
    /// <param name="encoder">Encoder with its preparation of images.</param>
    /// <param name="data">Images.</param>
    /// <param name="which">What images they are, for people: "test images".</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>[M, F] float32, rows of unit length, on the encoder's device. The caller owns it.</returns>
    public static Tensor Extract(ImageEncoder encoder, ImageDataset data, string which, IProgress<RunProgress>? progress, CancellationToken cancellation) =>
        Extract(encoder.Network, encoder.Preparation, data, encoder.Device, done => progress.Working($"Computing features of {which}", done, data.Count), cancellation);

    /// <summary>Computes features of random views.</summary>
    /// <param name="encoder">Encoder; its mode is put back afterwards.</param>
    /// <param name="augmenter">Makes the views.</param>
    /// <param name="recipe">How; a view is a function of the augmenter's seed, epoch and image.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="data">Images.</param>
    /// <param name="device">Where the encoder is.</param>
    /// <param name="progress">Told how many images are done; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>[M, F] float32, rows of unit length, on the device. The caller owns it.</returns>
    public static Tensor ExtractViews(ResNet encoder, Augmenter augmenter, AugmentationRecipe recipe, int epoch, ImageDataset data, Device device, Action<int>? progress, CancellationToken cancellation) =>
        Extract(encoder, augmenter.ImageSize, data, device,
            images => augmenter.Augment(ImageTensor.Of(images, device), images.Indices, epoch, 0, recipe), progress, cancellation);

    /// <summary>Computes features of the images as they are, and hands them on in blocks: for what needs not all of them at once.</summary>
    /// <param name="encoder">Encoder; its mode is put back afterwards.</param>
    /// <param name="augmenter">Prepares images for evaluation.</param>
    /// <param name="data">Images.</param>
    /// <param name="device">Where the encoder is.</param>
    /// <param name="take">Gets [n, F] float32, rows of unit length, on the device, freed afterwards; and the place of the first.</param>
    /// <param name="progress">Told how many images are done.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static void ForEachBlock(ResNet encoder, Augmenter augmenter, ImageDataset data, Device device, Action<Tensor, int> take, Action<int>? progress, CancellationToken cancellation) =>
        ForEachBlock(encoder, augmenter.ImageSize, data, device, images => augmenter.Evaluate(ImageTensor.Of(images, device)), take, progress, cancellation);

    private static Tensor Extract(ResNet encoder, int imageSize, ImageDataset data, Device device, Func<ImageBatch, Tensor> prepare, Action<int>? progress, CancellationToken cancellation)
    {
        var features = empty([data.Count, encoder.FeatureSize], device: device).DetachFromDisposeScope();
        try
        {
            ForEachBlock(encoder, imageSize, data, device, prepare, (rows, first) => features.narrow(0, first, rows.size(0)).copy_(rows), progress, cancellation);
            return features;
        }
        catch
        {
            features.Dispose();
            throw;
        }
    }

    /// <summary>In batches that are best, or, where these need more memory than there is, in halves of them: in eval mode the others of a batch change no features.</summary>
    internal static void ForEachBlock(ResNet encoder, int imageSize, ImageDataset data, Device device, Func<ImageBatch, Tensor> prepare, Action<Tensor, int> take, Action<int>? progress, CancellationToken cancellation)
    {
        using var noGradient = no_grad();
        int batch = BatchFor(imageSize), done = 0;
        if (device.type != DeviceType.CPU) batch *= TimesOnDevice;
        bool wasTraining = encoder.training;
        encoder.eval();
        try
        {
            while (done < data.Count)
            {
                foreach (var images in BatchLoader.InOrder(data, batch, done))
                {
                    using (images)
                    using (NewDisposeScope())
                    {
                        cancellation.ThrowIfCancellationRequested();
                        if (Features(encoder, images, prepare, mayFail: batch > 1) is not { } rows)
                        {
                            batch /= 2;
                            break;
                        }
                        take(rows, done);
                        done += images.Indices.Length;
                    }
                    progress?.Invoke(done);
                }
            }
        }
        finally
        {
            encoder.train(wasTraining);
        }
    }

    /// <summary>Features of a batch; null where memory did not do for them and that is no error yet.</summary>
    private static Tensor? Features(ResNet encoder, ImageBatch images, Func<ImageBatch, Tensor> prepare, bool mayFail)
    {
        try
        {
            using var scope = NewDisposeScope();
            return nn.functional.normalize(encoder.call(prepare(images))).MoveToOuterDisposeScope();
        }
        catch (ExternalException e) when (mayFail && LibtorchError.IsOutOfMemory(e))
        {
            return null;
        }
    }
}
