using WclSharp.Augmentation;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>Makes the local crops of a batch (WCL paper, section 3.3): M of each image, at a resolution of their own.</summary>
internal sealed class LocalViews
{
    private const long SmallBatchBytes = 1 << 23; // several crops' worth of other images are put together up to here: as many bytes stay with every batch under way

    private readonly long bytesAtOnce;

    private readonly LocalCrops crops;
    private readonly int count;
    private readonly Augmenter augmenter;
    private readonly Device device;

    /// <param name="options">Resolved options.</param>
    /// <param name="normalisation">As for the global views.</param>
    /// <param name="device">Where to make them.</param>
    /// <param name="bytesAtOnce">Bytes of other images that are put together for several crops, as far as this batch's own tell.</param>
    public LocalViews(PretrainOptions options, Normalization normalisation, Device device, long bytesAtOnce = SmallBatchBytes)
    {
        this.bytesAtOnce = bytesAtOnce;
        crops = new LocalCrops(options.LocalSize!.Value, options.LocalScaleMin!.Value, options.LocalScaleMax!.Value);
        (count, this.device) = (options.LocalCrops, device);
        augmenter = new Augmenter(crops.SizePixels, normalisation, options.Seed, device);
    }

    /// <summary>All local crops of a batch.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="images">Its pixels on the device.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="recipe">The global views' recipe.</param>
    /// <param name="sources">Of m: the images [N] that crop m of each is cut from, null for the images themselves.</param>
    /// <param name="assemble">Gets other images' pixels.</param>
    /// <returns>[M N, 3, s, s] float32; row m N + i is crop m of image i. The caller owns it.</returns>
    public Tensor Make(ImageBatch batch, ImageTensor images, int epoch, AugmentationRecipe recipe, Func<int, int[]?> sources, Func<int[], ImageBatch> assemble)
    {
        using var scope = NewDisposeScope();
        var local = crops.Recipe(recipe);
        int[]?[] from = [.. Enumerable.Range(0, count).Select(sources)];
        int atOnce = (int)Math.Clamp(bytesAtOnce / batch.ByteCount, 1, count);
        var views = new List<Tensor>();
        for (int m = 0, end; m < count; m = end)
        {
            // The images' own crops together, and so those of others where they are small.
            bool own = from[m] is null;
            for (end = m + 1; end < count && from[end] is null == own && (own || end - m < atOnce); end++) { }
            int[] numbers = [.. Enumerable.Range(m, end - m).Select(LocalCrops.ViewOf)];
            using var others = own ? null : assemble([.. from[m..end].SelectMany(image => image!)]);
            using var pixels = others is null ? null : ImageTensor.Of(others, device);
            views.Add(augmenter.Augment(pixels ?? images, batch.Indices, epoch, numbers, local)); // the random numbers are the image's that the crop counts for, whichever it is cut from
        }
        return (views.Count == 1 ? views[0] : cat([.. views])).MoveToOuterDisposeScope();
    }
}
