using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Batch norm, residual and ReLU in one operator against libtorch's three in float64.</summary>
public sealed class FusedBatchNormTests
{
    [Theory]
    [InlineData(2, 16, 3, 5, false)]
    [InlineData(2, 16, 3, 5, true)]
    [InlineData(64, 48, 13, 9, false)]
    [InlineData(64, 48, 13, 9, true)]
    [InlineData(16, 512, 1, 1, true)]
    [InlineData(40, 16, 32, 32, false)]
    [InlineData(32, 16, 112, 112, true)] // many rows to a sum; written past the caches
    [InlineData(33, 48, 32, 32, false)]  // written past the caches
    public void Apply_InTraining_AgreesWithSeparateOperators(int images, int channels, int height, int width, bool residual)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(11);
        long[] shape = [images, channels, height, width];
        // Far from zero, where careless sums lose digits.
        var x = ChannelsLast.Of(randn(shape, generator: random).mul(3).add(randn([1, channels, 1, 1], generator: random).mul(50))).requires_grad_();
        var added = residual ? ChannelsLast.Of(randn(shape, generator: random)).requires_grad_() : null;
        var gradient = randn(shape, generator: random);
        var norm = Start(new BatchNormalization(channels));
        var exactNorm = Start(nn.BatchNorm2d(channels, dtype: ScalarType.Float64));
        Assert.True(FusedBatchNorm.Suits(norm, x));

        var y = FusedBatchNorm.Apply(norm, x, added);
        y.backward([gradient]);

        var exactX = x.detach().to(ScalarType.Float64).requires_grad_();
        var exactAdded = added?.detach().to(ScalarType.Float64).requires_grad_();
        var sum = exactNorm.call(exactX);
        var exact = nn.functional.relu(exactAdded is null ? sum : sum + exactAdded);
        exact.backward([gradient.to(ScalarType.Float64)]);

        Close(exact, y, 2e-5);
        Close(exactX.grad!, x.grad!, 2e-5);
        if (residual) Close(exactAdded!.grad!, added!.grad!, 1e-6);
        Close(exactNorm.weight!.grad!, norm.weight!.grad!, 2e-5);
        Close(exactNorm.bias!.grad!, norm.bias!.grad!, 2e-5);
        Close(exactNorm.running_mean!, norm.running_mean!, 1e-6);
        Close(exactNorm.running_var!, norm.running_var!, 1e-5);
        Assert.Equal(1, Counted(norm));

        T Start<T>(T made) where T : BatchNorm
        {
            var start = new Generator(3);
            using var noGradient = no_grad();
            made.weight!.copy_(randn([channels], generator: start));
            made.bias!.copy_(randn([channels], generator: start));
            return made;
        }
    }

    [Theory]
    [InlineData(false, 9)]
    [InlineData(true, 9)]
    [InlineData(false, 96)] // written past the caches
    [InlineData(true, 96)]
    public void Apply_InBFloat16_AgreesWithSeparateOperators(bool residual, int side)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(12);
        long[] shape = [8, 32, side, side];
        var x = ChannelsLast.Of(randn(shape, generator: random).to(ScalarType.BFloat16)).requires_grad_();
        var added = residual ? ChannelsLast.Of(randn(shape, generator: random).to(ScalarType.BFloat16)).requires_grad_() : null;
        var gradient = randn(shape, generator: random).to(ScalarType.BFloat16);
        var norm = new BatchNormalization(32);

        var y = FusedBatchNorm.Apply(norm, x, added);
        y.backward([gradient]);

        var exactX = x.detach().to(ScalarType.Float64).requires_grad_();
        var exactNorm = nn.BatchNorm2d(32, dtype: ScalarType.Float64);
        var sum = exactNorm.call(exactX);
        var exact = nn.functional.relu(residual ? sum + added!.detach().to(ScalarType.Float64) : sum);
        exact.backward([gradient.to(ScalarType.Float64)]);

        Assert.Equal(ScalarType.BFloat16, y.dtype);
        // A bfloat16 has 8 binary digits: rounding is off by 2^-8 of a value at most.
        Close(exact, y, 1.0 / 256);
        Close(exactX.grad!, x.grad!, 1.0 / 128);
        Close(exactNorm.weight!.grad!, norm.weight!.grad!, 1e-4);
        Close(exactNorm.running_var!, norm.running_var!, 1e-5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_InEvaluation_AgreesWithSeparateOperators(bool residual)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var random = new Generator(13);
        var norm = new BatchNormalization(48);
        norm.running_mean!.copy_(randn([48], generator: random));
        norm.running_var!.copy_(rand([48], generator: random).add(0.5)); // what is divided by
        norm.weight!.copy_(randn([48], generator: random));
        norm.bias!.copy_(randn([48], generator: random));
        norm.eval();
        var x = ChannelsLast.Of(randn([3, 48, 7, 5], generator: random));
        var added = residual ? ChannelsLast.Of(randn([3, 48, 7, 5], generator: random)) : null;
        var separate = norm.call(x);
        var expected = nn.functional.relu(residual ? separate + added! : separate);
        Close(expected.to(ScalarType.Float64), FusedBatchNorm.Apply(norm, x, added), 1e-6);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void Apply_WithoutAGraph_GivesTheSameBits_AndUpdatesRunningStatisticsWhereWanted(bool residual, bool updates)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(14);
        var x = ChannelsLast.Of(randn([6, 32, 5, 7], generator: random));
        var added = residual ? ChannelsLast.Of(randn([6, 32, 5, 7], generator: random)) : null;
        var (norm, again) = (new BatchNormalization(32), new BatchNormalization(32) { UpdatesRunningStatistics = updates });
        var expected = FusedBatchNorm.Apply(norm, x.clone().requires_grad_(), added);
        using var noGradient = no_grad();
        Assert.True(FusedBatchNorm.Apply(again, x.clone(), added).allclose(expected, 0, 0));
        Assert.Equal(updates ? 1 : 0, Counted(again));
        Assert.True(again.running_var!.allclose(updates ? norm.running_var! : ones([32]), 0, 0));
        Assert.True(again.running_mean!.allclose(updates ? norm.running_mean! : zeros([32]), 0, 0));
    }

    [Theory]
    [InlineData(16, false, true)]
    [InlineData(48, true, true)]
    [InlineData(48, false, false)]
    [InlineData(12, false, true)] // libtorch's: too few channels for ours
    [InlineData(12, false, false)]
    public void Parts_GiveWhatEachGivesByItself(int channels, bool residual, bool rectified)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(16);
        long[] shape = [9, channels, 7, 5];
        Tensor[] images = [.. Enumerable.Range(0, 3).Select(i => ChannelsLast.Of(randn(shape, generator: random).mul(1 + i).add(10 * i)))]; // of other statistics each
        Tensor[] added = [.. Enumerable.Range(0, 3).Select(_ => ChannelsLast.Of(randn(shape, generator: random)))];
        Tensor[] gradients = [.. Enumerable.Range(0, 3).Select(_ => ChannelsLast.Of(randn(shape, generator: random)))];
        var (one, together) = (new BatchNormalization(channels), new BatchNormalization(channels) { Parts = 3 });
        Tensor Pass(BatchNormalization norm, Tensor x, Tensor r) => rectified ? norm.Activate(x.mul(1), residual ? r : null) : norm.Normalise(x.mul(1)); // not the leaf, which may be overwritten

        foreach (var x in images) x.requires_grad_();
        foreach (var x in added) x.requires_grad_();
        var expected = images.Select((x, i) => Pass(one, x, added[i])).ToArray();
        for (int i = 0; i < 3; i++) expected[i].backward([gradients[i]]);
        var whole = cat([.. images.Select(x => x.detach())]).requires_grad_();
        var wholeAdded = cat([.. added.Select(x => x.detach())]).requires_grad_();
        var found = Pass(together, whole, wholeAdded);
        found.backward([cat(gradients)]);

        Assert.True(found.allclose(cat(expected), 0, 1e-6));
        Assert.True(whole.grad!.allclose(cat([.. images.Select(x => x.grad!)]), 0, 1e-6));
        if (residual) Assert.True(wholeAdded.grad!.allclose(cat([.. added.Select(x => x.grad!)]), 0, 1e-6));
        Assert.True(together.weight!.grad!.allclose(one.weight!.grad!, 1e-5, 1e-4));
        Assert.True(together.bias!.grad!.allclose(one.bias!.grad!, 1e-5, 1e-4));
        Assert.True(together.running_mean!.allclose(one.running_mean!, 0, 0));
        Assert.True(together.running_var!.allclose(one.running_var!, 0, 0));
        Assert.Equal(3, Counted(together));
    }

    [Theory]
    [InlineData(ScalarType.Float32, 9, 1, 2e-5)]
    [InlineData(ScalarType.Float32, 9, 3, 2e-5)]   // parts
    [InlineData(ScalarType.Float32, 64, 1, 2e-5)]  // written past the caches
    [InlineData(ScalarType.BFloat16, 9, 1, 1.0 / 128)]
    [InlineData(ScalarType.BFloat16, 64, 3, 1.0 / 128)]
    public void Join_OfTwoNorms_AgreesWithSeparateOperators(ScalarType type, int side, int parts, double tolerance)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(18);
        long[] shape = [9, 32, side, side];
        var (norm, aroundNorm) = (Start(new BatchNormalization(32) { Parts = parts }, 1), Start(new BatchNormalization(32) { Parts = parts }, 2));
        var (exactNorm, exactAroundNorm) = (Start(nn.BatchNorm2d(32, dtype: ScalarType.Float64), 1), Start(nn.BatchNorm2d(32, dtype: ScalarType.Float64), 2));
        var x = ChannelsLast.Of(randn(shape, generator: random).add(2).to(type)).requires_grad_();
        var around = ChannelsLast.Of(randn(shape, generator: random).mul(5).add(10).to(type)).requires_grad_();
        var gradient = randn(shape, generator: random).to(type);

        var y = norm.Join(x.mul(1), around.mul(1), aroundNorm); // not the leaves, which may be overwritten
        y.backward([gradient]);

        var (exactX, exactAround) = (x.detach().to(ScalarType.Float64).requires_grad_(), around.detach().to(ScalarType.Float64).requires_grad_());
        var exact = cat([.. exactX.chunk(parts).Zip(exactAround.chunk(parts), (part, other) => nn.functional.relu(exactNorm.call(part) + exactAroundNorm.call(other)))]);
        exact.backward([gradient.to(ScalarType.Float64)]);

        Close(exact, y, tolerance);
        Close(exactX.grad!, x.grad!, tolerance);
        Close(exactAround.grad!, around.grad!, tolerance);
        foreach (var (mine, right) in new[] { (norm, exactNorm), (aroundNorm, exactAroundNorm) })
        {
            Close(right.weight!.grad!, mine.weight!.grad!, 1e-4);
            Close(right.bias!.grad!, mine.bias!.grad!, 1e-4);
            Close(right.running_mean!, mine.running_mean!, 1e-6);
            Close(right.running_var!, mine.running_var!, 1e-5);
            Assert.Equal(parts, Counted(mine));
        }

        static T Start<T>(T made, ulong seed) where T : BatchNorm
        {
            var start = new Generator(seed);
            using var noGradient = no_grad();
            made.weight!.copy_(randn([32], generator: start));
            made.bias!.copy_(randn([32], generator: start));
            return made;
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(true, false)] // a frozen shortcut
    [InlineData(false, true)]
    public void Join_WithoutAGraph_GivesWhatSeparateOperatorsGive(bool training, bool aroundTraining)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var random = new Generator(20);
        var (x, around) = (ChannelsLast.Of(randn([6, 32, 5, 7], generator: random)), ChannelsLast.Of(randn([6, 32, 5, 7], generator: random)));
        Tensor[] results = [.. new[] { true, false }.Select(joined =>
        {
            var (norm, aroundNorm) = (new BatchNormalization(32), new BatchNormalization(32));
            norm.train(training);
            aroundNorm.train(aroundTraining);
            aroundNorm.weight!.fill_(3);
            return joined ? norm.Join(x.clone(), around.clone(), aroundNorm) : nn.functional.relu(norm.call(x) + aroundNorm.call(around));
        })];
        Assert.True(results[0].allclose(results[1], 1e-5, 1e-5));
    }

    [Fact]
    public void Normalise_WithoutReLU_AgreesWithLibtorch()
    {
        using var scope = NewDisposeScope();
        var random = new Generator(17);
        var x = ChannelsLast.Of(randn([6, 32, 9, 7], generator: random).add(3)).requires_grad_();
        var gradient = randn([6, 32, 9, 7], generator: random);
        var norm = new BatchNormalization(32);
        var y = norm.Normalise(x.mul(1));
        y.backward([gradient]);
        Assert.True(y.min().item<float>() < -1); // what ReLU would cut off

        var exactX = x.detach().to(ScalarType.Float64).requires_grad_();
        var exactNorm = nn.BatchNorm2d(32, dtype: ScalarType.Float64);
        var exact = exactNorm.call(exactX);
        exact.backward([gradient.to(ScalarType.Float64)]);
        Close(exact, y, 1e-6);
        Close(exactX.grad!, x.grad!, 2e-5);
        Close(exactNorm.weight!.grad!, norm.weight!.grad!, 2e-5);
        Close(exactNorm.bias!.grad!, norm.bias!.grad!, 2e-5);
    }

    /// <summary>One odd pixel, wherever it lies, costs no digits of the others' statistics.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Normalise_WithAnOddPixel_HasTheVarianceOfFloat64(int column)
    {
        using var scope = NewDisposeScope();
        using var norm = new BatchNormalization(32);
        norm.train();
        var generator = new Generator(1);
        var x = randn([16, 32, 16, 16], generator: generator);
        x[0, TensorIndex.Ellipsis, 0, column] = 100;
        var images = ChannelsLast.Of(x).requires_grad_();
        FusedBatchNorm.Apply(norm, images, null, rectified: false).Dispose();
        var expected = x.to(ScalarType.Float64).var([0, 2, 3], unbiased: true);
        double worst = norm.running_var!.to(ScalarType.Float64).sub(0.9).div(0.1).sub(expected).div(expected).abs().max().item<double>();
        Assert.InRange(worst, 0, 5e-5); // 1e-3 and more where differences are to the first pixel
    }

    [Fact]
    public void Activate_WithoutUpdates_LeavesRunningStatistics()
    {
        using var scope = NewDisposeScope();
        var random = new Generator(15);
        var norm = new BatchNormalization(12) { UpdatesRunningStatistics = false }; // libtorch's: too few channels for ours
        var other = new BatchNormalization(12);
        var x = randn([4, 12, 3, 3], generator: random).requires_grad_();
        Assert.True(norm.Activate(x).allclose(other.Activate(x), 0, 0));
        Assert.Equal((0, 1), (Counted(norm), Counted(other)));
        Assert.True(norm.running_mean!.allclose(zeros([12]), 0, 0));
        Assert.True(norm.running_var!.allclose(ones([12]), 0, 0));
        Assert.False(other.running_var!.allclose(ones([12]), 0, 0));

        var fused = new BatchNormalization(32) { UpdatesRunningStatistics = false };
        fused.Activate(ChannelsLast.Of(randn([4, 32, 3, 3], generator: random)).requires_grad_());
        Assert.Equal(0, Counted(fused));
        Assert.True(fused.running_mean!.allclose(zeros([32]), 0, 0));
    }

    [Fact]
    public void Suits_AFrozenNormOrOddChannels_IsFalse()
    {
        using var x = zeros([2, 16, 4, 4]);
        using var odd = zeros([2, 12, 4, 4]);
        using var norm = new BatchNormalization(16);
        Assert.True(FusedBatchNorm.Suits(norm, x));
        Assert.False(FusedBatchNorm.Suits(norm, odd));
        norm.eval();
        Assert.False(FusedBatchNorm.Suits(norm, x));
    }

    [Fact]
    public void Steps_LeaveNoTensorBehind()
    {
        using var norm = new BatchNormalization(32);
        using var random = new Generator(16);
        using var x = ChannelsLast.Of(randn([2, 32, 8, 8], generator: random)).requires_grad_();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 20; i++) Step();
        });

        void Step()
        {
            using var scope = NewDisposeScope();
            var y = FusedBatchNorm.Apply(norm, x, null);
            FusedBatchNorm.Apply(norm, y, x).sum().backward();
            x.grad = norm.weight!.grad = norm.bias!.grad = null;
            AutogradMemory.FreeReturned();
        }
    }

    private static void Close(Tensor exact, Tensor actual, double tolerance) => Assert.InRange(RelativeError.Of(exact, actual), 0, tolerance);

    private static long Counted(BatchNormalization norm)
    {
        norm.WriteCount();
        return norm.num_batches_tracked!.item<long>();
    }
}
