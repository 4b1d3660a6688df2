using System.Runtime.CompilerServices;
using WclSharp.Inference;
using WclSharp.Tests.Files;

namespace WclSharp.Tests.Inference;

public sealed class ImageIndexWriterTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-index-writer-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Write_WithoutComplete_LeavesWhatWasThere()
    {
        string path = FileOf("kept");
        File.WriteAllText(path, "before");
        using (var writer = new ImageIndexWriter(path, 2)) writer.Add("a", null, [1, 2]);
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder));
        using (var writer = new ImageIndexWriter(path, 2))
        {
            writer.Complete();
            Assert.Throws<ObjectDisposedException>(() => writer.Add("a", null, [1, 2]));
        }
        Assert.Equal([path], Directory.GetFiles(folder));
        Assert.Contains("Name a file in a folder that is there", Assert.Throws<WclUsageException>(() => new ImageIndexWriter(FileOf("no/where"), 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_BeyondTheLimitOfAFile_SaysSo_AndLeavesNothing()
    {
        FarPosition.SkipUnlessRefused(folder);
        string path = FileOf("large");
        float[] row = new float[3 << 12]; // 48 KiB: the second is more than a buffer holds
        using (var writer = new ImageIndexWriter(path, row.Length))
        {
            RowsOf(writer).Position = FarPosition.Value;
            writer.Add("a", null, row);
            Assert.Equal($"Could not write '{path}': it is larger than files may be there. Raise the limit on the size of files (ulimit -f); what was there before is intact.",
                Assert.Throws<WclException>(() => writer.Add("b", null, row)).Message);
            Assert.Equal($"Writing '{path}' has failed before; begin it anew.", Assert.Throws<WclException>(writer.Complete).Message);
        }
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_ModelFile_IsNoted_SoThatAnotherIsRefused()
    {
        string model = FileOf("m.onnx"), other = FileOf("n.onnx"), path = FileOf("noted.index");
        File.WriteAllText(model, "one");
        File.WriteAllText(other, "two");
        using (var writer = new ImageIndexWriter(path, 2, metadata: new Dictionary<string, string> { ["by"] = "me" }, modelFile: model)) writer.Complete();
        using var index = ImageIndex.Open(path);
        index.RequireModel(model);
        Assert.Equal(("me", model), (index.Metadata["by"], index.Metadata["model"]));
        Assert.Contains("another model", Assert.Throws<WclUsageException>(() => index.RequireModel(other)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("modelFile", () => index.RequireModel(null!));
        Assert.Contains("none.onnx' cannot be read", Assert.Throws<WclUsageException>(() => new ImageIndexWriter(FileOf("x"), 2, modelFile: FileOf("none.onnx"))).Message, StringComparison.Ordinal);
        foreach (string none in (string[])["", "a\0b"])
        {
            Assert.Contains("cannot be read", Assert.Throws<WclUsageException>(() => new ImageIndexWriter(FileOf("x"), 2, modelFile: none)).Message, StringComparison.Ordinal);
            Assert.Contains("cannot be read", Assert.Throws<WclUsageException>(() => index.RequireModel(none)).Message, StringComparison.Ordinal);
        }
        Assert.Throws<ArgumentException>("path", () => new ImageIndexWriter("a\0b", 2));
        Assert.Contains("\"a\" is null", Assert.Throws<ArgumentException>("metadata", () => new ImageIndexWriter(FileOf("x"), 2, metadata: new Dictionary<string, string> { ["a"] = null! })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Add_ByManyThreads_KeepsEachRowWhole()
    {
        string path = FileOf("together");
        using (var writer = new ImageIndexWriter(path, 2))
        {
            Parallel.For(0, 2000, i => writer.Add($"{i}", $"class {i % 7}", [MathF.Cos(i / 400f), MathF.Sin(i / 400f)]));
            writer.Complete();
        }
        using var index = ImageIndex.Open(path);
        Assert.Equal(2000, index.Count);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"{i}").Order(StringComparer.Ordinal), Enumerable.Range(0, 2000).Select(index.NameOf).Order(StringComparer.Ordinal));
        for (int row = 0; row < 2000; row++)
        {
            int i = int.Parse(index.NameOf(row), System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal($"class {i % 7}", index.LabelOf(row));
            Assert.Equal(MathF.Cos(i / 400f), index.VectorOf(row)[0], 1e-6f);
        }
    }

    private string FileOf(string name) => Path.Combine(folder, name);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "rows")]
    private static extern ref FileStream RowsOf(ImageIndexWriter writer);
}
