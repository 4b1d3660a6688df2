using TorchSharp;
using WclSharp.Checkpoints;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-safetensors-").FullName;

    private string At(string name) => Path.Combine(folder, name);

    [Fact]
    public void WhatIsWritten_IsReadBack_WhateverTheStridesAndTypes()
    {
        using var scope = NewDisposeScope();
        var channelsLast = arange(2 * 3 * 4 * 5).to(ScalarType.Float32).view(2, 4, 5, 3).permute(0, 3, 1, 2);
        var tensors = new (string, Tensor)[]
        {
            ("a.weight", channelsLast), ("steps", tensor(7L)), ("empty", zeros(0, 3)), ("half", ones(3).to(ScalarType.BFloat16)), ("exact", tensor(new[] { Math.PI })),
        };
        SafetensorsFile.Write(At("x.safetensors"), tensors, new Dictionary<string, string> { ["arch"] = "resnet18" });
        using var read = SafetensorsFile.Read(At("x.safetensors"));
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
