using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>What a network starts from, and views that pass it together against views that pass one by one.</summary>
public sealed class WclModelTests
{
    [Fact]
    public void Weights_AreOfTheSeed_AndOfTheStartThatIsAskedFor()
    {
        using var scope = NewDisposeScope();
        var options = MethodDefaults.Fill(new PretrainOptions { Arch = EncoderArch.ResNet18, Width = 16, Stem = EncoderStem.Small, HeadHidden = 16, HeadOutput = 8, ImageSize = 16, Batch = 6, Epochs = 1, LearningRate = 0.1, ConvInit = ConvInit.PyTorch });
        var uniform = Weight(options);                                      // [128, 64, 3, 3]
        Assert.Equal([128, 64, 3, 3], uniform.shape);
        Assert.True(uniform.equal(Weight(options)).all().item<bool>());
        Assert.False(uniform.allclose(Weight(options with { Seed = 1 }), 0, 1e-3));
        double bound = 1 / Math.Sqrt(64 * 9);
        Assert.InRange(uniform.abs().max().item<float>(), 0.99 * bound, bound);

        var normal = Weight(options with { ConvInit = ConvInit.Torchvision });
        double deviation = Math.Sqrt(2.0 / (128 * 9));
        Assert.InRange(normal.std().item<float>(), 0.98 * deviation, 1.02 * deviation);
        Assert.True(normal.abs().max().item<float>() > 3 * deviation);

        static Tensor Weight(PretrainOptions options)
        {
            using var model = new WclModel(options, weakHead: false, new ComputeDevice(CPU, ScalarType.Float32));
            return model.Encoder.get_parameter("layer4.0.conv1.weight")!.detach().clone();
        }
    }

    [Theory]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small)]
    [InlineData(EncoderArch.ResNet50, EncoderStem.ImageNet)] // with shortcuts, a product for a convolution and another stem
    public void ProjectViews_Together_GivesWhatEachGivesByItself(EncoderArch arch, EncoderStem stem)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(5);
        Tensor[] views = [.. Enumerable.Range(0, 2).Select(i => randn([6, 3, 40, 40], ScalarType.Float64, generator: random).mul(1 + i).add(i))]; // of other statistics
        Tensor[] directions = [.. Enumerable.Range(0, 4).Select(_ => randn([6, 8], ScalarType.Float64, generator: random))];
        using var apart = Model();
        using var together = Model();

        var expected = views.Select(apart.Project).ToArray();
        Loss(expected).backward();
        var found = together.ProjectViews(cat(views), 2);
        Loss(found).backward();

        for (int i = 0; i < 2; i++)
        {
            Assert.True(found[i].Z.allclose(expected[i].Z, 0, 1e-9));
            Assert.True(found[i].V!.allclose(expected[i].V!, 0, 1e-9));
        }
        var pairs = Tensors(apart).Zip(Tensors(together)).ToList();
        foreach (var (one, other) in pairs)
        {
            Assert.Equal(one.Name, other.Name);
            Assert.True(one.Tensor.to(ScalarType.Float64).allclose(other.Tensor.to(ScalarType.Float64), 1e-9, 1e-9), one.Name); // running statistics
            if (!one.Tensor.requires_grad) continue;
            double size = one.Tensor.grad!.norm().item<double>(), difference = (one.Tensor.grad! - other.Tensor.grad!).norm().item<double>();
            Assert.True(difference <= 1e-8 * Math.Max(size, 1e-3), $"{one.Name}: {difference} of {size}");
        }
        Assert.Equal(2, Assert.Single(pairs, pair => pair.Second.Name == "encoder.bn1.num_batches_tracked").Second.Tensor.item<long>());

        WclModel Model()
        {
            var made = new WclModel(MethodDefaults.Fill(new PretrainOptions { Arch = arch, Width = 16, Stem = stem, HeadHidden = 16, HeadOutput = 8, ImageSize = 40, Batch = 6, Epochs = 1, LearningRate = 0.1 }), weakHead: true, new ComputeDevice(CPU, ScalarType.Float64));
            foreach (var (_, module) in made.Modules) module.to(ScalarType.Float64);
            return made;
        }

        Tensor Loss(IReadOnlyList<(Tensor Z, Tensor? V)> projections) =>
            (projections[0].Z * directions[0] + projections[1].Z * directions[1] + projections[0].V! * directions[2] + projections[1].V! * directions[3]).sum();

        static IEnumerable<(string Name, Tensor Tensor)> Tensors(WclModel model) => model.Modules.SelectMany(part => ModuleWeights.Of(part.Module, part.Prefix)).Select(pair => (pair.Name, pair.Tensor));
    }
}
