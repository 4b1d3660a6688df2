using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Encoders;

public class ResNetTests
{
    // Weights of torchvision's networks without fc (counted from its published totals, less the classifier's).
    [Theory]
    [InlineData(EncoderArch.ResNet18, 11_689_512 - 513_000, 512)]
    [InlineData(EncoderArch.ResNet34, 21_797_672 - 513_000, 512)]
    [InlineData(EncoderArch.ResNet50, 25_557_032 - 2_049_000, 2048)]
    [InlineData(EncoderArch.ResNet101, 44_549_160 - 2_049_000, 2048)]
    public void Parameters_OfTheStandardNetworks_AreTorchvisions(EncoderArch arch, long weights, int features)
    {
        using var net = new ResNet(arch, 64, EncoderStem.ImageNet, seed: 0);
        Assert.Equal(weights, net.parameters().Sum(p => p.numel()));
        Assert.Equal(features, net.FeatureSize);
    }

    [Fact]
    public void StateDict_HasTorchvisionsNames()
    {
        using var net = new ResNet(EncoderArch.ResNet18, 8, EncoderStem.ImageNet, seed: 0);
        var names = net.state_dict().Keys.ToHashSet();
        foreach (string expected in (string[])["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
            "layer1.0.conv1.weight", "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias"])
            Assert.Contains(expected, names);
        Assert.Equal(120, names.Count); // 122 of torchvision's resnet18 less fc.weight and fc.bias
    }

    [Fact]
    public void Initialisation_IsKaimingFanOut()
    {
        using var scope = NewDisposeScope();
        using var net = new ResNet(EncoderArch.ResNet18, 64, EncoderStem.ImageNet, seed: 3);
        var weight = net.named_parameters().Single(p => p.name == "layer3.1.conv2.weight").parameter;
        double expected = Math.Sqrt(2.0 / (256 * 9));
        Assert.Equal(expected, weight.std().ToDouble(), expected * 0.01);
        Assert.Equal(0, weight.mean().ToDouble(), expected * 0.01);
    }

    [Fact]
    public void Initialisation_MayBeThatOfPyTorchsConv2d()
    {
        using var scope = NewDisposeScope();
        var weight = new ParameterInitializer(3, ConvInit.PyTorch).Convolution(inChannels: 128, outChannels: 256, kernel: 3);
        double bound = Math.Sqrt(1.0 / (128 * 9));
        Assert.Equal([256, 128, 3, 3], weight.shape);
        Assert.Equal(bound / Math.Sqrt(3), weight.std().ToDouble(), bound * 0.01);
        Assert.InRange(weight.abs().max().ToDouble(), 0.999 * bound, bound);
    }

    [Theory]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small, 32)]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small, 28)]
    [InlineData(EncoderArch.ResNet50, EncoderStem.ImageNet, 64)]
    public void Forward_ReturnsOneFeatureRowAnImage(EncoderArch arch, EncoderStem stem, int size)
    {
        using var scope = NewDisposeScope();
        using var net = new ResNet(arch, 8, stem, seed: 0);
        var y = net.call(ones(4, 3, size, size));
        Assert.Equal(new long[] { 4, net.FeatureSize }, y.shape);
        Assert.Equal(ScalarType.Float32, y.dtype);
    }

    [Fact]
    public void Forward_InBf16_IsCloseToFloat32()
    {
        using var scope = NewDisposeScope();
        using var net = new ResNet(EncoderArch.ResNet18, 8, EncoderStem.Small, seed: 0);
        net.eval();
        using var noGradient = no_grad();
        var x = new WclSharp.Randomness.ParameterInitializer(5).Normal([8, 3, 32, 32], 1);
        var exact = net.call(x);
        net.ComputeType = ScalarType.BFloat16;
        var half = net.call(x);
        Assert.Equal(ScalarType.Float32, half.dtype);
        double error = (half - exact).norm().ToDouble() / exact.norm().ToDouble();
        Assert.InRange(error, 1e-6, 0.03);
    }

    [Fact]
    public void ForwardAndBackward_LeaveNoTensorBehind()
    {
        using var net = new ResNet(EncoderArch.ResNet18, 8, EncoderStem.Small, seed: 0);
        using var x = ones(4, 3, 16, 16);
        Step();
        Step();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++) Step();
        });

        void Step()
        {
            using var scope = NewDisposeScope();
            foreach (var p in net.parameters()) p.grad = null;
            net.call(x).sum().backward();
            AutogradMemory.FreeReturned();
        }
    }

    [Fact]
    public void Forward_OfWhatIsNoImages_IsRefusedWithItsShape()
    {
        using var scope = NewDisposeScope();
        using var net = new ResNet(EncoderArch.ResNet18, 4, EncoderStem.Small, seed: 1);
        Assert.Throws<ArgumentNullException>("x", () => net.call(null!));
        foreach (long[] shape in (long[][])[[3, 8, 8], [2, 1, 8, 8], [0, 3, 8, 8], [2, 3, 0, 8]])
            Assert.Contains($"Images are [{string.Join(", ", shape)}] Float32; expected [N, 3, H, W]", Assert.Throws<ArgumentException>("x", () => net.call(zeros(shape))).Message, StringComparison.Ordinal);
        Assert.Contains("[2, 3, 8, 8] Byte", Assert.Throws<ArgumentException>("x", () => net.call(zeros([2, 3, 8, 8], dtype: ScalarType.Byte))).Message, StringComparison.Ordinal); // not normalised
    }

    [Theory]
    [InlineData(0, "Width 0 is too small"), InlineData(1931, "Width 1,931 is too large; use up to 1,930"), InlineData(int.MaxValue, "Width 2,147,483,647 is too large")]
    public void Width_ThatCannotBe_IsRefused(int width, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>("width", () => new ResNet(EncoderArch.ResNet18, width, EncoderStem.Small, seed: 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Load_OfNoPath_SaysWhatToGive()
    {
        foreach (string path in new[] { "", "a\0b" })
        {
            Action[] calls = [() => ResNet.Load(path), () => ImageEncoder.Load(path), () => ImageClassifier.Load(path)];
            Assert.All(calls, call => Assert.StartsWith("The path of the ", Assert.Throws<WclUsageException>(call).Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void ComputeType_ThatIsNone_IsRefusedWithThoseThatAre()
    {
        using var net = new ResNet(EncoderArch.ResNet18, 4, EncoderStem.Small, seed: 1);
        Assert.Contains("use Float32, BFloat16 or Float64", Assert.Throws<ArgumentException>(() => net.ComputeType = ScalarType.Float16).Message, StringComparison.Ordinal);
    }
}
