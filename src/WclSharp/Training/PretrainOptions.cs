using WclSharp.Configuration;
using WclSharp.Reporting;

namespace WclSharp.Training;

/// <summary>
/// Everything that a pretraining run depends on. Immutable; the resolved options are written to <c>config.json</c>.
/// A property that is null is resolved from the preset and the data before the run starts.
/// Values are checked by <see cref="Pretraining.Run"/>: one out of range is a <see cref="WclUsageException"/>.
/// </summary>
public sealed record PretrainOptions
{
    /// <summary>The options in a file, as <c>--config</c> takes it; of a run's those that it was trained with, resolved.</summary>
    /// <param name="path">A configuration file, or a run folder, whose <c>config.json</c> is meant.</param>
    /// <returns>Those that the file does not name have their defaults; no file names a run folder.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="WclUsageException">There is no such file, it is not JSON, or it has an unknown key or a wrong value.</exception>
    public static PretrainOptions Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return ConfigFile.Read(Directory.Exists(path) ? RunFolder.RequireConfig(path) : path, new PretrainOptions());
    }

    /// <summary>Folder, .tar, .tar.gz, CSV/TSV list, IDX or CIFAR binary file; null is the embedded Fashion-MNIST.</summary>
    public string? Data { get; init; }

    /// <summary>Held-out images with labels, for kNN; null holds out a part of labelled data.</summary>
    public string? Test { get; init; }

    /// <summary>CSV or TSV file of <c>path,label</c> rows that names the classes of some images.</summary>
    public string? Labels { get; init; }

    /// <summary>Random subset of this many images, 2 or more, by seed, what is held out of them included; null takes all.</summary>
    public int? Limit { get; init; }

    /// <summary>Method to train with. Default: WCL.</summary>
    public ContrastiveMethod Method { get; init; } = ContrastiveMethod.Wcl;

    /// <summary>Name of the recipe that null properties are resolved from: tiny, cifar or imagenet.</summary>
    public string Preset { get; init; } = "tiny";

    /// <summary>Network; null is the preset's: ResNet-18, with imagenet ResNet-50.</summary>
    public EncoderArch? Arch { get; init; }

    /// <summary>Channels of the first stage, a multiple of 4 from 4 to 512, 64 being the standard network; null is the preset's: tiny 32 (the embedded data 16), cifar and imagenet 64.</summary>
    public int? Width { get; init; }

    /// <summary>First layers; null is the preset's: small, with imagenet, or with tiny at 97 pixels or more, ImageNet's.</summary>
    public EncoderStem? Stem { get; init; }

    /// <summary>Side of the square crops that the encoder sees, pixels, 8 to 1024; null is the preset's: tiny the images' own up to 64 (the embedded data 24), cifar 32, imagenet 224.</summary>
    public int? ImageSize { get; init; }

    /// <summary>Passes over the training images, 0 to 1,000,000, 0 measuring the weights of <see cref="Init"/> as they are; null is the preset's: tiny 6 (the embedded data 10), cifar and imagenet 200.</summary>
    public int? Epochs { get; init; }

    /// <summary>Images per step, 2 or more, each giving two views; null is the preset's, or fewer where there are too few images for it: tiny 64, cifar 512, imagenet 4096.</summary>
    public int? Batch { get; init; }

    /// <summary>Chunks of equal size that a batch is embedded in, one after another: a divisor of <see cref="Batch"/>, half of it at most; 1 embeds it at once.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Optimiser; null is the preset's: SGD, with imagenet LARS.</summary>
    public OptimizerKind? Optimizer { get; init; }

    /// <summary>Peak learning rate, after warm-up, above 0; null is by optimiser: LARS 0.075 sqrt(<see cref="Batch"/>), AdamW 0.001 <see cref="Batch"/> / 256, SGD <see cref="Batch"/> / 256 times 0.06 (tiny), 0.12 (cifar) or 0.03 (imagenet).</summary>
    public double? LearningRate { get; init; }

    /// <summary>Weight decay (L2 for SGD and LARS, decoupled for AdamW), 0 or more; null is by optimiser: LARS 1e-6, AdamW 0.05, SGD 5e-4, with imagenet 1e-4.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Softmax temperature of both losses, 1e-6 to 1e6. Default 0.1 (paper, section 4).</summary>
    public double Temperature { get; init; } = 0.1;

    /// <summary>Weight of the weak loss, 0 or more (paper, equation 7: 1); that of local crops has <see cref="LocalWeakWeight"/>.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>Epochs after the warm-up over which the weight of the weak loss rises from 0 to <see cref="Beta"/>, evenly, 0 or more; 0, the paper's, is the whole weight from the first step on.</summary>
    public double BetaRamp { get; init; }

    /// <summary>Gradient flow of the weak loss; null is detached, as the authors have it, but full for wcl-bank.</summary>
    public WeakKeys? WeakKeys { get; init; }

    /// <summary>WCL-bank: which images of the graph over all are alike; null is components.</summary>
    public BankPairs? BankPairs { get; init; }

    /// <summary>WCL-bank: epochs of WCL before the graph over all images is made for the first time, 1 or more; null is 2, or 1 below 4 epochs.</summary>
    public int? BankStart { get; init; }

    /// <summary>WCL-bank: which images of the batch are an image's negatives in the instance loss; null is those of other groups.</summary>
    public BankNegatives? BankNegatives { get; init; }

    /// <summary>AdpCLR: nearest rows in the batch that are positives beside the other view, 0 to 2 <see cref="Batch"/> - 2; null is 1.</summary>
    public int? AdpClrK { get; init; }

    /// <summary>AdpCLR: share of the run that is SimCLR first, 0 to 1; null is 0.5.</summary>
    public double? AdpClrStart { get; init; }

    /// <summary>FNCancel: S, further views of each image that are its support, 1 or more; null is 8.</summary>
    public int? FnSupport { get; init; }

    /// <summary>FNCancel: how a row is scored against the support; null is by the largest similarity.</summary>
    public SupportScore? FnScore { get; init; }

    /// <summary>FNCancel: what becomes of a false negative; null is attraction.</summary>
    public FalseNegativeMode? FnMode { get; init; }

    /// <summary>FNCancel: rows of the highest score that are false negatives, 0 to 2 <see cref="Batch"/> - 2; null is 10, or, with a threshold, no limit.</summary>
    public int? FnK { get; init; }

    /// <summary>FNCancel: least score of a false negative, -1 to 1; null is none.</summary>
    public double? FnThreshold { get; init; }

    /// <summary>Instance discrimination: loss against the bank; null is <see cref="BankLoss.Nce"/>.</summary>
    public BankLoss? InstDiscLoss { get; init; }

    /// <summary>Instance discrimination: negatives drawn in a step for <see cref="BankLoss.Nce"/>, 1 or more; null is 4096.</summary>
    public int? InstDiscNegatives { get; init; }

    /// <summary>Instance discrimination: share of its old value that an image's row keeps, 0 to below 1; null is 0.5.</summary>
    public double? InstDiscMomentum { get; init; }

    /// <summary>Instance discrimination: softmax temperature, 1e-6 to 1e6, in place of <see cref="Temperature"/>; null is 0.07.</summary>
    public double? InstDiscTemperature { get; init; }

    /// <summary>Local crops beside the two global views. Default: none.</summary>
    public MultiCrop MultiCrop { get; init; } = MultiCrop.None;

    /// <summary>M, local crops of each image, 1 to 64 (paper, section 4: 4).</summary>
    public int LocalCrops { get; init; } = 4;

    /// <summary>Side of the square local crops, pixels, 8 to <see cref="ImageSize"/>; null is by <see cref="ImageSize"/>: 96 at 224, 16 at 32.</summary>
    public int? LocalSize { get; init; }

    /// <summary>Smallest share of an image's area that a local crop takes, above 0 to 1; null is by <see cref="ImageSize"/>: 0.05 at 224, 0.1 at 32.</summary>
    public double? LocalScaleMin { get; init; }

    /// <summary>Largest share of an image's area that a local crop takes, above 0 to 1; null is by <see cref="ImageSize"/>: 0.2 at 224, 0.4 at 32.</summary>
    public double? LocalScaleMax { get; init; }

    /// <summary>K, nearest images in the bank that local crops come from, 1 to one less than there are (paper, section 4: 4).</summary>
    public int BankK { get; init; } = 4;

    /// <summary>What those nearest images are found by. Default: the bank.</summary>
    public CropNeighbors CropNeighbors { get; init; } = CropNeighbors.Bank;

    /// <summary>Of the M local crops of KNN multi-crop, those cut from the image itself, in both losses; 0, the paper's, to M.</summary>
    public int OwnCrops { get; init; }

    /// <summary>Weight of the local crops' instance loss, 0 or more; the paper gives none.</summary>
    public double LocalInstanceWeight { get; init; } = 1;

    /// <summary>Weight of the local crops' weak loss, which neither <see cref="Beta"/> nor <see cref="BetaRamp"/> reaches, 0 or more; the paper gives none.</summary>
    public double LocalWeakWeight { get; init; } = 1;

    /// <summary>Augmentation over the run; null is the preset's: tiny weak (the embedded data the paper's), cifar and imagenet the paper's.</summary>
    public AugmentationSchedule? Augmentation { get; init; }

    /// <summary>Smallest share of an image's area that a crop takes, above 0 to 1; null is the recipe's own (0.2 weak, 0.08 strong), but 0.2 with tiny and beside local crops.</summary>
    public double? CropMin { get; init; }

    /// <summary>Where crops may begin and end; null is the recipe's own (subpixel up to 64 pixels).</summary>
    public CropPlacement? Crops { get; init; }

    /// <summary>
    /// Strength of the colour jitter, 0 to 10: factor on its four ranges, where 1 is the recipe's (SimCLR's "strength of colour distortion").
    /// The hue's range stays within half a turn. Null is the preset's: tiny and imagenet 1 (the embedded data 1.5), cifar 0.5.
    /// </summary>
    public double? Jitter { get; init; }

    /// <summary>Probability of a horizontal flip, 0 to 1.</summary>
    public double Flip { get; init; } = 0.5;

    /// <summary>Probability of a vertical flip, 0 to 1; for images without an up or down, as those of microscopes and from the air.</summary>
    public double VerticalFlip { get; init; }

    /// <summary>Probability of a rotation by 90, 180 or 270 degrees, each as likely, 0 to 1; for images without an up or down, where 0.75 makes the four directions equally likely.</summary>
    public double Rotation { get; init; }

    /// <summary>Probability that a view loses its colour, 0 to 1.</summary>
    public double Grayscale { get; init; } = 0.2;

    /// <summary>Probability that a view is blurred, 0 to 1; null is the recipe's own (0.5, none up to 64 pixels).</summary>
    public double? Blur { get; init; }

    /// <summary>Epochs of linear warm-up with weak augmentation, 0 to below <see cref="Epochs"/>, also a fraction; null is the preset's, a fifth of the epochs at most: tiny 2, cifar and imagenet 10.</summary>
    public double? WarmupEpochs { get; init; }

    /// <summary>What the encoder's convolutions start from, without <see cref="Init"/>; null is the preset's: tiny PyTorch's, cifar and imagenet torchvision's.</summary>
    public ConvInit? ConvInit { get; init; }

    /// <summary>Hidden width of both projection heads, 1 to 16,384; null is the preset's: tiny 512, cifar and imagenet 2048.</summary>
    public int? HeadHidden { get; init; }

    /// <summary>Output width of both projection heads, 2 to 16,384; null is 128.</summary>
    public int? HeadOutput { get; init; }

    /// <summary>Evaluate every so many epochs, 1 or more, and after the last; null is a fifth of the epochs, 10 at most.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>Neighbours of the kNN classifier, 1 or more; null is 200, or 20 below 20,000 labelled training images.</summary>
    public int? KnnK { get; init; }

    /// <summary>Seed of everything random.</summary>
    public long Seed { get; init; }

    /// <summary>Run folder; null is <c>runs/</c> with the time of the start.</summary>
    public string? Out { get; init; }

    /// <summary>
    /// Go on with the run that is in <see cref="Out"/>, with its options: of these here, one that equals its default counts as not given, and another value than the run's is refused, but of
    /// what may change (<see cref="Device"/>, <see cref="Workers"/> and the like).
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>Weights to start the encoder from: a run folder, a safetensors file, or what PyTorch saved of a state dict (<c>.pth</c>), in which torchvision's names may have a prefix.</summary>
    public string? Init { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto; null is auto, or what a resumed run had.</summary>
    public string? Device { get; init; }

    /// <summary>Number format of convolutions and matrix products.</summary>
    public ComputePrecision Precision { get; init; } = ComputePrecision.Auto;

    /// <summary>Threads that decode images before training, and put batches together during it, 1 to 1,024; null is one per core.</summary>
    public int? Workers { get; init; }

    /// <summary>Share of unreadable images, 0 to 1, above which the run stops before training; null is 0.01, or what a resumed run had.</summary>
    public double? MaxBad { get; init; }

    /// <summary>Decoded images are kept in memory up to this many MiB, 0 or more, else in a memory-mapped file; null is 4096, or what a resumed run had.</summary>
    public int? CacheMiB { get; init; }

    /// <summary>Where the memory-mapped file goes when one is needed; null is the run folder.</summary>
    public string? CacheFolder { get; init; }
}
