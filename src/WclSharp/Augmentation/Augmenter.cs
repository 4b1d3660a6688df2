using TorchSharp;
using WclSharp.Data;
using WclSharp.Native;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>
/// Makes the training and evaluation views of image batches by batched tensor operations on the training device.
/// </summary>
/// <remarks>
/// The random parameters of a view are a function of (seed, epoch, sample, view) alone, drawn on the host and sent to the device in one
/// array per batch; nothing is read back. Order of operations: crop, flips and resize in one step (<see cref="TapResampler"/> on the CPU,
/// <see cref="MatrixResampler"/> elsewhere), rotation, colour jitter, greyscale, blur, normalisation.
///
/// The four jitter operations come in an order of their own for each sample. So that each is still one operation over many
/// samples, the batch is sorted by the place of the hue shift in the order: the blends before it (<see cref="ColourJitter.Blend"/>) then concern the first
/// so many samples, those after it the last so many, and the costly hue shift runs once over all.
///
/// One instance makes views of one size; crops of another size (multi-crop) take another instance and their own view numbers.
/// Safe for use by several threads at once: nothing of it changes.
/// </remarks>
public sealed class Augmenter
{
    private readonly Scalar[] scales, shifts; // of the normalisation, by channel; made once: CONTRIBUTING, Numbers
    private readonly Scalar one = 1;
    private readonly CounterRandom random;
    private readonly Device device;
    private readonly bool onCpu;
    private readonly long chunkPixels;

    /// <summary>Makes views of one size.</summary>
    /// <param name="imageSize">S, side of the views in pixels, 1 or more.</param>
    /// <param name="normalisation">Constants of the data set.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="device">Where to compute; images that lie elsewhere are copied there.</param>
    /// <exception cref="WclUsageException">The image size is below 1, a mean is not finite, or a standard deviation is not above zero.</exception>
    public Augmenter(int imageSize, Normalization normalisation, long seed, Device device)
    {
        if (imageSize < 1) throw new WclUsageException(FormattableString.Invariant($"Image size {imageSize} is not possible; use 1 or more."));
        ArgumentNullException.ThrowIfNull(device);
        normalisation.Validate();
        ImageSize = imageSize;
        scales = [.. Enumerable.Range(0, 3).Select(channel => (Scalar)(1 / normalisation.StdOf(channel)))];
        shifts = [.. Enumerable.Range(0, 3).Select(channel => (Scalar)(-normalisation.MeanOf(channel) / normalisation.StdOf(channel)))];
        this.device = device;
        random = new CounterRandom(seed, RandomPurpose.Augmentation);
        // Measured on two cores: smaller chunks pay for starting threads, larger ones leave the cache. Elsewhere only memory bounds them.
        onCpu = device.type == DeviceType.CPU;
        chunkPixels = onCpu ? 1 << 20 : 1 << 25;
    }

    /// <summary>S, side of the views in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Makes one random view of each image.</summary>
    /// <param name="images">[N, C, H, W] uint8, C 1 or 3, padded on the right and at the bottom to the largest of the batch.</param>
    /// <param name="heights">N true heights in pixels, 1 to H.</param>
    /// <param name="widths">N true widths in pixels, 1 to W.</param>
    /// <param name="samples">N places in the data set: the counter that the random numbers hang on.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="view">View of the image within the epoch, from 0.</param>
    /// <param name="recipe">Strengths and probabilities.</param>
    /// <param name="channelsLast">Whether the result's memory is in the order N, S, S, 3; its shape is the same.</param>
    /// <returns>[N, 3, S, S] float32, normalised, on the device; the caller owns it.</returns>
    /// <exception cref="WclUsageException">The shapes, type or lengths do not fit together, or a range of the recipe is the wrong way round.</exception>
    public Tensor Augment(
        Tensor images, ReadOnlySpan<int> heights, ReadOnlySpan<int> widths, ReadOnlySpan<int> samples, int epoch, int view,
        AugmentationRecipe recipe, bool channelsLast = false)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Check(images, heights, widths);
        return Augment(ImageTensor.Padded(images, heights, widths), samples, epoch, view, recipe, channelsLast);
    }

    /// <summary>Makes one random view of each image of a batch; the counters are the images' positions in their data set.</summary>
    /// <param name="images">N images of a <see cref="BatchLoader"/>.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="view">View of the image within the epoch, from 0.</param>
    /// <param name="recipe">Strengths and probabilities.</param>
    /// <returns>[N, 3, S, S] float32, normalised, on the device; the caller owns it.</returns>
    /// <exception cref="ArgumentException">The batch is empty, or a number is negative.</exception>
    /// <exception cref="WclUsageException">A range of the recipe is the wrong way round.</exception>
    /// <exception cref="ObjectDisposedException">The batch was disposed of.</exception>
    public Tensor Augment(ImageBatch images, int epoch, int view, AugmentationRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(view);
        using var pixels = ImageTensor.Of(images, device);
        return Augment(pixels, images.Indices, epoch, view, recipe);
    }

    /// <summary>Makes several random views of each image of a batch at once, the same as one by one: the images are copied to the device once, and on a GPU fewer operations are asked for.</summary>
    /// <param name="images">N images of a <see cref="BatchLoader"/>.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="views">V numbers of views of the image within the epoch, from 0, such as [0, 1]; 1 or more.</param>
    /// <param name="recipe">Strengths and probabilities.</param>
    /// <returns>[V N, 3, S, S] float32, normalised, on the device: row v N + i is the v-th view of image i, so that <c>chunk(V)</c> parts them. The caller owns it.</returns>
    /// <exception cref="ArgumentException">The batch is empty, there are no view numbers, or a number is negative.</exception>
    /// <exception cref="WclUsageException">A range of the recipe is the wrong way round.</exception>
    /// <exception cref="ObjectDisposedException">The batch was disposed of.</exception>
    public Tensor Augment(ImageBatch images, int epoch, ReadOnlySpan<int> views, AugmentationRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (views.IsEmpty) throw new ArgumentException("There are no view numbers; give one or more, such as [0, 1].", nameof(views));
        foreach (int view in views) ArgumentOutOfRangeException.ThrowIfNegative(view, nameof(views));
        using var pixels = ImageTensor.Of(images, device);
        return Augment(pixels, images.Indices, epoch, views, recipe);
    }

    /// <summary>The same of images in either form.</summary>
    /// <exception cref="WclUsageException">There are not as many sample numbers as images.</exception>
    internal Tensor Augment(ImageTensor images, ReadOnlySpan<int> samples, int epoch, int view, AugmentationRecipe recipe, bool channelsLast = false) =>
        Augment(images, samples, epoch, [view], recipe, channelsLast);

    /// <summary>Makes several views of each sample at once: on a GPU the host spends longer on asking for operations than the GPU on many of them.</summary>
    /// <param name="images">One image for each sample, or one for each view of each, in the order of the result.</param>
    /// <param name="samples">N places in the data set: the counter that the random numbers hang on.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="views">V view numbers.</param>
    /// <param name="recipe">Strengths and probabilities.</param>
    /// <param name="channelsLast">Whether the result's memory is in the order V N, S, S, 3; its shape is the same.</param>
    /// <returns>[V N, 3, S, S] float32, normalised, on the device: row v N + i is view v of sample i. The caller owns it.</returns>
    /// <exception cref="WclUsageException">There are neither as many samples nor as many views as images.</exception>
    internal Tensor Augment(ImageTensor images, ReadOnlySpan<int> samples, int epoch, ReadOnlySpan<int> views, AugmentationRecipe recipe, bool channelsLast = false)
    {
        int count = samples.Length, all = checked(count * views.Length);
        if (images.Count != count && images.Count != all) throw new WclUsageException($"{images.Count} images came with {count} sample numbers for {views.Length} views; give one image for each sample, or for each view of each.");
        recipe.Validate();
        var drawn = new ViewParameters[all];
        for (int i = 0; i < all; i++)
        {
            int image = i % images.Count;
            drawn[i] = ViewParameters.Draw(random, recipe, images.Heights[image], images.Widths[image], samples[i % count], epoch, views[i / count]);
        }
        return Apply(images, drawn, channelsLast);
    }

    /// <summary>
    /// Makes the evaluation view of each image, without randomness: small images (S up to <see cref="AugmentationRecipe.LargestSmallImage"/>)
    /// whole, others resized so that the shorter side is 256/224 of S and cut out of the middle.
    /// </summary>
    /// <param name="images">[N, C, H, W] uint8, C 1 or 3, padded on the right and at the bottom to the largest of the batch.</param>
    /// <param name="heights">N true heights in pixels, 1 to H.</param>
    /// <param name="widths">N true widths in pixels, 1 to W.</param>
    /// <param name="channelsLast">Whether the result's memory is in the order N, S, S, 3; its shape is the same.</param>
    /// <returns>[N, 3, S, S] float32, normalised, on the device; the caller owns it.</returns>
    /// <exception cref="WclUsageException">The shapes, type or lengths do not fit together.</exception>
    public Tensor Evaluate(Tensor images, ReadOnlySpan<int> heights, ReadOnlySpan<int> widths, bool channelsLast = false)
    {
        Check(images, heights, widths);
        return Evaluate(ImageTensor.Padded(images, heights, widths), channelsLast);
    }

    /// <summary>Makes the evaluation view of each image of a batch.</summary>
    /// <param name="images">N images of a <see cref="BatchLoader"/>.</param>
    /// <returns>[N, 3, S, S] float32, normalised, on the device; the caller owns it.</returns>
    /// <exception cref="ArgumentException">The batch is empty.</exception>
    /// <exception cref="ObjectDisposedException">The batch was disposed of.</exception>
    public Tensor Evaluate(ImageBatch images)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var pixels = ImageTensor.Of(images, device);
        return Evaluate(pixels);
    }

    /// <summary>The same of images in either form.</summary>
    internal Tensor Evaluate(ImageTensor images, bool channelsLast = false)
    {
        var plan = new BatchPlan(images.Count, ImageSize);
        for (int i = 0; i < images.Count; i++)
        {
            var (rows, columns) = EvaluationView.Of(images.Heights[i], images.Widths[i], ImageSize);
            plan.Add(i, rows, columns);
        }
        return Run(images, plan, channelsLast);
    }

    /// <summary>Makes views with given parameters, of which there is one for each image or several: the i-th is image i's modulo the number of images.</summary>
    internal Tensor Apply(ImageTensor images, ReadOnlySpan<ViewParameters> parameters, bool channelsLast = false)
    {
        var plan = new BatchPlan(parameters.Length, ImageSize, images.Count);
        plan.AddSorted(parameters);
        return Run(images, plan, channelsLast);
    }

    private Tensor Run(ImageTensor images, BatchPlan plan, bool channelsLast)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int n = plan.Count, s = ImageSize;
        var source = images.On(device);
        var (parameters, indices) = plan.ToDevice(device);

        var output = channelsLast ? empty([n, s, s, 3], float32, device).permute(0, 3, 1, 2) : empty([n, 3, s, s], float32, device);
        int chunk = (int)Math.Clamp(chunkPixels / ((long)s * s), 1, Math.Max(1, n));
        for (int from = 0; from < n; from += chunk)
        {
            int count = Math.Min(chunk, n - from);
            using var chunkScope = NewDisposeScope();
            var planes = onCpu
                ? TapResampler.Resample(source, plan, from, count, s)
                : MatrixResampler.Resample(source, plan, parameters, indices, from, count, s);
            Transpose(planes, plan, indices, from, count);
            Colour(planes, plan, parameters.narrow(0, from, count), indices, from, count);
            Blur(planes, plan, parameters, indices, from, count);
            for (int channel = 0; channel < 3; channel++)
            {
                // A grey image's one plane serves all three channels.
                using var target = output.narrow(0, from, count).select(1, channel);
                target.copy_(planes[Math.Min(channel, planes.Length - 1)].view(count, s, s)).mul_(scales[channel]).add_(shifts[channel], one);
            }
        }

        if (plan.IsReordered)
        {
            // Back to the caller's order. Index rows of the memory, which is contiguous in either layout.
            var restore = plan.Restore(indices);
            output = channelsLast
                ? output.permute(0, 2, 3, 1).index_select(0, restore).permute(0, 3, 1, 2)
                : output.index_select(0, restore);
        }
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>What is left of a rotation by 90 or 270 degrees once its flip has been made.</summary>
    private void Transpose(Tensor[] planes, BatchPlan plan, Tensor indices, int from, int count)
    {
        using var scope = NewDisposeScope();
        if (plan.Transposed(indices, from, count) is not { } rows) return;
        foreach (var plane in planes)
            plane.index_copy_(0, rows, plane.index_select(0, rows).view(-1, ImageSize, ImageSize).transpose(1, 2).reshape(-1, plane.size(1)));
    }

    private static void Colour(Tensor[] planes, BatchPlan plan, Tensor parameters, Tensor indices, int from, int count)
    {
        using var scope = NewDisposeScope();
        int jittered = plan.Jittered(from, count);
        for (int round = 0; round < BatchPlan.Rounds; round++)
            Blend(round, 0, plan.HueLaterThan(round, from, count));
        // Grey images have no hue to shift, and are grey already.
        if (planes.Length == 3 && jittered > 0 && plan.HasHue)
        {
            var shifted = Rows(0, jittered);
            ColourJitter.ShiftHue(shifted[0], shifted[1], shifted[2], parameters.narrow(0, 0, jittered).narrow(1, BatchPlan.HueShift, 1));
        }
        for (int round = 0; round < BatchPlan.Rounds; round++)
            Blend(round, plan.HueLaterThan(round, from, count), jittered);
        if (planes.Length == 3 && plan.Grayscale(indices, from, count) is { } grey) ColourJitter.Grayscale(planes, grey);

        void Blend(int round, int first, int end)
        {
            if (end <= first || !plan.HasBlend) return;
            ColourJitter.Blend(Rows(first, end), parameters.narrow(0, first, end - first).narrow(1, BatchPlan.Round(round), ColourJitter.BlendLength));
        }

        Tensor[] Rows(int first, int end) => Array.ConvertAll(planes, plane => plane.narrow(0, first, end - first));
    }

    private void Blur(Tensor[] planes, BatchPlan plan, Tensor parameters, Tensor indices, int from, int count)
    {
        using var scope = NewDisposeScope();
        if (plan.Blurred(indices, from, count) is not { } rows) return;
        var sigmas = parameters.narrow(0, from, count).narrow(1, BatchPlan.BlurSigma, 1).index_select(0, rows);
        var kernels = GaussianBlur.Kernels(sigmas, ImageSize);
        foreach (var plane in planes)
        {
            var blurred = GaussianBlur.Apply(plane.index_select(0, rows).view(-1, ImageSize, ImageSize), kernels);
            plane.index_copy_(0, rows, blurred.view(-1, plane.size(1)));
        }
    }

    private static void Check(Tensor images, ReadOnlySpan<int> heights, ReadOnlySpan<int> widths)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.dim() != 4 || images.size(1) is not (1 or 3) || images.dtype != uint8)
            throw new WclUsageException($"Images are {ShapeText.Of(images)} {images.dtype}; expected [N, 1 or 3, H, W] uint8.");
        if (heights.Length != images.size(0) || widths.Length != images.size(0))
            throw new WclUsageException($"{images.size(0)} images came with {heights.Length} heights and {widths.Length} widths; give one each.");
        for (int i = 0; i < heights.Length; i++)
            if (heights[i] < 1 || heights[i] > images.size(2) || widths[i] < 1 || widths[i] > images.size(3))
                throw new WclUsageException(FormattableString.Invariant($"Image {i} claims {heights[i]} x {widths[i]} pixels in a batch of {images.size(2)} x {images.size(3)}; give sizes from 1 to that."));
    }
}
