using System.IO.Compression;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>Files that are damaged, claim more than they have, or hold no state dict: each is refused with what is wrong with it, and takes no memory.</summary>
public sealed class PyTorchFileDamageTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pytorch-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

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
        byte[] file = File.ReadAllBytes(FixtureFiles.PyTorch("tiny-legacy.pth"));
        if (place < 0) file = file[..^1];
        else file[place] = value;
        string path = Path.Combine(folder, "old.pth");
        File.WriteAllBytes(path, file);
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => WeightsFile.Read(path)).Message, StringComparison.Ordinal);
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
