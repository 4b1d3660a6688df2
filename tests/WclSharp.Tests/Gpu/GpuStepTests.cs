using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Tests.Augmentation;
using WclSharp.Training;
using static TorchSharp.torch;
using AdamW = WclSharp.Optimizers.AdamW;

namespace WclSharp.Tests.Gpu;

/// <summary>The parts of a training step on a GPU give what they give on the processor, to rounding.</summary>
[Trait("Category", "Gpu")]
public class GpuStepTests
{
    [Theory]
    [InlineData(3, 32, 32, 32), InlineData(1, 28, 28, 24), InlineData(3, 90, 70, 224)]
    public void Views_AreTheProcessors(int channels, int height, int width, int size)
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        var images = Views.Images(64, channels, height, width);
        foreach (var recipe in (AugmentationRecipe[])[AugmentationRecipe.Weak(size), AugmentationRecipe.Strong(size) with { BlurProbability = 0.5 }])
        {
            var expected = Views.Augment(new Augmenter(size, Normalisation.Cifar10, 5, CPU), images, recipe, epoch: 2);
            var found = Views.Augment(new Augmenter(size, Normalisation.Cifar10, 5, gpu), images, recipe, epoch: 2);
            Assert.Equal(gpu.type, found.device.type);
            Assert.InRange(Views.Difference(expected, found.cpu()), 0, 2e-4);
        }
        var (heights, widths) = (Views.Repeat(height, 64), Views.Repeat(width, 64));
        Assert.InRange(Views.Difference(new Augmenter(size, Normalisation.Cifar10, 5, CPU).Evaluate(images, heights, widths), new Augmenter(size, Normalisation.Cifar10, 5, gpu).Evaluate(images, heights, widths).cpu()), 0, 2e-4);
    }

    [Theory]
    [InlineData("sgd", true), InlineData("lars", true), InlineData("lars", false), InlineData("adamw", true)]
    public void Optimiser_MovesWeightsAsOnTheProcessor(string kind, bool decayed)
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        Tensor Moved(Device device)
        {
            var target = GivenGpu.Rows(40, 30, 1, ScalarType.Float32).to(device);
            var weights = new[] { new Parameter(GivenGpu.Rows(40, 30, 2, ScalarType.Float32).to(device, copy: true)), new Parameter(zeros([40, 30], device: device)) };
            OptimizedParameter[] parameters = [.. weights.Select((weight, i) => new OptimizedParameter($"w{i}", weight, decayed))];
            using Optimizer optimizer = kind switch { "sgd" => new Sgd(parameters, 0.01), "lars" => new Lars(parameters, 0.01), _ => new AdamW(parameters, 0.01) };
            for (int step = 1; step <= 5; step++)
            {
                optimizer.ZeroGradients();
                weights[0].sub(target).square().sum().add(weights[1].sub(target).square().sum()).backward();
                optimizer.Step(0.1 / step);
            }
            return cat(weights).detach().cpu();
        }
        Close.ToNorm(Moved(CPU), Moved(gpu), 1e-5, "weights");
    }

    [Theory]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small, 32), InlineData(EncoderArch.ResNet50, EncoderStem.ImageNet, 96)]
    public void Model_InFloat32_HasTheProcessorsProjectionsAndGradients_SoNoTf32(EncoderArch arch, EncoderStem stem, int size)
    {
        GivenGpu.Require();
        using var scope = NewDisposeScope();
        var options = Presets.Resolve(new PretrainOptions { Arch = arch, Stem = stem, Width = 16, ImageSize = size, Batch = 32, HeadHidden = 64, HeadOutput = 16 }, new DataFacts(1000, size, Embedded: false)).Options;
        var views = GivenGpu.Rows(64, 3 * size * size, 1, ScalarType.Float32).mul(Math.Sqrt(3 * size * size)).view(2, 32, 3, size, size);
        var (expected, found) = (Gradients(ComputeDevice.Cpu), Gradients(ComputeDevice.Cuda));
        Assert.Equal(expected.Keys, found.Keys);
        Close.ToNorm(expected["z"], found["z"], 1e-4, "projections");
        // Nearly all gradients come through batch norms and so are small differences: TF32 is off by 1e-2 and more.
        foreach (string name in expected.Keys) Close.ToNorm(expected[name], found[name], 2e-3, name);

        Dictionary<string, Tensor> Gradients(string device)
        {
            var compute = ComputeDevice.Choose(device, ComputePrecision.Fp32);
            using var model = new WclModel(options, weakHead: true, compute);
            using var method = MethodFactory.Create(options, 1000, labels: false, compute.Device);
            var input = MethodInput.Of(model.Project([views[0].to(compute.Device), views[1].to(compute.Device)]), _ => throw new InvalidOperationException()) with { Images = [.. Enumerable.Range(0, 32)] };
            method.Losses(input).Total.backward();
            var gradients = model.Parameters.ToDictionary(p => p.Name, p => p.Parameter.grad!.cpu());
            gradients["z"] = input.Z1.detach().cpu();
            return gradients;
        }
    }
}
