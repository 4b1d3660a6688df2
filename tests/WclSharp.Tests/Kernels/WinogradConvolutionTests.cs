using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Winograd's convolution against libtorch's direct one in float64.</summary>
public sealed class WinogradConvolutionTests
{
    [Theory]
    [InlineData(2, 64, 64, 4, 4)]
    [InlineData(3, 64, 72, 32, 32)]
    [InlineData(9, 64, 64, 32, 32)]   // in the cache, where the processor can
    [InlineData(11, 64, 128, 13, 6)]
    [InlineData(10, 160, 96, 8, 8)]
    [InlineData(5, 96, 64, 7, 9)]
    [InlineData(1, 72, 80, 3, 5)]
    [InlineData(130, 64, 64, 14, 14)] // several chunks, where the processor cannot
    [InlineData(130, 72, 72, 14, 14)] // several chunks by libtorch's products, on any processor
    [InlineData(70, 256, 256, 8, 8)]  // several chunks, where it can
    [InlineData(3, 256, 512, 4, 4)]   // one chunk, kernels made on the way
    public void Apply_AgreesWithADirectConvolution(int images, int inChannels, int outChannels, int height, int width)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(7);
        var input = ChannelsLast.Of(randn([images, inChannels, height, width], generator: random)).requires_grad_();
        var weight = ChannelsLast.Of(randn([outChannels, inChannels, 3, 3], generator: random)).requires_grad_();
        var outputGradient = randn([images, outChannels, height, width], generator: random);
        Assert.True(WinogradConvolution.Suits(input, weight));

        var output = WinogradConvolution.Apply(input, weight, roundTiles: false);
        output.backward([outputGradient]);

        var (exact, exactInputGradient, exactWeightGradient) = Exactly(input, weight, outputGradient);
        Assert.Equal(exact.shape, output.shape);
        Assert.True(output.permute(0, 2, 3, 1).is_contiguous());
        Assert.InRange(RelativeError.Of(exact, output), 0, 2e-5);
        Assert.InRange(RelativeError.Of(exactInputGradient, input.grad!), 0, 2e-5);
        Assert.InRange(RelativeError.Of(exactWeightGradient, weight.grad!), 0, 2e-5);
    }

    [Theory]
    [InlineData(3, 32, 64, 32, 32)]
    [InlineData(9, 64, 64, 32, 32)]    // several blocks an image
    [InlineData(11, 64, 128, 13, 9)]   // tiles that hang over, images that end within a block
    [InlineData(10, 160, 96, 8, 8)]
    [InlineData(70, 256, 256, 8, 8)]   // several chunks
    [InlineData(3, 256, 512, 4, 4)]    // one chunk, kernels made on the way
    public void Apply_OfBFloat16_AgreesWithADirectConvolution_ButForItsRounding(int images, int inChannels, int outChannels, int height, int width)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(7);
        var input = ChannelsLast.Of(randn([images, inChannels, height, width], generator: random).to(ScalarType.BFloat16)).requires_grad_();
        var weight = ChannelsLast.Of(randn([outChannels, inChannels, 3, 3], generator: random)).requires_grad_();
        var outputGradient = randn([images, outChannels, height, width], generator: random).to(ScalarType.BFloat16);
        Assert.Equal(MatrixKernel.IsSupported && !CpuFeatures.HasAmxBf16, WinogradConvolution.Suits(input, weight)); // elsewhere right, but not faster

        var output = WinogradConvolution.Apply(input, weight, roundTiles: false);
        output.backward([outputGradient]);

        var (exact, exactInputGradient, exactWeightGradient) = Exactly(input, weight, outputGradient);
        Assert.Equal(ScalarType.BFloat16, output.dtype);
        Assert.Equal(ScalarType.BFloat16, input.grad!.dtype);
        Assert.Equal(ScalarType.Float32, weight.grad!.dtype);
        // One rounding to 8 binary digits is 2^-8 of a number at most, and there is no more than that.
        Assert.InRange(RelativeError.Of(exact, output), 0, 1.01 / 256);
        Assert.InRange(RelativeError.Of(exactInputGradient, input.grad!), 0, 1.01 / 256);
        Assert.InRange(RelativeError.Of(exactWeightGradient, weight.grad!), 0, 3e-5); // float32 throughout
    }

    [Theory]
    [InlineData(3, 32, 64, 32, 32)]
    [InlineData(9, 64, 64, 32, 32)]    // several blocks an image
    [InlineData(11, 64, 128, 13, 9)]   // tiles that hang over, images that end within a block, an odd number of tiles
    [InlineData(10, 160, 96, 8, 8)]
    [InlineData(70, 256, 256, 8, 8)]   // several chunks
    [InlineData(3, 256, 512, 4, 4)]    // one chunk of an odd number of tiles, kernels made on the way
    [InlineData(65, 256, 512, 5, 4)]
    public void Apply_WithRoundedTiles_AgreesWithinTheirRounding(int images, int inChannels, int outChannels, int height, int width)
    {
        SkipUnlessThereAre(roundedTiles: true);
        using var scope = NewDisposeScope();
        var random = new Generator(7);
        var input = ChannelsLast.Of(randn([images, inChannels, height, width], generator: random).to(ScalarType.BFloat16)).requires_grad_();
        var weight = ChannelsLast.Of(randn([outChannels, inChannels, 3, 3], generator: random)).requires_grad_();
        var outputGradient = randn([images, outChannels, height, width], generator: random).to(ScalarType.BFloat16);

        var output = WinogradConvolution.Apply(input, weight, roundTiles: true);
        output.backward([outputGradient]);

        var (exact, exactInputGradient, exactWeightGradient) = Exactly(input, weight, outputGradient);
        foreach (var (expected, actual) in new[] { (exact, output), (exactInputGradient, input.grad!), (exactWeightGradient, weight.grad!) })
        {
            double error = ((actual.to(ScalarType.Float64) - expected).square().mean().sqrt() / expected.square().mean().sqrt()).ToDouble();
            Assert.InRange(error, 1e-3, 0.025); // rounded indeed, and no more
        }
    }

    /// <summary>libtorch's direct convolution in float64: the output, and the gradients of input and weight.</summary>
    private static (Tensor Output, Tensor InputGradient, Tensor WeightGradient) Exactly(Tensor input, Tensor weight, Tensor outputGradient)
    {
        var exactInput = input.detach().to(ScalarType.Float64).requires_grad_();
        var exactWeight = weight.detach().to(ScalarType.Float64).requires_grad_();
        var output = nn.functional.conv2d(exactInput, exactWeight, padding: [1, 1]);
        output.backward([outputGradient.to(ScalarType.Float64)]);
        return (output, exactInput.grad!, exactWeight.grad!);
    }

    [Fact]
    public void Suits_WhereTilesStayInTheCache_TakesFewerChannels()
    {
        int fewest = MatrixKernel.IsSupported ? 32 : 64;
        for (int channels = 8; channels <= 128; channels *= 2)
        {
            using var input = zeros([2, channels, 8, 8]);
            using var weight = zeros([channels, channels, 3, 3]);
            Assert.Equal(channels >= fewest, WinogradConvolution.Suits(input, weight));
        }

        Assert.Equal(MatrixKernel.IsSupported, WinogradConvolution.IsInCache(32, 32, backward: true));
    }

    /// <summary>The types of images and whether tiles are rounded: what is computed in each case is code of its own.</summary>
    public static TheoryData<ScalarType, bool> Kinds => new() { { ScalarType.Float32, false }, { ScalarType.BFloat16, false }, { ScalarType.BFloat16, true } };

    private static void SkipUnlessThereAre(bool roundedTiles)
    {
        if (roundedTiles) Assert.SkipUnless(PairKernel.IsSupported, "needs AVX-512's dot products of bfloat16 at a whole register's rate");
    }

    [Fact]
    public void Apply_WhereRoundedTilesAreNoFaster_DoesNotRoundThem()
    {
        Assert.SkipWhen(PairKernel.IsSupported, "this processor has fast dot products of bfloat16");
        using var scope = NewDisposeScope();
        var random = new Generator(8);
        var input = ChannelsLast.Of(randn([3, 64, 8, 8], generator: random).to(ScalarType.BFloat16));
        var weight = ChannelsLast.Of(randn([64, 64, 3, 3], generator: random));
        Assert.True(WinogradConvolution.Apply(input, weight, roundTiles: true).equal(WinogradConvolution.Apply(input, weight, roundTiles: false)).all().ToBoolean());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Apply_OnOneThread_GivesTheSameBits(ScalarType type, bool roundTiles)
    {
        SkipUnlessThereAre(roundTiles);
        using var scope = NewDisposeScope();
        var random = new Generator(3);
        var input = ChannelsLast.Of(randn([19, 64, 12, 12], generator: random).to(type)).requires_grad_();
        var weight = ChannelsLast.Of(randn([64, 64, 3, 3], generator: random)).requires_grad_();
        int threads = get_num_threads();
        try
        {
            set_num_threads(4); // whatever the machine has
            var many = Gradients();
            set_num_threads(1);
            foreach (var (a, b) in many.Zip(Gradients())) Assert.True(a.allclose(b, MatrixKernel.IsSupported ? 0 : 1e-4, MatrixKernel.IsSupported ? 0 : 1e-4));
        }
        finally
        {
            set_num_threads(threads);
        }

        Tensor[] Gradients()
        {
            input.grad = weight.grad = null;
            var output = WinogradConvolution.Apply(input, weight, roundTiles);
            output.square().sum().backward();
            return [output.detach(), input.grad!.clone(), weight.grad!.clone()];
        }
    }

    [Theory]
    [InlineData(16, 64, 8, 8)]  // too few channels to pay
    [InlineData(64, 65, 8, 8)]  // not whole vectors
    [InlineData(64, 64, 2, 8)]  // nearly all of a tile would hang over
    public void Suits_OtherShapes_IsFalse(int inChannels, int outChannels, int height, int width)
    {
        using var input = zeros([2, inChannels, height, width]);
        using var weight = zeros([outChannels, inChannels, 3, 3]);
        Assert.False(WinogradConvolution.Suits(input, weight));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Apply_CalledAgain_GivesTheSameBits(ScalarType type, bool roundTiles)
    {
        SkipUnlessThereAre(roundTiles);
        using var scope = NewDisposeScope();
        var random = new Generator(4);
        var input = ChannelsLast.Of(randn([37, 64, 16, 16], generator: random).to(type)).requires_grad_();
        var weight = ChannelsLast.Of(randn([64, 64, 3, 3], generator: random)).requires_grad_();
        var first = Gradients();
        for (int i = 0; i < 5; i++)
            foreach (var (a, b) in first.Zip(Gradients())) Assert.True(a.allclose(b, 0, 0));

        Tensor[] Gradients()
        {
            input.grad = weight.grad = null;
            var output = WinogradConvolution.Apply(input, weight, roundTiles);
            output.square().sum().backward();
            return [output.detach(), input.grad!.clone(), weight.grad!.clone()];
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Apply_WithoutAGraph_GivesTheSameBits(ScalarType type, bool roundTiles)
    {
        SkipUnlessThereAre(roundTiles);
        using var scope = NewDisposeScope();
        var random = new Generator(5);
        var input = ChannelsLast.Of(randn([5, 64, 9, 9], generator: random).to(type)).requires_grad_();
        var weight = ChannelsLast.Of(randn([64, 64, 3, 3], generator: random)).requires_grad_();
        var expected = WinogradConvolution.Apply(input, weight, roundTiles);
        using var noGradient = no_grad();
        var actual = WinogradConvolution.Apply(input, weight, roundTiles);
        Assert.False(actual.requires_grad);
        Assert.True(actual.allclose(expected, 0, 0));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Steps_LeaveNoTensorBehind(ScalarType type, bool roundTiles)
    {
        SkipUnlessThereAre(roundTiles);
        using var random = new Generator(6);
        using var weight = ChannelsLast.Of(randn([64, 64, 3, 3], generator: random)).requires_grad_();
        using var input = ChannelsLast.Of(randn([2, 64, 8, 8], generator: random).to(type)).requires_grad_();
        LiveTensors.OnOwnThread(() =>
        {
            Step(); // the workspace that it may have to make stays
            long once = LiveTensors.Count;
            for (int i = 0; i < 20; i++) Step();
            Assert.Equal(once, LiveTensors.Count);
        });

        void Step()
        {
            using var scope = NewDisposeScope();
            WinogradConvolution.Apply(WinogradConvolution.Apply(input, weight, roundTiles), weight, roundTiles).sum().backward();
            weight.grad = null;
            input.grad = null;
            AutogradMemory.FreeReturned();
        }
    }
}
