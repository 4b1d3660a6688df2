using System.Globalization;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Encoders;
using WclSharp.Tests.Training;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Encoders;

/// <summary>What fills an encoder, and what does not, whatever the file calls it.</summary>
public sealed class EncoderWeightsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-weights-").FullName;
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly ResNet target = Network(EncoderArch.ResNet18, 1);

    public void Dispose()
    {
        target.Dispose();
        scope.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(EncoderArch.ResNet34, EncoderArch.ResNet18)]
    [InlineData(EncoderArch.ResNet101, EncoderArch.ResNet50)]
    [InlineData(EncoderArch.ResNet18, EncoderArch.ResNet34)]
    [InlineData(EncoderArch.ResNet50, EncoderArch.ResNet34)]
    public void Load_WeightsOfAnotherDepth_AreRefused_ByName(EncoderArch saved, EncoderArch wanted)
    {
        using ResNet given = Network(saved, 1), other = Network(wanted, 1);
        string name = saved.ToString().ToLowerInvariant();
        Refused(other, Pth(Of(given)), $"holds a {name}, not a {wanted.ToString().ToLowerInvariant()}; give --arch {name}.");
        string own = Path.Combine(folder, "own.safetensors");
        SafetensorsFile.Write(own, Of(given), EncoderWeights.Describe(given, 16, Normalization.ImageNet));
        Refused(other, own, $"give --arch {name}.");
    }

    [Fact]
    public void RequireFit_ComparesWhatIsKnown()
    {
        string file = Pth(Of(target));
        EncoderWeights.RequireFit(file, null, null, null);
        EncoderWeights.RequireFit(file, EncoderArch.ResNet18, 1, EncoderStem.Small);
        Says("give --arch resnet18", EncoderArch.ResNet50, null, null);
        Says("is of width 1, not 64; give --width 1", null, 64, null);
        Says("has the small stem, not the imagenet one; give --stem small", null, null, EncoderStem.ImageNet);

        void Says(string message, EncoderArch? arch, int? width, EncoderStem? stem) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => EncoderWeights.RequireFit(file, arch, width, stem)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ANetworkOfTheImageNetStem_FillsOneOfThatStemAlone()
    {
        using ResNet given = new(EncoderArch.ResNet50, 2, EncoderStem.ImageNet, seed: 7), filled = new(EncoderArch.ResNet50, 2, EncoderStem.ImageNet, seed: 5), small = Network(EncoderArch.ResNet50, 2);
        string file = Pth(Of(given));
        EncoderWeights.Load(filled, file);
        AssertSame(given, filled);
        Refused(small, file, "has the imagenet stem, not the small one; give --stem imagenet, or weights of the other");
    }

    [Fact]
    public void Load_OtherKindsOfNetworks_AndWhatIsNoWeight_AreRefused()
    {
        var weights = Of(target).ToDictionary(pair => pair.Name, pair => pair.Tensor);
        Refused(target, With("layer4.2.conv1.weight", ones(8, 8, 3, 3)), "of 2, 2, 2, 3 basic blocks, which is none of resnet18, resnet34");
        Refused(target, With("layer1.0.se.fc1.weight", ones(8, 8)), "holds 'layer1.0.se.fc1.weight', which a resnet18 has not");
        Refused(target, With("layer3.0.bn2.bias", null), "has no tensor 'layer3.0.bn2.bias'");
        Refused(target, With("layer3.0.conv2.weight", ones(4, 4, 3, 3, ScalarType.Int8)), "has integers in 'layer3.0.conv2.weight'");
        Refused(target, With("layer3.0.conv2.weight", ones(4, 2, 3, 3)), "has 'layer3.0.conv2.weight' of shape [4, 2, 3, 3] where a resnet18 of width 1 has [4, 4, 3, 3]: it is another kind of network"); // grouped
        Refused(target, With("conv1.weight", ones(1, 1, 3, 3)), "has 'conv1.weight' of shape [1, 1, 3, 3] where a resnet18 of width 1 has [1, 3, 3, 3]");
        Refused(target, With("layer3.0.conv2.weight", full([4, 4, 3, 3], float.NaN)), "has numbers in 'layer3.0.conv2.weight' that are not finite");
        Refused(target, With("layer3.0.conv2.weight", full([4, 4, 3, 3], 1e300, ScalarType.Float64)), "that are not finite");
        EncoderWeights.Load(target, With("layer1.0.total_ops", zeros(1, ScalarType.Float64))); // a profiler's
        EncoderWeights.Load(target, With("layer1.0.bn1.num_batches_tracked", null));
        EncoderWeights.Load(target, With("layer1.0.bn1.num_batches_tracked", full([1], 3, ScalarType.Int64)));

        string With(string name, Tensor? value)
        {
            var changed = new Dictionary<string, Tensor>(weights);
            if (value is null) changed.Remove(name);
            else changed[name] = value;
            return Pth(changed.Select(pair => (pair.Key, pair.Value)));
        }
    }

    [Theory]
    [InlineData("module.encoder_q.", "module.encoder_k.")]
    [InlineData("online_encoder.net.", "encoder.net.")]
    [InlineData("backbone.", "backbone_momentum.")]
    [InlineData("model.", "ema.")]
    public void Load_OfTwoEncoders_TheTrainedOneIsTaken_AndNamed(string trained, string following)
    {
        using ResNet right = Network(EncoderArch.ResNet18, 1, seed: 7), wrong = Network(EncoderArch.ResNet18, 1, seed: 8);
        string file = Pth([.. Of(wrong, following), .. Of(right, trained), (trained + "fc.weight", ones(2, 8))]);
        Assert.Equal($"120 tensors under {trained} of {file}, 121 left aside", EncoderWeights.Load(target, file));
        Assert.True(target.get_parameter("conv1.weight")!.eq(right.get_parameter("conv1.weight")!).all().item<bool>());
    }

    [Fact]
    public void Load_OfTwoEncodersThatNothingTellsApart_IsRefused_UnlessTheyAreTheSame()
    {
        using var other = Network(EncoderArch.ResNet18, 1, seed: 7);
        Refused(target, Pth([.. Of(target, "a."), .. Of(other, "b.")]), "holds several ResNets, under a., b.; save the one that is wanted alone");
        Assert.Contains("120 tensors under a. of", EncoderWeights.Load(target, Pth([.. Of(other, "b.c."), .. Of(other, "a.")])), StringComparison.Ordinal);
    }

    /// <summary>SupContrast calls the path around a block shortcut; lightly's own ResNet is cut into six children, torchvision's into seven without pooling, and into eight.</summary>
    [Fact]
    public void Load_OtherNames_AreTorchvisions()
    {
        using var given = Network(EncoderArch.ResNet18, 1, seed: 7);
        foreach (string file in (string[])
        [
            Pth(Of(given).Select(pair => ("module.encoder." + Shortcut(pair.Name), pair.Tensor))),
            Pth(Of(given).Select(pair => (Shortcut(Numbered(pair.Name, "conv1", "bn1", "layer1", "layer2", "layer3", "layer4")), pair.Tensor))),
            Pth(Of(given).Select(pair => (Numbered(pair.Name, "conv1", "bn1", "relu", "layer1", "layer2", "layer3", "layer4"), pair.Tensor))),
            Pth(Of(given).Select(pair => (Numbered(pair.Name, "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"), pair.Tensor))),
        ])
        {
            using var filled = Network(EncoderArch.ResNet18, 1);
            EncoderWeights.Load(filled, file);
            AssertSame(given, filled);
        }

        static string Shortcut(string name) => name.Replace("downsample", "shortcut", StringComparison.Ordinal);
        static string Numbered(string name, params string[] children) =>
            string.Create(CultureInfo.InvariantCulture, $"backbone.{Array.IndexOf(children, name.Split('.')[0])}{name[name.IndexOf('.', StringComparison.Ordinal)..]}");
    }

    [Fact]
    public void Load_WhatStandsInThePlaceOfAWeight_IsNamed()
    {
        string file = Path.Combine(folder, "odd.safetensors");
        SafetensorsFile.Write(file, Of(target));
        string text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file));
        int at = text.IndexOf("F32", text.IndexOf("\"layer2.0.bn1.bias\"", StringComparison.Ordinal), StringComparison.Ordinal);
        File.WriteAllBytes(file, System.Text.Encoding.Latin1.GetBytes(text[..at] + "U32" + text[(at + 3)..]));
        Refused(target, file, "has a tensor of U32 in the place of the weights 'layer2.0.bn1.bias'");
    }

    [Fact]
    public void Pretrain_InitThatDoesNotFit_IsRefusedBeforeImagesAreRead_AndAFitOneIsTold()
    {
        using var given = Network(EncoderArch.ResNet18, 4);
        string file = Pth(Of(given, "module.encoder_q."));
        var options = SmallRun.Options with { Epochs = 1, Init = file };
        List<string> stages = [], lines = [];
        var progress = new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working) stages.Add(working.Stage);
            if (report is RunProgress.Started started) lines.AddRange(started.Lines);
        });
        Assert.Contains("is of width 4, not 8", Assert.Throws<WclUsageException>(() => Pretraining.Run(options with { Width = 8, Out = Path.Combine(folder, "wide") }, progress)).Message, StringComparison.Ordinal);
        // Width and stem may come from a preset alone.
        Assert.Contains("is of width 4, not 64", Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Preset = "cifar", Limit = 100, Init = file, Out = Path.Combine(folder, "preset") }, progress)).Message, StringComparison.Ordinal);
        Assert.Empty(stages);
        Pretraining.Run(options with { Out = Path.Combine(folder, "run") }, progress);
        Assert.Contains($"init: 120 tensors under module.encoder_q. of {file}, 0 left aside", lines);
    }

    [Fact]
    public void Of_TensorsAreInTheOrderOfPyTorchsStateDicts()
    {
        string[] names = [.. Of(target).Select(pair => pair.Name)];
        Assert.Equal(["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked", "layer1.0.conv1.weight", "layer1.0.bn1.weight"], names[..8]);
        Assert.Equal(["layer4.1.bn2.running_mean", "layer4.1.bn2.running_var", "layer4.1.bn2.num_batches_tracked"], names[^3..]);
    }

    private static ResNet Network(EncoderArch arch, int width, long seed = 5) => new(arch, width, EncoderStem.Small, seed);

    private static IEnumerable<(string Name, Tensor Tensor)> Of(ResNet network, string prefix = "") => ModuleWeights.Of(network, prefix);

    private string Pth(IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        string path = Path.Combine(folder, Guid.NewGuid() + ".pth");
        PyTorchFile.Write(path, tensors);
        return path;
    }

    private static void AssertSame(ResNet given, ResNet filled)
    {
        foreach (var ((name, expected), (_, actual)) in Of(given).Zip(Of(filled))) Assert.True(expected.eq(actual).all().item<bool>(), name);
    }

    private static void Refused(ResNet network, string file, string message)
    {
        var error = Assert.Throws<WclUsageException>(() => EncoderWeights.Load(network, file));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }
}
