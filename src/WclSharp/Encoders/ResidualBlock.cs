using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>Residual block of two 3 x 3 convolutions (He et al. 2016, figure 5 left). Names are torchvision's.</summary>
/// <remarks>Two operators read the block's input. docs/kernels.md draws how their gradients come together in a <see cref="GradientSum"/>, and says when they do.</remarks>
internal sealed class BasicBlock : nn.Module<Tensor, Tensor>
{
    public const int Expansion = 1;
    // Declared in torchvision's order, which is the order of parameters.
    private readonly Convolution conv1;
    private readonly BatchNormalization bn1;
    private readonly Convolution conv2;
    private readonly BatchNormalization bn2;
    private readonly Shortcut? downsample;

    public BasicBlock(int inChannels, int channels, int stride, ParameterInitializer random) : base(nameof(BasicBlock))
    {
        conv1 = new Convolution(inChannels, channels, 3, stride, random);
        bn1 = new BatchNormalization(channels);
        conv2 = new Convolution(channels, channels, 3, 1, random);
        bn2 = new BatchNormalization(channels);
        downsample = Shortcut.Create(inChannels, channels, stride, random);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var sum = GradientSum.Of(x); // x has two readers: conv1, and the path around the block
        conv1.GradientSum = sum;
        var y = bn1.Activate(conv1.call(x));
        y = conv2.call(y);
        return (downsample is null ? bn2.Activate(y, x, sum) : downsample.Join(bn2, y, x, sum)).MoveToOuterDisposeScope();
    }
}

/// <summary>Residual block of 1 x 1, 3 x 3 and 1 x 1 convolutions, the stride in the 3 x 3 one (figure 5 right, "v1.5"). Names are torchvision's.</summary>
/// <remarks>The gradient of its input: see <see cref="BasicBlock"/>.</remarks>
internal sealed class Bottleneck : nn.Module<Tensor, Tensor>
{
    public const int Expansion = 4;
    private readonly Convolution conv1;
    private readonly BatchNormalization bn1;
    private readonly Convolution conv2;
    private readonly BatchNormalization bn2;
    private readonly Convolution conv3;
    private readonly BatchNormalization bn3;
    private readonly Shortcut? downsample;

    public Bottleneck(int inChannels, int channels, int stride, ParameterInitializer random) : base(nameof(Bottleneck))
    {
        conv1 = new Convolution(inChannels, channels, 1, 1, random);
        bn1 = new BatchNormalization(channels);
        conv2 = new Convolution(channels, channels, 3, stride, random);
        bn2 = new BatchNormalization(channels);
        conv3 = new Convolution(channels, channels * Expansion, 1, 1, random);
        bn3 = new BatchNormalization(channels * Expansion);
        downsample = Shortcut.Create(inChannels, channels * Expansion, stride, random);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var sum = GradientSum.Of(x); // x has two readers: conv1, and the path around the block
        conv1.GradientSum = sum;
        var y = bn1.Activate(conv1.call(x));
        y = bn2.Activate(conv2.call(y));
        y = conv3.call(y);
        return (downsample is null ? bn3.Activate(y, x, sum) : downsample.Join(bn3, y, x, sum)).MoveToOuterDisposeScope();
    }
}

/// <summary>The path around a residual block where the shape changes: a strided 1 x 1 convolution and batch norm. Names are torchvision's.</summary>
internal sealed class Shortcut : nn.Module
{
    private readonly Convolution convolution;
    private readonly BatchNormalization norm;

    private Shortcut(int inChannels, int outChannels, int stride, ParameterInitializer random) : base(nameof(Shortcut))
    {
        convolution = new Convolution(inChannels, outChannels, 1, stride, random);
        norm = new BatchNormalization(outChannels);
        register_module("0", convolution);
        register_module("1", norm);
    }

    /// <summary>The path, or null where it is the identity.</summary>
    public static Shortcut? Create(int inChannels, int outChannels, int stride, ParameterInitializer random) =>
        stride == 1 && inChannels == outChannels ? null : new Shortcut(inChannels, outChannels, stride, random);

    /// <summary>Computes the path and adds it to the block's own: relu(batch norm(y) + batch norm(convolution(x))).</summary>
    /// <param name="last">The block's last batch norm.</param>
    /// <param name="y">The output of the block's last convolution, [N, C, H, W]; may be overwritten.</param>
    /// <param name="x">The block's input.</param>
    /// <param name="sum">Sums the gradient of x; null leaves that to autograd.</param>
    public Tensor Join(BatchNormalization last, Tensor y, Tensor x, GradientSum? sum)
    {
        convolution.GradientSum = sum;
        using var around = convolution.call(x);
        return last.Join(y, around, norm);
    }
}
