using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>
/// ResNet-18/34/50/101 without its classifier (He et al. 2016), with torchvision's parameter names, order and
/// initialisation, so that weights go to and from PyTorch unchanged (<c>fc</c> aside).
/// </summary>
/// <remarks>
/// A forward pass serves one backward pass: what it saved is gone after that, also with <c>retain_graph</c>. On a processor an error within a backward pass, such as a second one
/// or memory that runs out, cannot be caught: it is written to standard error, and libtorch may end the process; <see cref="Losses.Backpropagation"/> throws it. There are no second derivatives (<c>create_graph</c>) there but in float64, which takes libtorch's operators.
/// <para>
/// Kernels lie in memory with channels last, which TorchSharp's <c>save</c>, and <c>save_state_dict</c> of an optimiser of such weights, refuse (0.107: "non-contiguous tensor"), and the file
/// of that name is lost. <see cref="ImageEncoder.Save"/> writes a network and <see cref="Load"/> reads it.
/// </para>
/// </remarks>
public sealed class ResNet : nn.Module<Tensor, Tensor>
{
    private const int LargestWidth = 1930; // 9 (8 width)^2 numbers of the largest weight are below 2^31

    private readonly Convolution conv1;
    private readonly BatchNormalization bn1;
    private readonly Sequential layer1, layer2, layer3, layer4;
    private ScalarType computeType = ScalarType.Float32;

    /// <summary>Builds a network with fresh weights.</summary>
    /// <param name="arch">Depth.</param>
    /// <param name="width">Channels of the first stage, 1 to 1,930; 64 is the standard network, and up to 512 can be saved.</param>
    /// <param name="stem">First layers.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <exception cref="ArgumentException">There is no such depth or stem, or the width is out of range.</exception>
    public ResNet(EncoderArch arch, int width, EncoderStem stem, long seed) : this(arch, width, stem, new ParameterInitializer(seed)) { }

    internal ResNet(EncoderArch arch, int width, EncoderStem stem, ParameterInitializer random) : base(nameof(ResNet))
    {
        if (width < 1) throw new ArgumentException($"Width {width} is too small; use 1 or more (64 is the standard network).", nameof(width));
        if (width > LargestWidth) throw new ArgumentException(FormattableString.Invariant($"Width {width:N0} is too large; use up to {LargestWidth:N0} (64 is the standard network)."), nameof(width));
        if (!Enum.IsDefined(stem)) throw new ArgumentOutOfRangeException(nameof(stem), stem, "No stem that is built here.");
        Stem = stem;
        Architecture = arch;
        Width = width;
        var (blocks, bottleneck) = BlocksOf(arch);

        conv1 = stem == EncoderStem.Small ? new Convolution(3, width, 3, 1, random) : new Convolution(3, width, 7, 2, random);
        bn1 = new BatchNormalization(width);
        int channels = width;
        layer1 = Stage(blocks[0], width, 1);
        layer2 = Stage(blocks[1], width * 2, 2);
        layer3 = Stage(blocks[2], width * 4, 2);
        layer4 = Stage(blocks[3], width * 8, 2);
        FeatureSize = channels;
        RegisterComponents();

        Sequential Stage(int count, int stageChannels, int stride)
        {
            var stage = nn.Sequential();
            for (int i = 0; i < count; i++)
            {
                int blockStride = i == 0 ? stride : 1;
                nn.Module<Tensor, Tensor> block = bottleneck
                    ? new Bottleneck(channels, stageChannels, blockStride, random)
                    : new BasicBlock(channels, stageChannels, blockStride, random);
                stage.append(i.ToString(System.Globalization.CultureInfo.InvariantCulture), block);
                channels = stageChannels * (bottleneck ? Bottleneck.Expansion : BasicBlock.Expansion);
            }
            return stage;
        }
    }

    /// <summary>Reads a network, to train on or to build on: that of a run, or one that <see cref="ImageEncoder.Save"/> wrote.</summary>
    /// <param name="source">A run folder, or an <c>encoder.safetensors</c>.</param>
    /// <returns>The network in training mode, float32 on the CPU. The caller owns it.</returns>
    /// <exception cref="WclUsageException">There is no encoder there, or its file does not say how it was made.</exception>
    public static ResNet Load(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        Native.TorchRuntime.EnsureLoaded();
        return EncoderWeights.ReadNetwork(source).Network;
    }

    /// <summary>Blocks of each stage, and whether they are bottlenecks.</summary>
    internal static (int[] Blocks, bool Bottleneck) BlocksOf(EncoderArch arch) => arch switch
    {
        EncoderArch.ResNet18 => ([2, 2, 2, 2], false),
        EncoderArch.ResNet34 => ([3, 4, 6, 3], false),
        EncoderArch.ResNet50 => ([3, 4, 6, 3], true),
        EncoderArch.ResNet101 => ([3, 4, 23, 3], true),
        _ => throw new ArgumentOutOfRangeException(nameof(arch), arch, "Not a ResNet that is built here."),
    };

    /// <summary>Depth.</summary>
    public EncoderArch Architecture { get; }

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; }

    /// <summary>First layers.</summary>
    public EncoderStem Stem { get; }

    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize { get; }

    /// <summary>Number format of the convolutions, float32 or bfloat16; weights, statistics and features stay float32. Float64 is for a network whose weights are float64, to check numbers by.</summary>
    /// <exception cref="ArgumentException">It is none of these.</exception>
    public ScalarType ComputeType
    {
        get => computeType;
        set => computeType = value is ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16
            ? value
            : throw new ArgumentException($"{value} is not a compute type; use Float32, BFloat16 or Float64.", nameof(value));
    }

    /// <summary>Whether Winograd's tiles may be rounded to bfloat16 in training; off at first.</summary>
    internal bool RoundsTiles
    {
        set
        {
            foreach (var convolution in modules().OfType<Convolution>()) convolution.RoundsTiles = value;
        }
    }

    /// <summary>Whether the weights are gone.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>Frees the weights.</summary>
    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }

    /// <summary>Features of images.</summary>
    /// <param name="x">[N, 3, H, W] float32, normalised; N, H and W of 1 or more, any strides.</param>
    /// <returns>[N, <see cref="FeatureSize"/>] float32, the global average pool of the last stage. The caller owns it.</returns>
    /// <exception cref="ArgumentException">It is of another shape, or not of floating point.</exception>
    /// <exception cref="ObjectDisposedException">The network was disposed of.</exception>
    public override Tensor forward(Tensor x)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 4 || (training && x.size(0) == 0) || x.size(1) != 3 || x.size(2) == 0 || x.size(3) == 0 || !x.is_floating_point())
            throw new ArgumentException($"Images are {ShapeText.Of(x)} {x.dtype}; expected [N, 3, H, W] of floating point, H and W of 1 or more, and N in training.", nameof(x));
        OpenMp.ForbidFewerThreads();
        using var scope = NewDisposeScope();
        var y = ChannelsLast.Of(x.to(computeType));
        y = bn1.Activate(conv1.call(y));
        if (Stem == EncoderStem.ImageNet) y = nn.functional.max_pool2d(y, 3, 2, 1);
        y = layer4.call(layer3.call(layer2.call(layer1.call(y))));   // [N, FeatureSize, h, w]
        if (computeType == ScalarType.BFloat16) y = y.to(ScalarType.Float32); // the mean over places in float32
        return y.mean([2, 3]).MoveToOuterDisposeScope();
    }
}
