using System.Globalization;
using System.Text;
using Parquet;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

public sealed class EmbeddingFormatTests : EmbeddingTest
{
    [Fact]
    public void Run_WhatWouldBeWrittenOverAListOrTheSource_IsRefused()
    {
        string list = folder.Write("list.csv", $"path\nimages/{images[0].Path.Replace("\"", "\"\"", StringComparison.Ordinal)}\n");
        string Refusal(string data, string file) => Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = data, Out = file })).Message;
        Assert.Contains(", which is read", Refusal(list, list), StringComparison.Ordinal);
        Assert.Contains(", which is read", Refusal(list, folder["list.npy"]), StringComparison.Ordinal);
        Assert.Contains("there is a file already", Refusal(Images, folder["list.npy"]), StringComparison.Ordinal);
        Assert.StartsWith("path\n", File.ReadAllText(list), StringComparison.Ordinal);
        string named = folder["named.csv"]; // a model may have any name
        File.Copy(onnx, named);
        Assert.Contains(", which is read", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(new EmbedOptions { Model = named, Data = Images, Out = named })).Message, StringComparison.Ordinal);

        string trained = folder["run/encoder.safetensors"]; // a run is named by its folder
        File.Copy(encoder, trained);
        Assert.Contains(", which is read", Assert.Throws<WclUsageException>(() => ImageIndexing.Run(new IndexOptions { Model = Path.GetDirectoryName(trained)!, Data = Images, Out = trained })).Message, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(encoder), File.ReadAllBytes(trained));

        string again = folder["again.npy"];
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = again });
        Assert.Equal(images.Count, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = again }).Images); // its own list may be replaced
    }

    [Fact]
    public void Run_StoppedBetweenTheTwoNamesOfANpyFile_GoesOn()
    {
        string file = folder["out.npy"], partial = PartialEmbeddings.FolderOf(file), kept = folder["kept"];
        using (var stop = new CancellationTokenSource())
        {
            // Called at the first batch, after which nothing more is embedded.
            var progress = new ProgressHandler<RunProgress>(value => { if (value is RunProgress.Working { Stage: "Embedding images" }) stop.Cancel(); });
            Assert.Throws<OperationCanceledException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file }, progress, stop.Token));
        }

        Assert.True(PartialEmbeddings.IsBegun(file));
        Directory.Move(partial, kept);
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
        byte[] whole = File.ReadAllBytes(file);
        File.Delete(file);                    // the list has its name, the table not yet
        Directory.Move(kept, partial);
        Assert.Equal(64, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file }).Resumed);
        Assert.Equal(whole, File.ReadAllBytes(file));
        Assert.False(Directory.Exists(partial));
    }

    [Fact]
    public void Run_OutThatIsALink_IsWrittenToWhatItLeadsTo()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        string target = folder.Write("elsewhere/out.csv", "old"), link = folder["link.csv"], index = folder.Write("elsewhere/out.index", "old"), indexLink = folder["link.index"];
        File.CreateSymbolicLink(link, target);
        File.CreateSymbolicLink(indexLink, index);
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = link });
        Assert.Equal(151, File.ReadLines(target).Count());
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        using (var writer = new ImageIndexWriter(indexLink, 4))
        {
            writer.Add("a", null, [1, 2, 3, 4]);
            writer.Complete();
        }

        Assert.Equal(index, new FileInfo(indexLink).LinkTarget);
        using var read = ImageIndex.Open(index);
        Assert.Equal(1, read.Count);
    }

    [Fact]
    public void Run_CsvOverTheListOfANpyFile_IsRefused()
    {
        string table = folder["x.npy"], list = folder["x.csv"];
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = table });
        byte[] before = File.ReadAllBytes(list);
        var options = new EmbedOptions { Model = onnx, Data = Images, Out = list };
        Assert.Contains($"the paths and labels of '{table}'", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options)).Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(list));
        File.Delete(table);
        ImageEmbedding.Run(options);
        File.WriteAllText(table, ""); // beside a table of embeddings, which may be written anew
        Assert.Equal(images.Count, ImageEmbedding.Run(options).Images);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_Npy_HoldsEveryVector_WithPathsAndLabelsBesideIt(bool withOnnx)
    {
        string file = folder["out.npy"];
        var result = ImageEmbedding.Run(new EmbedOptions { Model = withOnnx ? onnx : encoder, Data = Images, Out = file, Device = "cpu" });
        Assert.Equal((file, 150L, 32, 0), (result.File, result.Images, result.FeatureSize, result.BadImages));

        byte[] bytes = File.ReadAllBytes(file);
        Assert.Equal([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, 118, 0], bytes[..10]);
        Assert.StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (150, 32), }", Encoding.ASCII.GetString(bytes, 10, 118), StringComparison.Ordinal);
        Assert.Equal((byte)'\n', bytes[127]);
        Assert.Equal(128 + 4 * 150 * 32, bytes.Length);
        float[][] expected = Expected();
        for (int i = 0; i < expected.Length; i++)
            for (int j = 0; j < 32; j++) Assert.Equal(expected[i][j], BitConverter.ToSingle(bytes, 128 + 4 * (i * 32 + j)), 1e-4);

        string[] rows = File.ReadAllLines(folder["out.csv"]);
        Assert.Equal("path,label", rows[0]);
        Assert.Equal(images.Select(image => $"\"{image.Path.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{image.Label}"), rows[1..]);
        Assert.False(File.Exists(file + ".bad_images.csv"));
    }

    [Fact]
    public void Run_Csv_HasTheSameNumbers()
    {
        string file = folder["out.csv"];
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
        string[] rows = File.ReadAllLines(file);
        Assert.Equal("path,label," + string.Join(',', Enumerable.Range(0, 32).Select(i => $"f{i}")), rows[0]);
        float[][] expected = Expected();
        Assert.Equal(expected.Length + 1, rows.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], rows[i + 1].Split(',')[^32..].Select(text => float.Parse(text, CultureInfo.InvariantCulture)), (a, b) => Math.Abs(a - b) < 1e-4);
    }

    [Fact]
    public async Task Parquet_SeveralRowGroups_AreReadBack()
    {
        string path = folder["out.parquet"];
        const int Size = 2000, Rows = 5000; // 2097 rows make a group
        using (var file = EmbeddingFile.FormatOf(path)(path, Size))
        {
            for (int i = 0; i < Rows; i++) file.Add($"image {i}", i % 3 == 0 ? null : $"class {i % 3}", [.. Enumerable.Range(0, Size).Select(j => i + j / 4096f)]);
            file.Complete();
        }

        using var stream = File.OpenRead(path);
        await using var reader = await ParquetReader.CreateAsync(stream);
        Assert.Equal(["path", "label", "features/list/element"], reader.Schema.GetDataFields().Select(field => field.Path.ToString()));
        Assert.Equal(3, reader.RowGroupCount);
        int row = 0;
        for (int g = 0; g < reader.RowGroupCount; g++)
        {
            using var group = reader.OpenRowGroupReader(g);
            var fields = reader.Schema.GetDataFields();
            int rows = (int)group.RowCount;
            var (paths, labels, numbers, levels) = (new string?[rows], new string?[rows], new float[rows * Size], new int[rows * Size]);
            await group.ReadAsync(fields[0], paths.AsMemory());
            await group.ReadAsync(fields[1], labels.AsMemory());
            await group.ReadRawAsync<float>(fields[2], numbers.AsMemory(), new int[numbers.Length].AsMemory(), levels.AsMemory(), CancellationToken.None);
            for (int i = 0; i < rows; i++, row++)
            {
                Assert.Equal($"image {row}", paths[i]);
                Assert.Equal(row % 3 == 0 ? null : $"class {row % 3}", labels[i]);
                Assert.Equal(0, levels[i * Size]);
                Assert.Equal(row + 7 / 4096f, numbers[i * Size + 7]);
                Assert.Equal(row + (Size - 1) / 4096f, numbers[(i + 1) * Size - 1]);
            }
            Assert.Equal(rows, levels.Count(level => level == 0));
        }
        Assert.Equal(Rows, row);
    }

    [Fact]
    public async Task Run_EmbeddedImages_HaveTheirNamesAndLabels()
    {
        string file = folder["out.parquet"];
        var done = new List<RunProgress.Working>();
        var result = ImageEmbedding.Run(new EmbedOptions { Model = onnx, Out = file }, new Training.ProgressHandler<RunProgress>(report => done.Add((RunProgress.Working)report)));
        Assert.Equal(10_000, result.Images);
        Assert.Equal([("Embedding images", 10_000L, 10_000L), ("Writing rows", 10_000, 10_000)], done.GroupBy(report => report.Stage).TakeLast(2).Select(stage => (stage.Key, stage.Last().Done, stage.Last().Total!.Value)));

        using var stream = File.OpenRead(file);
        await using var reader = await ParquetReader.CreateAsync(stream);
        var fields = reader.Schema.GetDataFields();
        var (names, labels) = (new List<string?>(), new List<string?>());
        for (int g = 0; g < reader.RowGroupCount; g++)
        {
            using var group = reader.OpenRowGroupReader(g);
            foreach (var (field, column) in new[] { (fields[0], names), (fields[1], labels) })
            {
                var texts = new string?[(int)group.RowCount];
                await group.ReadAsync(field, texts.AsMemory());
                column.AddRange(texts);
            }
        }

        using var images = ImageDataset.Read(new DatasetOptions());
        Assert.Equal(Enumerable.Range(0, images.Count).Select(images.NameOf), names);
        Assert.Equal(images.Labels.ToArray().Select(label => images.ClassNames[label]), labels);
        Assert.Equal(10, labels.Distinct().Count());
    }
}
