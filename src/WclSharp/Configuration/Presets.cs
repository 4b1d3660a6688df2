using System.Globalization;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>What a preset needs to know of the training images.</summary>
/// <param name="Images">Training images, after <c>--limit</c>.</param>
/// <param name="Side">Their usual shorter side, pixels; null where it is not known.</param>
/// <param name="Embedded">Whether they are the embedded Fashion-MNIST.</param>
/// <param name="Labelled">Those of known class; null for all.</param>
internal sealed record DataFacts(long Images, int? Side, bool Embedded, int? Labelled = null)
{
    /// <summary>Images where none has been read yet: more than any run has.</summary>
    public const int NotRead = int.MaxValue;
}

/// <summary>Options with everything resolved, and what a person should know of how that was done.</summary>
internal sealed record ResolvedOptions(PretrainOptions Options, IReadOnlyList<string> Warnings);

/// <summary>
/// The recipes that options which are not given come from.
/// <list type="bullet">
/// <item>imagenet: the paper's (Zheng et al. 2021, section 4): ResNet-50 at 224 pixels, LARS, batch 4096.</item>
/// <item>cifar: ResNet-18 with the small stem at 32 pixels, SGD, batch 512, the usual setting for CIFAR; half of the strong jitter (SimCLR's for CIFAR-10: Chen et al. 2020, appendix B.9; docs/default-recipe.md).</item>
/// <item>
/// tiny: the same with a narrow network, few epochs and small heads, for a first look on a machine without a GPU. Its crops are
/// larger: a short run learns more from easier pairs (docs/default-recipe.md).
/// </item>
/// </list>
/// </summary>
internal static class Presets
{
    public const string Default = "tiny";

    /// <summary>Largest side that is taken from the data where neither options nor preset give one.</summary>
    public const int LargestOwnSide = 64;

    /// <summary>Images from this side on get the ImageNet stem; below, its stride of 4 leaves too few pixels.</summary>
    private const int ImageNetStemSide = 97;

    /// <summary>Smallest side that is taken from the data: below, nothing is left after the network's strides of 8.</summary>
    private const int SmallestOwnSide = 16;

    /// <summary>Evaluation comes at a fifth of a run at least, so that it costs little of a short one, and every so many epochs of a long one.</summary>
    private const int MostEpochsUnseen = 10;

    /// <summary>A preset's warm-up takes no more than this share of a short run.</summary>
    private const double LargestWarmupShare = 0.2;

    private static readonly Dictionary<string, Preset> ByName = new()
    {
        ["tiny"] = new(EncoderArch.ResNet18, Width: 32, Stem: null, ImageSize: null, Batch: 64, Epochs: 6,
            OptimizerKind.Sgd, WarmupEpochs: 2, AugmentationSchedule.Weak, Jitter: 1, CropMin: 0.2, ConvInit.PyTorch, HeadHidden: 512, HeadOutput: 128),
        ["cifar"] = new(EncoderArch.ResNet18, Width: 64, EncoderStem.Small, ImageSize: 32, Batch: 512, Epochs: 200,
            OptimizerKind.Sgd, WarmupEpochs: 10, AugmentationSchedule.Paper, Jitter: 0.5, CropMin: null, ConvInit.Torchvision, HeadHidden: 2048, HeadOutput: 128),
        ["imagenet"] = new(EncoderArch.ResNet50, Width: 64, EncoderStem.ImageNet, ImageSize: 224, Batch: 4096, Epochs: 200,
            OptimizerKind.Lars, WarmupEpochs: 10, AugmentationSchedule.Paper, Jitter: 1, CropMin: null, ConvInit.Torchvision, HeadHidden: 2048, HeadOutput: 128),
    };

    public static IEnumerable<string> Names => ByName.Keys;

    /// <summary>Smallest share of an image's area that a preset's crops take; null is the recipe's own.</summary>
    public static double? CropMinOf(string preset) => ByName[preset].CropMin;

    /// <summary>The stem that fits images of this side, where neither options nor preset name one.</summary>
    public static EncoderStem StemFor(int imageSize) => imageSize >= ImageNetStemSide ? EncoderStem.ImageNet : EncoderStem.Small;

    /// <summary>The presets' values of an option, for <c>--help</c>.</summary>
    public static string Describe(string option)
    {
        var values = ByName.Select(entry => (entry.Key, Value: entry.Value.Show(option)));
        string presets = values.Select(pair => pair.Value).Distinct().Count() == 1
            ? values.First().Value
            : string.Join(", ", values.Select(pair => $"{pair.Key} {pair.Value}"));
        return FirstLook.FashionMnist.Show(option) is { } own ? $"{presets}, the embedded data {own}" : presets;
    }

    /// <summary>Side of the crops as far as it is known before the data is read.</summary>
    public static int? ImageSizeOf(PretrainOptions given) =>
        given.ImageSize ?? (ByName.TryGetValue(given.Preset ?? "", out var preset) ? preset.ImageSize : null);

    /// <summary>Side of the crops of data that was read.</summary>
    /// <param name="given">The options.</param>
    /// <param name="side">Usual shorter side of its images, pixels; null where it is not known.</param>
    /// <param name="embedded">Whether they are the embedded ones.</param>
    public static int ImageSizeOf(PretrainOptions given, int? side, bool embedded) =>
        given.ImageSize ?? FirstLookOf(given, embedded)?.ImageSize ?? ImageSizeOf(given) ?? OwnSide(side);

    /// <summary>The recipe of the embedded images, where the run is of these and names no preset; else null.</summary>
    private static FirstLook? FirstLookOf(PretrainOptions given, bool embedded) => embedded && given.Preset == Default ? FirstLook.FashionMnist : null;

    /// <summary>Fills every option that was not given, from the preset and the data, and checks the whole.</summary>
    /// <exception cref="WclUsageException">A value is out of range, or does not fit the data or another value.</exception>
    public static ResolvedOptions Resolve(PretrainOptions given, DataFacts data)
    {
        PretrainOptionTable.Validate(given);
        string name = given.Preset ?? "";
        if (!ByName.TryGetValue(name, out var preset))
            throw new WclUsageException($"There is no preset \"{name}\"{NearestName.Question(name, Names)} There are {string.Join(", ", Names)}.");

        List<string> warnings = [];
        var firstLook = FirstLookOf(given, data.Embedded);
        int imageSize = ImageSizeOf(given, data.Side, data.Embedded);
        if (data.Images < 2)
            throw new WclUsageException($"There {(data.Images == 1 ? "is 1 image" : "are no images")} to train on; contrastive learning needs 2 or more, and some hundreds to learn anything.");
        int batch = given.Batch is { } wanted ? CheckedBatch(wanted, data) : FittingBatch(preset.Batch, data, warnings);
        CheckChunks(given.Accumulate, batch);
        int epochs = given.Epochs ?? firstLook?.Epochs ?? preset.Epochs;
        if (epochs == 0 && given.Init is null) throw new WclUsageException("--epochs 0 trains nothing: it is for measuring weights as they are, which --init names; give these, or 1 epoch or more.");
        var optimizer = given.Optimizer ?? preset.Optimizer;
        var (rate, decay) = Rates(optimizer, preset, batch);

        warnings.AddRange(MethodDefaults.Unused(given).Concat(MultiCropResolution.Unused(given, imageSize)).Concat(MultiCropResolution.WeakWithoutBeta(given)).Concat(UnusedStart(given, preset)));
        var resolved = MethodDefaults.Fill(MultiCropResolution.Resolve(given, imageSize, data) with
        {
            Device = given.Device ?? ComputeDevice.Auto,
            MaxBad = given.MaxBad ?? DatasetOptions.StandardMaxBad,
            CacheMiB = given.CacheMiB ?? (int)(DatasetOptions.StandardCacheBytes >> 20),
            Arch = given.Arch ?? preset.Arch,
            Width = given.Width ?? firstLook?.Width ?? preset.Width,
            Stem = given.Stem ?? preset.Stem ?? StemFor(imageSize),
            ImageSize = imageSize,
            Batch = batch,
            Epochs = epochs,
            Optimizer = optimizer,
            LearningRate = given.LearningRate ?? rate,
            WeightDecay = given.WeightDecay ?? decay,
            WarmupEpochs = given.WarmupEpochs is { } warmup
                ? CheckedWarmup(warmup, epochs)
                : Math.Min(preset.WarmupEpochs, epochs * LargestWarmupShare),
            Augmentation = given.Augmentation ?? firstLook?.Augmentation ?? preset.Augmentation,
            CropMin = given.CropMin ?? preset.CropMin ?? MultiCropResolution.GlobalCropMin(given),
            Crops = given.Crops ?? (AugmentationRecipe.Weak(imageSize).SubpixelCrops ? CropPlacement.Subpixel : CropPlacement.Pixel),
            Jitter = given.Jitter ?? firstLook?.Jitter ?? preset.Jitter,
            Blur = given.Blur ?? AugmentationRecipe.Weak(imageSize).BlurProbability,
            ConvInit = given.ConvInit ?? preset.ConvInit,
            HeadHidden = given.HeadHidden ?? preset.HeadHidden,
            HeadOutput = given.HeadOutput ?? preset.HeadOutput,
            EvaluateEvery = given.EvaluateEvery ?? Math.Clamp((epochs + 4) / 5, 1, MostEpochsUnseen),
            KnnK = given.KnnK ?? KnnClassifier.DefaultK((int)(data.Labelled ?? data.Images)), // those that vote
            Workers = given.Workers ?? Environment.ProcessorCount,
        });
        warnings.AddRange(MethodDefaults.NeverBegun(resolved));
        if (data.Labelled is { } voters && given.KnnK > voters && given.KnnK != KnnClassifier.DefaultK(voters)) // a run that goes on has its default
            warnings.Add($"--knn-k {given.KnnK} is more than the {voters} training images that have a class: all of them vote.");
        return new(resolved, warnings);
    }

    /// <summary>Refuses what is wrong whatever the images are, before any is read.</summary>
    /// <exception cref="WclUsageException">A value is out of range, or does not fit another value.</exception>
    public static PretrainOptions RequireWithoutData(PretrainOptions given) => Resolve(given, new DataFacts(DataFacts.NotRead, Side: null, Embedded: given.Data is null)).Options;

    /// <summary>Side of the crops where none was asked for: the images' own, of at most <see cref="LargestOwnSide"/>.</summary>
    private static int OwnSide(int? usual) => usual is { } side ? Math.Clamp(side, SmallestOwnSide, LargestOwnSide) : LargestOwnSide;

    private static int CheckedBatch(int batch, DataFacts data) => batch <= data.Images
        ? batch
        : throw new WclUsageException($"--batch {batch} is larger than the data set of {data.Images} images; use {data.Images} or fewer.");

    private static int FittingBatch(int batch, DataFacts data, List<string> warnings)
    {
        if (batch <= data.Images) return batch;
        int smaller = LargestPowerOfTwo(data.Images);
        warnings.Add($"The preset's batch of {batch} is larger than the data set of {data.Images} images; training with batches of {smaller}.");
        return smaller;
    }

    /// <summary>Batch norm needs two images to normalise with, and chunks of one size weigh the same in it.</summary>
    private static void CheckChunks(int chunks, int batch)
    {
        if (chunks > batch / 2)
            throw new WclUsageException($"--accumulate {chunks} cuts a batch of {batch} images into chunks of fewer than 2, and batch norm needs 2; use {batch / 2} or less.");
        if (batch % chunks == 0) return;
        int divisor = chunks;
        while (batch % divisor != 0) divisor--;
        throw new WclUsageException($"--accumulate {chunks} does not cut a batch of {batch} images into equal chunks; use {divisor}, or another --batch.");
    }

    private static int LargestPowerOfTwo(long atMost) => 1 << (int)Math.Min(30, Math.Log2(atMost));

    private static double CheckedWarmup(double warmup, int epochs) => warmup < epochs || (warmup == 0 && epochs == 0)
        ? warmup
        : throw new WclUsageException(FormattableString.Invariant(
            $"--warmup-epochs {warmup} is not shorter than --epochs {epochs}; the learning rate would never reach --lr."));

    /// <summary>A warning where convolutions do not start from what was asked for.</summary>
    private static IEnumerable<string> UnusedStart(PretrainOptions given, Preset preset) => given is { Init: not null, ConvInit: { } start } && start != preset.ConvInit
        ? ["--conv-init changes nothing: the encoder starts from the weights of --init."]
        : [];

    /// <summary>Peak learning rate and weight decay of an optimiser at a batch size.</summary>
    private static (double Rate, double Decay) Rates(OptimizerKind optimizer, Preset preset, int batch) => optimizer switch
    {
        // The paper: LARS, square-root scaling.
        OptimizerKind.Lars => (0.075 * Math.Sqrt(batch), 1e-6),
        OptimizerKind.AdamW => (1e-3 * batch / 256, 0.05),
        // Linear scaling. Full-size images are trained with a tenth of the decay (MoCo v2).
        _ when preset.Stem == EncoderStem.ImageNet => (0.03 * batch / 256, 1e-4),
        // Short runs of narrow networks learn more from half of that (docs/default-recipe.md).
        _ when preset.Batch <= 64 => (0.06 * batch / 256, 5e-4),
        _ => (0.06 * batch / 128, 5e-4),
    };

    /// <summary>Peak learning rates by optimiser and preset, for <c>--help</c>.</summary>
    public static string DescribeRates()
    {
        const int unit = 256; // the batch that rates in proportion to it are given for
        var tiny = ByName[Default];
        string sgd = string.Join(", ", ByName.Select(entry => $"{entry.Key} {Rate(OptimizerKind.Sgd, entry.Value, unit)}"));
        return $"by optimiser: lars {Rate(OptimizerKind.Lars, tiny, 1)} x sqrt(batch), adamw {Rate(OptimizerKind.AdamW, tiny, unit)} x batch / {unit}, sgd x batch / {unit} {sgd}";

        static string Rate(OptimizerKind optimizer, Preset preset, int batch) => Invariant((decimal)Rates(optimizer, preset, batch).Rate);
    }

    /// <summary>Weight decays by optimiser and preset, for <c>--help</c>.</summary>
    public static string DescribeDecays()
    {
        string usual = Decay(OptimizerKind.Sgd, Default);
        string others = string.Concat(Names.Where(name => Decay(OptimizerKind.Sgd, name) != usual).Select(name => $", with {name} {Decay(OptimizerKind.Sgd, name)}"));
        return $"by optimiser: lars {Decay(OptimizerKind.Lars, Default)}, adamw {Decay(OptimizerKind.AdamW, Default)}, sgd {usual}{others}";

        // As a decimal, so that it is written out.
        static string Decay(OptimizerKind optimizer, string preset) => Invariant((decimal)Rates(optimizer, ByName[preset], 1).Decay);
    }

    /// <summary>What the tiny preset does otherwise with the embedded images, so that the first run shows something within minutes.</summary>
    /// <remarks>
    /// A quarter of the standard width, at three quarters of the pixels, is enough for Fashion-MNIST and buys more epochs;
    /// strong augmentation pays over these, and a jitter stronger than the paper's, since grey images have no hue and saturation to
    /// change and two views are else alike in brightness (chosen on its training images: docs/default-recipe.md).
    /// </remarks>
    private sealed record FirstLook(int Width, int ImageSize, int Epochs, AugmentationSchedule Augmentation, double Jitter)
    {
        public static readonly FirstLook FashionMnist = new(Width: 16, ImageSize: 24, Epochs: 10, AugmentationSchedule.Paper, Jitter: 1.5);

        public string? Show(string option) => option switch
        {
            "width" => Invariant(Width),
            "image-size" => Invariant(ImageSize),
            "epochs" => Invariant(Epochs),
            "augmentation" => OptionValue.NameOf(Augmentation),
            "jitter" => Invariant(Jitter),
            _ => null,
        };
    }

    public static string Invariant(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);

    private sealed record Preset(EncoderArch Arch, int Width, EncoderStem? Stem, int? ImageSize, int Batch, int Epochs,
        OptimizerKind Optimizer, double WarmupEpochs, AugmentationSchedule Augmentation, double Jitter, double? CropMin, ConvInit ConvInit, int HeadHidden, int HeadOutput)
    {
        public string Show(string option) => option switch
        {
            "arch" => OptionValue.NameOf(Arch),
            "width" => Invariant(Width),
            "stem" => Stem is { } stem ? OptionValue.NameOf(stem) : $"small, imagenet from {ImageNetStemSide} pixels on",
            "image-size" => ImageSize?.ToString(CultureInfo.InvariantCulture) ?? $"the images' own, at most {LargestOwnSide}",
            "batch" => Invariant(Batch),
            "epochs" => Invariant(Epochs),
            "optimizer" => OptionValue.NameOf(Optimizer),
            "warmup-epochs" => Invariant(WarmupEpochs),
            "augmentation" => OptionValue.NameOf(Augmentation),
            "crop-min" => CropMin?.ToString(CultureInfo.InvariantCulture) ?? "the recipe's (0.2 weak, 0.08 strong)",
            "jitter" => Invariant(Jitter),
            "conv-init" => OptionValue.NameOf(ConvInit),
            "head-hidden" => Invariant(HeadHidden),
            "head-output" => Invariant(HeadOutput),
            _ => throw new ArgumentException($"Presets have no {option}.", nameof(option)),
        };
    }
}
