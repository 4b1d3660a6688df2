using System.Diagnostics;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Encoders;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>Files for PyTorch: what is written is what PyTorch reads.</summary>
public sealed class PyTorchFileWritingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pytorch-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void WhatIsWritten_IsReadBack_WhateverTheStridesAndTypes()
    {
        using var scope = NewDisposeScope();
        var channelsLast = arange(2 * 3 * 4 * 5).to(ScalarType.Float32).view(2, 4, 5, 3).permute(0, 3, 1, 2);
        var tensors = new (string Name, Tensor Tensor)[]
        {
            ("ä.weight", channelsLast), ("steps", tensor(7L)), ("empty", zeros(0, 3)), ("half", ones(3).to(ScalarType.BFloat16)), ("exact", tensor(new[] { Math.PI })), ("flags", tensor(new[] { true, false })),
        };
        string path = Path.Combine(folder, "x.pth");
        PyTorchFile.Write(path, tensors);
        using var read = PyTorchFile.Read(path);
        Assert.Equal(tensors.Select(pair => pair.Name), read.Tensors.Keys);
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.shape, read[name].shape);
            Assert.Equal(expected.dtype, read[name].dtype);
            Assert.True(expected.eq(read[name]).all().ToBoolean(), name);
        }
    }

    /// <summary>
    /// A file that PyTorch 1.13's <c>torch.load</c> was seen to read as tests/fixtures/pytorch/load.py says: machines without PyTorch test that files are still written so. After a change
    /// of the format, run this test with WCLSHARP_APPROVE=1, which writes the file anew, and then load.py.
    /// </summary>
    [Fact]
    public void WhatIsWritten_IsByteForByteWhatPyTorchWasSeenToRead()
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(folder, "ours.pth");
        PyTorchFile.Write(path,
        [
            ("\u00e4.weight", arange(2 * 3 * 2 * 2).to(ScalarType.Float32).view(2, 2, 2, 3).permute(0, 3, 1, 2)), ("steps", tensor(7L)), ("empty", zeros(0, 3)),
            ("bfloat16", tensor(new[] { 1.5f, -2 }).to(ScalarType.BFloat16)), ("half", tensor(new[] { 0.25f }).to(ScalarType.Float16)), ("exact", tensor(new[] { Math.PI })), ("flags", tensor(new[] { true, false })),
        ]);
        if (Environment.GetEnvironmentVariable("WCLSHARP_APPROVE") == "1")
        {
            string target = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "fixtures", "pytorch", "ours.pth");
            File.WriteAllBytes(target, WithoutTimes(File.ReadAllBytes(path)));
            Assert.Skip($"WCLSHARP_APPROVE=1: wrote {target} instead of comparing with it; run load.py beside it, and commit it.");
        }

        Assert.Equal(File.ReadAllBytes(FixtureFiles.PyTorch("ours.pth")), WithoutTimes(File.ReadAllBytes(path)));
        static string ThisFile([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;
    }

    /// <summary>An archive with zeros where it says when its files were written.</summary>
    private static byte[] WithoutTimes(byte[] archive)
    {
        for (int i = 0; i < archive.Length - 4; i++)
        {
            var rest = archive.AsSpan(i);
            if (rest.StartsWith("PK\x03\x04"u8)) rest.Slice(10, 4).Clear();
            else if (rest.StartsWith("PK\x01\x02"u8)) rest.Slice(12, 4).Clear();
        }
        return archive;
    }

    [Fact]
    public void RoundTrip_ThroughPyTorch_KeepsEveryByte()
    {
        string? python = PythonWithTorch();
        if (python is null) Assert.Skip("There is no python3 with PyTorch on this machine; what it wrote is tested from files.");
        using var scope = NewDisposeScope();
        using var encoder = new ResNet(EncoderArch.ResNet18, width: 1, EncoderStem.Small, seed: 5);
        string ours = Path.Combine(folder, "ours.pth"), theirs = Path.Combine(folder, "theirs.pth");
        PyTorchFile.Write(ours, ModuleWeights.Of(encoder));
        string script = $"import torch,collections; d=torch.load(r'{ours}'); assert type(d) is collections.OrderedDict and len(d)==120; "
            + $"torch.save(collections.OrderedDict((k,v.clone().to(memory_format=torch.channels_last) if v.dim()==4 else v) for k,v in d.items()), r'{theirs}')";
        Run(python, script);
        using var read = PyTorchFile.Read(theirs);
        foreach (var (name, tensor) in ModuleWeights.Of(encoder))
        {
            Assert.Equal(tensor.dtype, read[name].dtype);
            Assert.True(tensor.detach().contiguous().bytes.SequenceEqual(read[name].contiguous().bytes), name);
        }
    }

    private static string? PythonWithTorch()
    {
        string[] candidates = ["/usr/bin/python3", "python3", "python"];
        return candidates.FirstOrDefault(each =>
        {
            try
            {
                Run(each, "import torch");
                return true;
            }
            catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
            {
                return false;
            }
        });
    }

    private static void Run(string python, string script)
    {
        using var process = Process.Start(new ProcessStartInfo(python, ["-c", script]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException(error);
    }
}
