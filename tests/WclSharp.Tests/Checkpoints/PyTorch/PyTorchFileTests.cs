using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Encoders;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>Files that PyTorch wrote (tests/fixtures/pytorch/make.py), and files for it.</summary>
public sealed class PyTorchFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pytorch-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch", name);

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
        EncoderWeights.Load(encoder, Fixture(file));
        var expected = JsonSerializer.Deserialize<Dictionary<string, double[]>>(File.ReadAllText(Fixture("expected.json")))!;
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
        EncoderWeights.Load(first, Fixture("torchvision.pth"));
        EncoderWeights.Load(second, Fixture(file));
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
        using var content = PyTorchFile.Read(Fixture("evil.pth"));
        Assert.Equal(["conv1.weight"], content.Tensors.Keys);
        Assert.Equal("Python's posix.system", content.Others["evil"]);
        Assert.False(File.Exists("executed-from-a-pickle"));
    }

    [Theory]
    [InlineData("jit", "it holds Python's builtins.slice; save the state dict alone with torch.save(model.state_dict(), FILE)", "cbuiltins\nslice\n)R.")]
    [InlineData("whole", "its model is Python's torch.Net; save the state dict alone", "}\u008C\u0005modelctorch\nNet\n)\u0081}bs.")]
    [InlineData("none", "there are no tensors in it, nor in dictionaries 3 deep inside it: it has a.", "}\u008C\u0001aK\u0001s.")]
    [InlineData("list", "it holds no dictionary", "].")]
    public void Read_NoStateDict_SaysWhatItIs(string name, string message, string pickle)
    {
        string path = Archive(name, System.Text.Encoding.Latin1.GetBytes("\u0080\u0002" + pickle));
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>A name is made for each dictionary inside another, of a name that a file may choose.</summary>
    [Fact]
    public void Read_NamesOfAnyLength_TakeNoMemoryOverAndOver()
    {
        const int Length = 1 << 20, Inner = 3000;
        byte[] pickle = [0x80, 2, .. "}X"u8, .. BitConverter.GetBytes(Length), .. Enumerable.Repeat((byte)'k', Length), .. "}("u8,
            .. Enumerable.Range(0, Inner).SelectMany(i => (byte[])[.. "X\u0004\0\0\0"u8, .. System.Text.Encoding.ASCII.GetBytes($"{i:0000}"), (byte)'}']), .. "us."u8];
        string path = Archive("long", pickle);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path)).Message;
        Assert.Contains("deep inside it: it has kkkkkkkkkk", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 0, 1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20); // with the file's own text some 6 MB
    }

    private string Archive(string name, byte[] pickle)
    {
        string path = Path.Combine(folder, name + ".pth");
        using var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        using var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open();
        entry.Write(pickle);
        return path;
    }

    /// <summary>Each change of a whole file of the old format, and what is said of it.</summary>
    [Theory]
    [InlineData("it is cut short", -1, 0)]
    [InlineData("it is cut short", 346, 1)] // the count of numbers is 2^32 + 3
    [InlineData("it is in a version of PyTorch's old format that is not known", 18, 1)]
    [InlineData("its numbers are big-endian", 73, 0x89)] // little_endian is False
    public void Read_OldFormat_Damaged_IsRefused(string message, int place, byte value)
    {
        byte[] file = File.ReadAllBytes(Fixture("tiny-legacy.pth"));
        if (place < 0) file = file[..^1];
        else file[place] = value;
        string path = Path.Combine(folder, "old.pth");
        File.WriteAllBytes(path, file);
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => WeightsFile.Read(path)).Message, StringComparison.Ordinal);
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

        Assert.Equal(File.ReadAllBytes(Fixture("ours.pth")), WithoutTimes(File.ReadAllBytes(path)));
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
        using var encoder = Encoder();
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

    [Fact]
    public void Read_LeavesNoTensorBehind()
    {
        PyTorchFile.Read(Fixture("torchvision.pth")).Dispose();
        LiveTensors.AssertNoneLeftBy(() => PyTorchFile.Read(Fixture("torchvision.pth")).Dispose());
        using var encoder = Encoder();
        LiveTensors.AssertNoneLeftBy(() => Assert.Throws<WclUsageException>(() => EncoderWeights.Load(encoder, Fixture("evil.pth"))));
    }

    /// <summary>It can be as large as it likes, so it is left aside, and named as what it is.</summary>
    [Fact]
    public void Read_AnExpandedTensor_IsPassedOver()
    {
        string path = Path.Combine(folder, "expanded.pth");
        using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
        {
            using (var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open()) entry.Write(TinyPickles.OneTensor(4, 1L << 40, 0, 0));
            using (var entry = archive.CreateEntry("archive/data/0", CompressionLevel.NoCompression).Open()) entry.Write(new byte[16]);
        }

        using var read = PyTorchFile.Read(path);
        Assert.Empty(read.Tensors);
        Assert.Equal("a tensor that repeats its numbers (expand)", Assert.Single(read.Others).Value);
    }

    [Fact]
    public void Read_TensorsThatCannotBe_AreRefusedWithoutAllocation()
    {
        Assert.Contains("lies outside its storage", Problem(count: 4, shape: 5), StringComparison.Ordinal);
        Assert.Contains("lies outside its storage", Problem(count: 4, shape: 2, offset: 3), StringComparison.Ordinal);
        Assert.Contains("16 bytes, not 1099511627776 numbers", Problem(count: 1L << 40, shape: 4), StringComparison.Ordinal);
        Assert.Contains("described wrongly", Problem(count: 4, shape: -1), StringComparison.Ordinal);
        Assert.Contains("no data.pkl", Damaged(archive => archive.CreateEntry("archive/other", CompressionLevel.NoCompression).Open().Dispose()), StringComparison.Ordinal);
        Assert.Contains("is compressed, which torch.save does not do", Damaged(archive =>
        {
            using var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.Optimal).Open();
            entry.Write(new byte[1 << 20]);
        }), StringComparison.Ordinal);

        string Problem(long count, long shape, long stride = 1, long offset = 0) => Damaged(archive =>
        {
            using (var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open()) entry.Write(TinyPickles.OneTensor(count, shape, stride, offset));
            using (var entry = archive.CreateEntry("archive/data/0", CompressionLevel.NoCompression).Open()) entry.Write(new byte[16]);
        });

        string Damaged(Action<ZipArchive> fill)
        {
            string path = Path.Combine(folder, "damaged.pth");
            using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create)) fill(archive);
            var error = Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path));
            Assert.DoesNotContain('\n', error.Message);
            return error.Message;
        }
    }

    [Fact]
    public void Read_AnEntryThatSaysThatItIsLargerThanTheFile_IsRefusedWithoutAllocation()
    {
        string path = Path.Combine(folder, "claims.pth");
        using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
        using (var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open())
            entry.Write(TinyPickles.OneTensor(4, 4, 1, 0));
        byte[] file = File.ReadAllBytes(path);
        int directory = file.AsSpan().IndexOf("PK\x01\x02"u8);
        foreach (int size in (int[])[20, 24]) BitConverter.TryWriteBytes(file.AsSpan(directory + size), 40 << 20); // stored and whole
        File.WriteAllBytes(path, file);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("archive/data.pkl says that it has 41943040 bytes, more than the file", Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    [Fact]
    public void Read_AFlippedBit_IsFoundByTheChecksum_WhereThereIsOne()
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(folder, "flipped.pth");
        PyTorchFile.Write(path, [("fc.weight", arange(1000).to(ScalarType.Float32))]);
        byte[] file = File.ReadAllBytes(path);
        int number = file.AsSpan().IndexOf(BitConverter.GetBytes(500f));
        file[number] ^= 1;
        File.WriteAllBytes(path, file);
        Assert.Equal($"'{path}' is no PyTorch state dict that can be read: archive/data/0 is damaged (its checksum is another); copy or download the file again.", Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path)).Message);

        // torch.save writes 0 where compute_crc32 is off.
        for (int i = 0; i < file.Length - 4; i++)
        {
            var rest = file.AsSpan(i);
            if (rest.StartsWith("PK\x03\x04"u8)) rest.Slice(14, 4).Clear();
            else if (rest.StartsWith("PK\x01\x02"u8)) rest.Slice(16, 4).Clear();
        }
        File.WriteAllBytes(path, file);
        using var read = PyTorchFile.Read(path);
        Assert.Equal(1000, read["fc.weight"].numel());
    }

    /// <summary>The directory of an archive may name the same bytes many times, as storages that are together much larger than the file.</summary>
    [Fact]
    public void Read_StoragesThatOverlapInTheFile_AreRefusedBeforeTheyFillTheMemory()
    {
        const int Storages = 10, Numbers = 1 << 18;
        string path = Path.Combine(folder, "overlapping.pth");
        using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
        {
            using (var entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open()) entry.Write(TinyPickles.TensorsOfOneNumber(Storages, Numbers));
            using (var entry = archive.CreateEntry("archive/data/0", CompressionLevel.NoCompression).Open()) entry.Write(new byte[4 * Numbers]);
            for (int i = 1; i < Storages; i++) archive.CreateEntry($"archive/data/{i}", CompressionLevel.NoCompression).Open().Dispose();
        }

        // Every entry of the directory after the pickle's becomes the first storage's, but for its name.
        var file = File.ReadAllBytes(path);
        int[] entries = [.. Enumerable.Range(0, file.Length - 4).Where(i => file.AsSpan(i, 4).SequenceEqual("PK\x01\x02"u8))];
        Assert.Equal(1 + Storages, entries.Length);
        foreach (int entry in entries[2..])
            foreach (var (start, length) in ((int, int)[])[(10, 18), (42, 4)]) // method to sizes, and where the bytes are
                file.AsSpan(entries[1] + start, length).CopyTo(file.AsSpan(entry + start));
        File.WriteAllBytes(path, file);
        Assert.Contains("storages are far larger than the file", Assert.Throws<WclUsageException>(() => PyTorchFile.Read(path)).Message, StringComparison.Ordinal);
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

    [Fact]
    public void Pickle_OfMillionsOfObjects_IsRefused_AndNumbersAreNoKeys()
    {
        Assert.Contains("more than 4,000,000 instructions", Assert.Throws<FormatException>(() => new PickleReader(Enumerable.Repeat((byte)'}', 5_000_000).ToArray()).Read()).Message, StringComparison.Ordinal);
        // {1: 2, "a": 3}, and a dictionary as the key
        var read = (Dictionary<string, object?>)new PickleReader([0x80, 2, (byte)'}', (byte)'(', (byte)'K', 1, (byte)'K', 2, 0x8C, 1, (byte)'a', (byte)'K', 3, (byte)'u', (byte)'.']).Read()!;
        Assert.Equal(["a"], read.Keys);
        Assert.Throws<FormatException>(() => new PickleReader([0x80, 2, (byte)'}', (byte)'}', (byte)'K', 2, (byte)'s', (byte)'.']).Read());
    }
}
