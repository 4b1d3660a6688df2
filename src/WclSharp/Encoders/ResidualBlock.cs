using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Kernels;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>Residual block of two 3 x 3 convolutions (He et al. 2016, figure 5 left). Names are torchvision's.</summary>
internal sealed class BasicBlock : nn.Module<Tensor, Tensor>
{
    public const int Expansion = 1;
    // Declared in torchvision's order, which is the order of parameters.
    private readonly Convolution conv1;
    private readonly BatchNorm2d bn1;
    private readonly Convolution conv2;
    private readonly BatchNorm2d bn2;
    private readonly Sequential? downsample;

    public BasicBlock(int inChannels, int channels, int stride, ParameterInitializer random) : base(nameof(BasicBlock))
    {
        conv1 = new Convolution(inChannels, channels, 3, stride, random);
        bn1 = nn.BatchNorm2d(channels);
        conv2 = new Convolution(channels, channels, 3, 1, random);
        bn2 = nn.BatchNorm2d(channels);
        downsample = Shortcut.Create(inChannels, channels, stride, random);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var y = Activation.Of(bn1, conv1.call(x));
        return Activation.Of(bn2, conv2.call(y), Shortcut.Of(downsample, x)).MoveToOuterDisposeScope();
    }
}

/// <summary>Residual block of 1 x 1, 3 x 3 and 1 x 1 convolutions, the stride in the 3 x 3 one (figure 5 right, "v1.5"). Names are torchvision's.</summary>
internal sealed class Bottleneck : nn.Module<Tensor, Tensor>
{
    public const int Expansion = 4;
    private readonly Convolution conv1;
    private readonly BatchNorm2d bn1;
    private readonly Convolution conv2;
    private readonly BatchNorm2d bn2;
    private readonly Convolution conv3;
    private readonly BatchNorm2d bn3;
    private readonly Sequential? downsample;

    public Bottleneck(int inChannels, int channels, int stride, ParameterInitializer random) : base(nameof(Bottleneck))
    {
        conv1 = new Convolution(inChannels, channels, 1, 1, random);
        bn1 = nn.BatchNorm2d(channels);
        conv2 = new Convolution(channels, channels, 3, stride, random);
        bn2 = nn.BatchNorm2d(channels);
        conv3 = new Convolution(channels, channels * Expansion, 1, 1, random);
        bn3 = nn.BatchNorm2d(channels * Expansion);
        downsample = Shortcut.Create(inChannels, channels * Expansion, stride, random);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var y = Activation.Of(bn1, conv1.call(x));
        y = Activation.Of(bn2, conv2.call(y));
        return Activation.Of(bn3, conv3.call(y), Shortcut.Of(downsample, x)).MoveToOuterDisposeScope();
    }
}

/// <summary>The path around a residual block: identity, or a strided 1 x 1 convolution where the shape changes.</summary>
internal static class Shortcut
{
    public static Sequential? Create(int inChannels, int outChannels, int stride, ParameterInitializer random) =>
        stride == 1 && inChannels == outChannels
            ? null
            : nn.Sequential(("0", new Convolution(inChannels, outChannels, 1, stride, random)), ("1", nn.BatchNorm2d(outChannels)));

    public static Tensor Of(Sequential? downsample, Tensor x) => downsample is null ? x : downsample.call(x);
}

/// <summary>relu(batch norm(x) + residual), what follows every convolution but those of shortcuts.</summary>
internal static class Activation
{
    public static Tensor Of(BatchNorm2d norm, Tensor x, Tensor? residual = null)
    {
        if (BatchNormReLU.Suits(norm, x)) return BatchNormReLU.Apply(norm, x, residual);
        // In batch norm's own output: its backward reads its input.
        var y = norm.call(x);
        return nn.functional.relu(residual is null ? y : y.add_(residual), inplace: true);
    }
}
