using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Files;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-safetensors-").FullName;

    private string At(string name) => Path.Combine(folder, name);

    [Theory]
    [InlineData(SafetensorsFile.LargestSlice), InlineData(8), InlineData(40)] // a tensor in one part or in many
    public void WhatIsWritten_IsReadBack_WhateverTheStridesAndTypes(int slice)
    {
        using var scope = NewDisposeScope();
        var channelsLast = arange(2 * 3 * 4 * 5).to(ScalarType.Float32).view(2, 4, 5, 3).permute(0, 3, 1, 2);
        var tensors = new (string, Tensor)[]
        {
            ("a.weight", channelsLast), ("steps", tensor(7L)), ("empty", zeros(0, 3)), ("half", ones(3).to(ScalarType.BFloat16)), ("exact", tensor(new[] { Math.PI })),
        };
        SafetensorsFile.Write(At("x.safetensors"), tensors, new Dictionary<string, string> { ["arch"] = "resnet18" }, slice);
        using var read = SafetensorsFile.Read(At("x.safetensors"), slice);
        Assert.Equal("resnet18", read.Metadata["arch"]);
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.shape, read[name].shape);
            Assert.Equal(expected.dtype, read[name].dtype);
            Assert.True(expected.eq(read[name]).all().ToBoolean(), name);
        }
        Assert.Equal(["x.safetensors"], Directory.GetFiles(folder).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(0), InlineData(4), InlineData(8), InlineData(60), InlineData(-1)]
    public void CutFile_IsRefusedByName(int length)
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(At("whole.safetensors"), [("a", ones(100))]);
        var bytes = File.ReadAllBytes(At("whole.safetensors"));
        File.WriteAllBytes(At("cut.safetensors"), bytes[..(length < 0 ? bytes.Length + length : length)]);
        var error = Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("cut.safetensors")));
        Assert.Contains("cut.safetensors", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void HeaderThatClaimsTerabytes_IsRefusedWithoutAllocation()
    {
        File.WriteAllBytes(At("bomb.safetensors"), [0, 0, 0, 0, 0, 1, 0, 0, (byte)'{', (byte)'}']);
        Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("bomb.safetensors")));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b' begins at 4, not at 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'a' begins at 4, not at 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "its tensors have 8 bytes, its data 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "'a' has 8 bytes for 3 numbers of F32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "'a' has an impossible shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "overflow")]
    [InlineData("""{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}""", 16, "the dtype F128, which is not known")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'a'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "has 1 offsets")]
    [InlineData("""{"a":7}""", 0, "")]
    public void WrongHeader_IsRefusedWithTheReason(string header, int dataBytes, string reason)
    {
        byte[] json = System.Text.Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(At("wrong.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[dataBytes]]);
        var error = Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("wrong.safetensors")));
        Assert.Contains(reason, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("wrong.safetensors", error.Message, StringComparison.Ordinal);
    }

    /// <summary>1.8 million names of empty tensors filled gigabytes.</summary>
    [Fact]
    public void HeaderOfTooManyTensors_IsRefusedBeforeObjectsAreMadeOfIt()
    {
        const int Names = 500_000;
        byte[] json = System.Text.Encoding.UTF8.GetBytes($"{{{string.Join(',', Enumerable.Range(0, Names).Select(i => $"\"{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"))}}}");
        File.WriteAllBytes(At("many.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("it has more than 100,000 tensors", Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("many.safetensors"))).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, json.Length + (4 << 20));
    }

    /// <summary>Little-endian, as other programs write them.</summary>
    [Theory]
    [InlineData("F64", new byte[] { 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0xC0 }, -2)]
    [InlineData("F32", new byte[] { 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0 }, -2)]
    [InlineData("F16", new byte[] { 0, 0x3C, 0, 0xC0 }, -2)]
    [InlineData("BF16", new byte[] { 0x80, 0x3F, 0, 0xC0 }, -2)]
    [InlineData("I64", new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, -2)]
    [InlineData("I32", new byte[] { 1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF }, -2)]
    [InlineData("I16", new byte[] { 1, 0, 0xFE, 0xFF }, -2)]
    [InlineData("I8", new byte[] { 1, 0xFE }, -2)]
    [InlineData("U8", new byte[] { 1, 0xFE }, 254)]
    [InlineData("BOOL", new byte[] { 1, 0 }, 0)]
    public void NumbersOfEveryType_AreRead(string type, byte[] data, double second)
    {
        using var scope = NewDisposeScope();
        byte[] json = System.Text.Encoding.UTF8.GetBytes($$$"""{"a":{"dtype":"{{{type}}}","shape":[2],"data_offsets":[0,{{{data.Length}}}]}}""");
        File.WriteAllBytes(At("typed.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json, .. data]);
        using var read = SafetensorsFile.Read(At("typed.safetensors"));
        Assert.Equal([1, second], read["a"].to(ScalarType.Float64).data<double>().ToArray());
    }

    [Fact]
    public void TensorsOfTypesThatAreNotReadHere_AreLeftAsideByName()
    {
        byte[] json = """{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"seeds":{"dtype":"U32","shape":[2],"data_offsets":[0,8]},"scale":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[12,15]}}"""u8.ToArray();
        File.WriteAllBytes(At("odd.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[8], .. BitConverter.GetBytes(2.5f), .. new byte[3]]);
        using var read = SafetensorsFile.Read(At("odd.safetensors"));
        Assert.Equal(["a"], read.Tensors.Keys);
        Assert.Equal(2.5f, read["a"].item<float>());
        Assert.Equal(("a tensor of U32", "a tensor of F8_E4M3"), (read.Others["seeds"], read.Others["scale"]));
    }

    [Theory]
    [InlineData("is empty", "")]
    [InlineData("is a file as PyTorch's .pth files are, which have no image size and normalisation; use it with wcl pretrain --init", "PK\u0003\u0004............")]
    [InlineData("is a file as PyTorch's .pth files are", "\u0080\u0002\u008A\u000A............")]
    [InlineData("is a file as PyTorch's .pth files are", "\u0080\u0004\u0095\u000D.......\u008A\u000A...")]
    [InlineData("is an ONNX file, which wcl embed and wcl index take", "\u0008\u0008\u0012\u0003wcl............")]
    [InlineData("is not a whole safetensors file", "something else altogether")]
    public void FilesOfOtherKinds_AreNamed_WithWhatTakesThem(string message, string start)
    {
        File.WriteAllBytes(At("other"), System.Text.Encoding.Latin1.GetBytes(start));
        var error = Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("other")));
        Assert.Contains($"other' {message}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingFile_IsNamed() => Assert.Contains("nowhere", Assert.Throws<WclUsageException>(() => SafetensorsFile.Read(At("nowhere.safetensors"))).Message, StringComparison.Ordinal);

    [Fact]
    public void FailedWrite_LeavesTheOldFile()
    {
        File.WriteAllText(At("kept"), "old");
        Assert.Throws<WclException>(() => AtomicFile.Write(At("kept"), stream => { stream.WriteByte(1); throw new IOException("No space left on device"); }));
        Assert.Equal("old", File.ReadAllText(At("kept")));
        Assert.Single(Directory.GetFiles(folder));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
