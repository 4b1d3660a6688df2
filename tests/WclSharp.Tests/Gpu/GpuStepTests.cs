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
using WclSharp.Tests.Data;
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
            var expected = Views.Augment(new Augmenter(size, Normalization.Cifar10, 5, CPU), images, recipe, epoch: 2);
            var found = Views.Augment(new Augmenter(size, Normalization.Cifar10, 5, gpu), images, recipe, epoch: 2);
            Assert.Equal(gpu.type, found.device.type);
            Assert.InRange(Views.Difference(expected, found.cpu()), 0, 2e-4);
        }
        var (heights, widths) = (Views.Repeat(height, 64), Views.Repeat(width, 64));
        Assert.InRange(Views.Difference(new Augmenter(size, Normalization.Cifar10, 5, CPU).Evaluate(images, heights, widths), new Augmenter(size, Normalization.Cifar10, 5, gpu).Evaluate(images, heights, widths).cpu()), 0, 2e-4);
    }

    [Fact]
    public void Views_OfPackedImagesOfManySizes_AreTheProcessors()
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        string folder = Directory.CreateTempSubdirectory("wcl-gpu-").FullName;
        try
        {
            for (int i = 0; i < 48; i++) File.WriteAllBytes(Path.Combine(folder, $"{i}.jpg"), ImageFiles.Jpeg(40 + i, 100 - i));
            using var data = ImageDataset.Read(new DatasetOptions { Path = folder });
            int[] samples = [.. Enumerable.Range(0, data.Count)];
            using var batch = ImageBatch.Assemble(data, samples, bytes => new byte[bytes], null);
            var (here, there) = (ImageTensor.Of(batch, CPU), ImageTensor.Of(batch, gpu));
            Assert.NotNull(there.Places); // packed
            Tensor Two(ImageTensor images, Device device) => new Augmenter(64, Normalization.Cifar10, 5, device).Augment(images, samples, 1, [0, 1], AugmentationRecipe.Strong(64));
            Assert.InRange(Views.Difference(Two(here, CPU), Two(there, gpu).cpu()), 0, 2e-4);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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
    public void Model_InFloat32_IsAsCloseToFloat64AsTheProcessors_SoNoTf32(EncoderArch arch, EncoderStem stem, int size)
    {
        GivenGpu.Require();
        using var scope = NewDisposeScope();
        var options = Presets.Resolve(new PretrainOptions { Arch = arch, Stem = stem, Width = 16, ImageSize = size, Batch = 32, HeadHidden = 64, HeadOutput = 16 }, new DataFacts(1000, size, Embedded: false)).Options;
        var views = GivenGpu.Rows(64, 3 * size * size, 1, ScalarType.Float64).mul(Math.Sqrt(3 * size * size)).view(64, 3, size, size);
        var exact = Gradient(ComputeDevice.Cpu, ScalarType.Float64);
        double here = Off(Gradient(ComputeDevice.Cpu, ScalarType.Float32)), there = Off(Gradient(ComputeDevice.Cuda, ScalarType.Float32));
        Assert.True(there < 5 * here + 1e-6, $"The GPU's gradient is off by {there:E1} of its norm, the processor's by {here:E1}"); // TF32 is coarser by a thousand

        double Off(Tensor gradient) => (gradient - exact).norm().ToDouble() / exact.norm().ToDouble();

        Tensor Gradient(string device, ScalarType type)
        {
            var compute = ComputeDevice.Choose(device, ComputePrecision.Fp32) with { Type = type };
            using var model = new WclModel(options, weakHead: true, compute);
            foreach (var (_, module) in model.Modules) module.to(type);
            using var method = MethodFactory.Create(options, 1000, labels: false, compute.Device);
            var input = MethodInput.Of(model.ProjectViews(views.to(type).to(compute.Device), 2), _ => throw new InvalidOperationException()) with { Images = [.. Enumerable.Range(0, 32)] };
            method.Losses(input).Total.backward();
            return cat([.. model.Parameters.Select(p => p.Parameter.grad!.flatten().to(ScalarType.Float64).cpu())]);
        }
    }
}
