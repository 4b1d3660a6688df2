using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>
/// Every option of <c>wcl pretrain</c>, once: the command line, <c>--help</c>, <c>--config</c> files, <c>config.json</c>
/// and the checks of values all come from this table. A new option is a property of <see cref="PretrainOptions"/> and
/// an entry here.
/// </summary>
internal static class PretrainOptionTable
{
    private const int LargestHead = 16_384; // and widths of 512: no weight is then of more than 2 GiB, which one span holds

    /// <summary>The options in the order of <c>--help</c>.</summary>
    public static IReadOnlyList<PretrainOption> All { get; } =
    [
        // What to train on.
        Path("data", "PATH", "Images: folder, .tar, .tar.gz, CSV/TSV list, IDX or CIFAR binary file", "the embedded Fashion-MNIST",
            o => o.Data, (o, v) => o with { Data = v }, mayChangeOnResume: true),
        Path("test", "PATH", "Labelled test images, for kNN; same forms as --data", "a part of --data where it has labels",
            o => o.Test, (o, v) => o with { Test = v }, mayChangeOnResume: true),
        Path("labels", "CSV", "CSV or TSV file of path,label rows that names the classes of some images", "the classes --data has",
            o => o.Labels, (o, v) => o with { Labels = v }, mayChangeOnResume: true),
        Integer("limit", "Read a random subset of this many images, drawn by --seed; held-out test images are among them", "all images",
            o => o.Limit, (o, v) => o with { Limit = v }, NumberRange.AtLeastTwo),

        // What to train.
        Choice<ContrastiveMethod>("method", "Contrastive method", "wcl", o => o.Method, (o, v) => o with { Method = v }),
        new PretrainOption<string>("preset", "Recipe that options which are not given come from", Presets.Default,
            OptionValue.Name([.. Presets.Names]), (PretrainOptions o, out string v) => (v = o.Preset) is not null,
            (o, v) => o with { Preset = v }),
        Choice("arch", "Network", Presets.Describe("arch"), o => o.Arch, (o, v) => o with { Arch = v }),
        Integer("width", "Channels of the network's first stage; 64 is the standard network", Presets.Describe("width"),
            o => o.Width, (o, v) => o with { Width = v }, NumberRange.Width),
        Choice("stem", "First layers: small for images of about 32 pixels, imagenet for about 224", Presets.Describe("stem"),
            o => o.Stem, (o, v) => o with { Stem = v }),
        Integer("image-size", "Side of the square crops the network sees, pixels", Presets.Describe("image-size"),
            o => o.ImageSize, (o, v) => o with { ImageSize = v }, new(8, 1024)),
        Integer("head-hidden", "Hidden width of both projection heads", Presets.Describe("head-hidden"), o => o.HeadHidden, (o, v) => o with { HeadHidden = v }, new(1, LargestHead)),
        Integer("head-output", "Output width of both projection heads", Presets.Describe("head-output"), o => o.HeadOutput, (o, v) => o with { HeadOutput = v }, new(2, LargestHead)),
        Choice("conv-init", "What convolutions start from: torchvision's ResNet (normal, by fan-out) or PyTorch's Conv2d (uniform, by fan-in)",
            Presets.Describe("conv-init"), o => o.ConvInit, (o, v) => o with { ConvInit = v }),
        Path("init", "WEIGHTS", "Weights (.safetensors, or a PyTorch state dict, .pth) or run folder to start the encoder from", "random weights",
            o => o.Init, (o, v) => o with { Init = v }, mayChangeOnResume: true), // a resumed run takes its weights from the checkpoint

        // How to train.
        Integer("epochs", "Passes over the training images; 0 measures the weights of --init as they are, and makes a run of them", Presets.Describe("epochs"), o => o.Epochs, (o, v) => o with { Epochs = v }, new(0, 1_000_000)),
        Integer("batch", "Images per step; each gives two views", Presets.Describe("batch"), o => o.Batch, (o, v) => o with { Batch = v },
            NumberRange.AtLeastTwo, special: v => v == 1 ? "Batch size 1 gives no neighbours; use 2 or more." : null),
        Integer("accumulate", "Embed the batch in this many chunks, for batches larger than memory; losses and graph span the whole batch", "1",
            o => o.Accumulate, (o, v) => o with { Accumulate = v }, NumberRange.AtLeastOne),
        Choice("optimizer", "Optimiser", Presets.Describe("optimizer"), o => o.Optimizer, (o, v) => o with { Optimizer = v }),
        Real("lr", "Peak learning rate, after warm-up", Presets.DescribeRates(), o => o.LearningRate, (o, v) => o with { LearningRate = v }, NumberRange.Positive),
        Real("weight-decay", "Weight decay: L2 for sgd and lars, decoupled for adamw", Presets.DescribeDecays(),
            o => o.WeightDecay, (o, v) => o with { WeightDecay = v }, NumberRange.NotNegative),
        Choice("augmentation", "Augmentation: weak during warm-up and strong after (paper), or weak throughout", Presets.Describe("augmentation"),
            o => o.Augmentation, (o, v) => o with { Augmentation = v }),
        Real("crop-min", "Smallest share of an image's area that a crop takes", Presets.Describe("crop-min") + "; 0.2 with --multi-crop",
            o => o.CropMin, (o, v) => o with { CropMin = v }, NumberRange.ShareAboveZero),
        Choice("crops", "Where crops may begin and end: at whole pixels (torchvision's rule) or between them", $"subpixel up to {AugmentationRecipe.LargestSmallImage} pixels, else pixel",
            o => o.Crops, (o, v) => o with { Crops = v }),
        Real("jitter", "Strength of the colour jitter: factor on the recipe's ranges; 0 leaves colours as they are", Presets.Describe("jitter"),
            o => o.Jitter, (o, v) => o with { Jitter = v }, new(0, 10)),
        Real("flip", "Probability of a horizontal flip; 0 where left and right tell classes apart", "0.5", o => o.Flip, (o, v) => o with { Flip = v }, NumberRange.Share),
        Real("vertical-flip", "Probability of a vertical flip; 0.5 where images have no up or down, as those of microscopes and from the air", "0", o => o.VerticalFlip, (o, v) => o with { VerticalFlip = v }, NumberRange.Share),
        Real("rotation", "Probability of a rotation by 90, 180 or 270 degrees; 0.75, which makes the four directions equally likely, where images have no up or down", "0", o => o.Rotation, (o, v) => o with { Rotation = v }, NumberRange.Share),
        Real("grayscale", "Probability that a view loses its colour; 0 where colour tells classes apart", "0.2", o => o.Grayscale, (o, v) => o with { Grayscale = v }, NumberRange.Share),
        Real("blur", "Probability that a view is blurred", $"0.5; 0 up to {AugmentationRecipe.LargestSmallImage} pixels", o => o.Blur, (o, v) => o with { Blur = v }, NumberRange.Share),
        Real("warmup-epochs", "Epochs of linear warm-up with weak augmentation; may be a fraction", Presets.Describe("warmup-epochs") + "; a fifth of --epochs at most",
            o => o.WarmupEpochs, (o, v) => o with { WarmupEpochs = v }, NumberRange.NotNegative),
        Real("temperature", "Softmax temperature of both losses", "0.1", o => o.Temperature, (o, v) => o with { Temperature = v }, NumberRange.Temperature),
        Real("beta", "Weight of the weak loss; that of local crops has its own", "1", o => o.Beta, (o, v) => o with { Beta = v }, NumberRange.NotNegative),
        Real("beta-ramp", "Epochs after the warm-up over which the weight of the weak loss (not of local crops') rises linearly from 0 to --beta; 0: full weight from the start", "0", o => o.BetaRamp, (o, v) => o with { BetaRamp = v }, NumberRange.NotNegative),
        Choice("weak-keys", "Gradient of the weak loss: through anchors only (detached) or both sides (full)", "detached; wcl-bank full",
            o => o.WeakKeys, (o, v) => o with { WeakKeys = v }),

        // What one method alone needs.
        Choice("bank-pairs", "wcl-bank: positives are images of one connected component of the graph over all images (components), or mutual nearest neighbours (mutual)", "components", o => o.BankPairs, (o, v) => o with { BankPairs = v }, ContrastiveMethod.WclBank),
        Integer("bank-start", "wcl-bank: epochs of wcl before its graph is made for the first time", "2; 1 below 4 epochs", o => o.BankStart, (o, v) => o with { BankStart = v }, NumberRange.AtLeastOne, onlyFor: ContrastiveMethod.WclBank),
        Choice("bank-negatives", "wcl-bank: an image's negatives in the instance loss, those of other groups or all", "others", o => o.BankNegatives, (o, v) => o with { BankNegatives = v }, ContrastiveMethod.WclBank),
        Integer("adpclr-k", "adpclr: number of nearest rows in the batch that become positives", "1", o => o.AdpClrK, (o, v) => o with { AdpClrK = v }, NumberRange.WholeNotNegative, onlyFor: ContrastiveMethod.AdpClr),
        Real("adpclr-start", "adpclr: share of the run that is simclr first", "0.5", o => o.AdpClrStart, (o, v) => o with { AdpClrStart = v }, NumberRange.Share, ContrastiveMethod.AdpClr),
        Integer("fn-support", "fncancel: further views of each image that rows are compared with", "8", o => o.FnSupport, (o, v) => o with { FnSupport = v }, NumberRange.AtLeastOne, onlyFor: ContrastiveMethod.FnCancel),
        Choice("fn-score", "fncancel: largest or mean similarity to those views", "max", o => o.FnScore, (o, v) => o with { FnScore = v }, ContrastiveMethod.FnCancel),
        Choice("fn-mode", "fncancel: false negatives leave the denominator or become positives", "attraction", o => o.FnMode, (o, v) => o with { FnMode = v }, ContrastiveMethod.FnCancel),
        Integer("fn-k", "fncancel: number of highest-scoring rows treated as false negatives", "10; no limit with --fn-threshold alone", o => o.FnK, (o, v) => o with { FnK = v }, NumberRange.WholeNotNegative, onlyFor: ContrastiveMethod.FnCancel),
        Real("fn-threshold", "fncancel: least score of a false negative", "none", o => o.FnThreshold, (o, v) => o with { FnThreshold = v },
            new(-1, 1), ContrastiveMethod.FnCancel),
        Choice("instdisc-loss", "instdisc: noise-contrastive estimation, or softmax over the whole bank", "nce", o => o.InstDiscLoss, (o, v) => o with { InstDiscLoss = v }, ContrastiveMethod.InstDisc),
        Integer("instdisc-negatives", "instdisc: negatives drawn in a step for nce", "4096", o => o.InstDiscNegatives, (o, v) => o with { InstDiscNegatives = v }, NumberRange.AtLeastOne, onlyFor: ContrastiveMethod.InstDisc),
        Real("instdisc-momentum", "instdisc: share of its old value that a row of the bank keeps", "0.5", o => o.InstDiscMomentum, (o, v) => o with { InstDiscMomentum = v },
            new(0, 1) { BelowMost = true }, ContrastiveMethod.InstDisc),
        Real("instdisc-temperature", "instdisc: softmax temperature, in place of --temperature", "0.07", o => o.InstDiscTemperature, (o, v) => o with { InstDiscTemperature = v }, NumberRange.Temperature, ContrastiveMethod.InstDisc),

        // Local crops beside the two global views.
        Choice<MultiCrop>("multi-crop", "Local crops: of the image itself (standard), of its nearest images in the bank of all (knn), or none", "none",
            o => o.MultiCrop, (o, v) => o with { MultiCrop = v }),
        Integer("local-crops", "Number of local crops per image", "4", o => o.LocalCrops, (o, v) => o with { LocalCrops = v }, new(1, 64)),
        Integer("local-size", "Side of the square local crops, pixels", "by --image-size: 96 at 224, 16 at 32",
            o => o.LocalSize, (o, v) => o with { LocalSize = v }, new(8, 1024)),
        Real("local-scale-min", "Smallest share of an image's area that a local crop takes", "by --image-size: 0.05 at 224, 0.1 at 32",
            o => o.LocalScaleMin, (o, v) => o with { LocalScaleMin = v }, NumberRange.ShareAboveZero),
        Real("local-scale-max", "Largest share of an image's area that a local crop takes", "by --image-size: 0.2 at 224, 0.4 at 32",
            o => o.LocalScaleMax, (o, v) => o with { LocalScaleMax = v }, NumberRange.ShareAboveZero),
        Integer("bank-k", "Number of nearest images in the bank that an image's local crops come from", "4", o => o.BankK, (o, v) => o with { BankK = v }, NumberRange.AtLeastOne),
        Choice<CropNeighbors>("crop-neighbors", "knn: nearest images by their projections in training (bank), or by the encoder's features of the images themselves, a pass an epoch (encoder)", "bank",
            o => o.CropNeighbors, (o, v) => o with { CropNeighbors = v }),
        Integer("own-crops", "knn: number of local crops that are cut from the image itself", "0", o => o.OwnCrops, (o, v) => o with { OwnCrops = v }, NumberRange.WholeNotNegative),
        Real("local-instance-weight", "Weight of the local crops' instance loss", "1", o => o.LocalInstanceWeight, (o, v) => o with { LocalInstanceWeight = v }, NumberRange.NotNegative),
        Real("local-weak-weight", "Weight of the local crops' weak loss, whatever --beta and --beta-ramp are", "1", o => o.LocalWeakWeight, (o, v) => o with { LocalWeakWeight = v }, NumberRange.NotNegative),

        new PretrainOption<long>("seed", "Seed of everything random", "0", OptionValue.LongInteger,
            Getter<long>(o => o.Seed), (o, v) => o with { Seed = v }),

        // How to measure.
        Integer("evaluate-every", "Evaluate every so many epochs, and after the last", "a fifth of --epochs, 10 at most",
            o => o.EvaluateEvery, (o, v) => o with { EvaluateEvery = v }, NumberRange.AtLeastOne, mayChangeOnResume: true),
        Integer("knn-k", "Neighbours of the kNN classifier", KnnClassifier.DefaultText,
            o => o.KnnK, (o, v) => o with { KnnK = v }, NumberRange.AtLeastOne), // accuracies of one run are by one number

        // Where the results go.
        Path("out", "DIR", "Run folder; must be new or empty unless --resume", "runs/ and the time of the start",
            o => o.Out, (o, v) => o with { Out = v }, namesRun: true),
        new PretrainOption<bool>("resume", "Go on with the run in --out, with that run's options", "off", OptionValue.Flag,
            Getter<bool>(o => o.Resume), (o, v) => o with { Resume = v }) { NamesRun = true, MayChangeOnResume = true },

        // What to run on.
        new PretrainOption<string>("device", "cpu, cuda, cuda:N or auto", "auto", OptionValue.Text("DEVICE"),
            (PretrainOptions o, out string v) => (v = o.Device!) is not null, (o, v) => o with { Device = v }, Device) { MayChangeOnResume = true },
        Choice<ComputePrecision>("precision", "Number format of convolutions and matrix products; auto is bf16-fast or bf16 where that is faster, else fp32 (without TF32); bf16-fast is WclSharp's own CPU kernel, which rounds more than bf16; where there is none, bf16", "auto",
            o => o.Precision, (o, v) => o with { Precision = v }),
        Integer("workers", "Threads that decode images before training, and put batches together during it", "one per core",
            o => o.Workers, (o, v) => o with { Workers = v }, new(1, 1024), mayChangeOnResume: true),
        Real("max-bad", "Share of unreadable images above which the run stops before training", Presets.Invariant(DatasetOptions.StandardMaxBad),
            o => o.MaxBad, (o, v) => o with { MaxBad = v }, NumberRange.Share, mayChangeOnResume: true),
        Integer("cache-mib", "Memory for decoded images, MiB; more than this goes to a memory-mapped file", Presets.Invariant(DatasetOptions.StandardCacheBytes >> 20),
            o => o.CacheMiB, (o, v) => o with { CacheMiB = v }, NumberRange.WholeNotNegative, mayChangeOnResume: true),
        Path("cache-folder", "DIR", "Where that memory-mapped file goes", "the run folder",
            o => o.CacheFolder, (o, v) => o with { CacheFolder = v }, mayChangeOnResume: true),
    ];

    /// <summary>The option of a name, with dashes or underscores; null where there is none.</summary>
    public static PretrainOption? Find(string name) =>
        All.FirstOrDefault(option => option.Name == name.Replace('_', '-'));

    /// <summary>Checks every value by itself; <see cref="Presets.Resolve"/> checks what depends on the data.</summary>
    /// <exception cref="WclUsageException">A value is out of range.</exception>
    public static void Validate(PretrainOptions options)
    {
        foreach (var option in All) option.Validate(options);
    }

    /// <summary>
    /// Names of the options in which two runs differ and that the result depends on: what a resumed run must not change.
    /// </summary>
    public static IReadOnlyList<string> Differences(PretrainOptions one, PretrainOptions other) =>
    [
        .. All.Where(option => !option.MayChangeOnResume && !option.NamesRun && option.Show(one) != option.Show(other))
            .Select(option => option.Name),
    ];

    /// <summary>Options with those alone that are kept; the others are not set.</summary>
    public static PretrainOptions Only(PretrainOptions options, Func<PretrainOption, bool> kept) => All.Where(kept)
        .Aggregate(new PretrainOptions(), (result, option) => option.Show(options) is { } value ? option.Parse(result, value) : result);

    /// <summary>The options that a run was started with, with what may change when it goes on taken from others, as far as it is set there.</summary>
    public static PretrainOptions Resumed(PretrainOptions started, PretrainOptions given) => All.Where(option => option.MayChangeOnResume && !option.NamesRun)
        .Aggregate(started, (options, option) => option.Show(given) is { } value ? option.Parse(options, value) : options);

    /// <summary>The options with every path that is set a full one, for use from any folder.</summary>
    public static PretrainOptions WithFullPaths(PretrainOptions options) => All.Where(option => option.IsPath)
        .Aggregate(options, (result, option) => option.Show(result) is { } path ? option.Parse(result, System.IO.Path.GetFullPath(path)) : result);

    /// <summary>What is said where a resumed run is asked for another value than it was started with.</summary>
    public static WclUsageException Changed(PretrainOption option, PretrainOptions asked, PretrainOptions started, string folder) =>
        new($"--{option.Name} {option.Show(asked)} is not what the run in {folder} was started with ({option.Show(started) ?? "nothing"}); leave it out to go on, or start a new run with another --out.");

    private static PretrainOption Path(string name, string placeholder, string description, string defaultText, Func<PretrainOptions, string?> get,
        Func<PretrainOptions, string, PretrainOptions> set, bool mayChangeOnResume = false, bool namesRun = false) =>
        new PretrainOption<string>(name, description, defaultText, OptionValue.Text(placeholder), (PretrainOptions o, out string v) => (v = get(o)!) is not null, set, v => GivenOption.PathProblem(v, $"--{name}"))
        { MayChangeOnResume = mayChangeOnResume, NamesRun = namesRun, IsPath = true };

    private static PretrainOption Integer(string name, string description, string defaultText, Func<PretrainOptions, int?> get,
        Func<PretrainOptions, int, PretrainOptions> set, NumberRange range, bool mayChangeOnResume = false, ContrastiveMethod? onlyFor = null, Func<int, string?>? special = null) =>
        new PretrainOption<int>(name, description, defaultText, OptionValue.Integer, Getter(get),
            set, v => special?.Invoke(v) ?? range.Problem(v))
        { MayChangeOnResume = mayChangeOnResume, OnlyFor = onlyFor, Range = range };

    private static PretrainOption Real(string name, string description, string defaultText, Func<PretrainOptions, double?> get,
        Func<PretrainOptions, double, PretrainOptions> set, NumberRange range, ContrastiveMethod? onlyFor = null, bool mayChangeOnResume = false) =>
        new PretrainOption<double>(name, description, defaultText, OptionValue.Real, Getter(get), set, range.Problem) { MayChangeOnResume = mayChangeOnResume, OnlyFor = onlyFor, Range = range };

    private static PretrainOption Choice<T>(string name, string description, string defaultText, Func<PretrainOptions, T?> get,
        Func<PretrainOptions, T, PretrainOptions> set, ContrastiveMethod? onlyFor = null)
        where T : struct, Enum =>
        new PretrainOption<T>(name, description, defaultText, OptionValue.Choice<T>(), Getter(get), set, v => GivenOption.Problem(v, $"--{name}")) { OnlyFor = onlyFor };

    private static PretrainOption<T>.Getter Getter<T>(Func<PretrainOptions, T?> get)
        where T : struct => (PretrainOptions o, out T v) =>
        {
            T? current = get(o);
            v = current.GetValueOrDefault();
            return current.HasValue;
        };

    private static string? Device(string value) => ComputeDevice.IsName(value) ? null : "must be cpu, cuda, cuda:N or auto";
}
