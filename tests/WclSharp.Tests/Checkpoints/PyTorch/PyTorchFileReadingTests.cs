using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Encoders;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>What is made of files that PyTorch wrote (tests/fixtures/pytorch/make.py).</summary>
public sealed class PyTorchFileReadingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pytorch-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static ResNet Encoder() => new(EncoderArch.ResNet18, width: 1, EncoderStem.Small, seed: 5);

    [Theory]
    [InlineData("torchvision.pth", 0)]
    [InlineData("authors.pth", 0)]
    [InlineData("lightly.pth", 1e-3)] // half precision
    [InlineData("beside.pth", 0)] // a tensor, and values of all kinds, beside the state dict
    [InlineData("beside4.pth", 0)]
    [InlineData("legacy.pth", 0)] // as before PyTorch 1.6
    [InlineData("legacy4.pth", 0)]
    [InlineData("legacy-module.pth", 0)] // a module, and complex numbers, beside the state dict
    [InlineData("dino.pth", 0)] // of a student and its teacher the teacher
    public void Load_FillsAnEncoder_WithEveryNumberThatPyTorchWrote(string file, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var encoder = Encoder();
        EncoderWeights.Load(encoder, FixtureFiles.PyTorch(file));
        var expected = JsonSerializer.Deserialize<Dictionary<string, double[]>>(File.ReadAllText(FixtureFiles.PyTorch("expected.json")))!;
        Assert.Equal(120, expected.Count);
        Assert.Equal(expected.Keys.Order(), ModuleWeights.Of(encoder).Select(pair => pair.Name).Order());
        foreach (var (name, tensor) in ModuleWeights.Of(encoder))
        {
            double[] numbers = tensor.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
            double lengths = numbers.Sum(Math.Abs);
            Assert.True(Math.Abs(expected[name][0] - numbers.Sum()) <= (tolerance + 1e-12) * lengths, $"{name}: the sum is {numbers.Sum()}, not {expected[name][0]}"); // in another order
            Assert.True(Math.Abs(expected[name][1] - numbers[^1]) <= tolerance * Math.Abs(expected[name][1]), $"{name} ends with {numbers[^1]}, not {expected[name][1]}");
        }
    }

    /// <summary>The files hold one network: strides, names and wrappers differ, numbers do not.</summary>
    [Theory]
    [InlineData("authors.pth", 0)]
    [InlineData("lightly.pth", 1e-3)] // half precision
    public void Load_FilesOfOneNetwork_GiveTheSameNumbersInTheSamePlaces(string file, double tolerance)
    {
        using var scope = NewDisposeScope();
        using ResNet first = Encoder(), second = Encoder();
        EncoderWeights.Load(first, FixtureFiles.PyTorch("torchvision.pth"));
        EncoderWeights.Load(second, FixtureFiles.PyTorch(file));
        foreach (var ((name, expected), (_, actual)) in ModuleWeights.Of(first).Zip(ModuleWeights.Of(second)))
        {
            Assert.Equal(expected.shape, actual.shape);
            Assert.True(actual.detach().to(ScalarType.Float64).allclose(expected.detach().to(ScalarType.Float64), rtol: tolerance, atol: 0), name);
        }
    }

    [Fact]
    public void Pretrain_Init_TakesSuchAFile()
    {
        using var scope = NewDisposeScope();
        using var given = new ResNet(EncoderArch.ResNet18, width: 4, EncoderStem.Small, seed: 9);
        string weights = Path.Combine(folder, "given.pth"), run = Path.Combine(folder, "run");
        PyTorchFile.Write(weights, ModuleWeights.Of(given, "module.net."));
        Pretraining.Run(Tests.Training.SmallRun.Options with { Epochs = 1, LearningRate = 1e-12, Init = weights, Out = run });
        using var written = SafetensorsFile.Read(Path.Combine(run, "encoder.safetensors"));
        Assert.True(written["layer4.1.conv2.weight"].allclose(ModuleWeights.Of(given).Single(pair => pair.Name == "layer4.1.conv2.weight").Tensor, atol: 1e-5));
    }

    [Fact]
    public void Read_WhatWouldRunACommand_IsLeftAsideByName_AndNothingRuns()
    {
        using var content = PyTorchFile.Read(FixtureFiles.PyTorch("evil.pth"));
        Assert.Equal(["conv1.weight"], content.Tensors.Keys);
        Assert.Equal("Python's posix.system", content.Others["evil"]);
        Assert.False(File.Exists("executed-from-a-pickle"));
    }

    [Fact]
    public void Read_NoNetwork_SaysSo()
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(folder, "other.pth");
        PyTorchFile.Write(path, [("embedding.weight", ones(2, 2))]);
        using var encoder = Encoder();
        var error = Assert.Throws<WclUsageException>(() => EncoderWeights.Load(encoder, path));
        Assert.Contains("holds no ResNet", error.Message, StringComparison.Ordinal);
        Assert.Contains("embedding.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<WclUsageException>(() => WeightsFile.Read(Path.Combine(folder, "nowhere.pth"))).Message, StringComparison.Ordinal);
    }

    /// <summary>It can be as large as it likes, so it is left aside, and named as what it is.</summary>
    [Fact]
    public void Read_AnExpandedTensor_IsPassedOver()
    {
        using var read = PyTorchFile.Read(Archive(TinyPickles.OneTensor(4, 1L << 40, 0, 0), 1, 2, 3, 4));
        Assert.Empty(read.Tensors);
        Assert.Equal("a tensor that repeats its numbers (expand)", Assert.Single(read.Others).Value);
    }

    [Fact]
    public void Read_AParameter_IsItsTensor()
    {
        using var read = PyTorchFile.Read(Archive(TinyPickles.OneParameter(4), 1, -2, 3.5f, 4));
        Assert.Equal([1, -2, 3.5f, 4], read["a"].data<float>().ToArray());
        Assert.Empty(read.Others);
    }

    /// <summary>A file of a pickle and its storage "0".</summary>
    private string Archive(byte[] pickle, params float[] numbers)
    {
        string path = Path.Combine(folder, "tiny.pth");
        using var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        using (var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open()) entry.Write(pickle);
        using (var entry = archive.CreateEntry("archive/data/0", CompressionLevel.NoCompression).Open()) entry.Write(MemoryMarshal.AsBytes(numbers.AsSpan()));
        return path;
    }

    [Fact]
    public void Read_LeavesNoTensorBehind()
    {
        PyTorchFile.Read(FixtureFiles.PyTorch("torchvision.pth")).Dispose();
        LiveTensors.AssertNoneLeftBy(() => PyTorchFile.Read(FixtureFiles.PyTorch("torchvision.pth")).Dispose());
        using var encoder = Encoder();
        LiveTensors.AssertNoneLeftBy(() => Assert.Throws<WclUsageException>(() => EncoderWeights.Load(encoder, FixtureFiles.PyTorch("evil.pth"))));
    }
}
