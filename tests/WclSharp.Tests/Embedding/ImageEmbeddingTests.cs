using System.Globalization;
using System.Text;
using Parquet;
using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Encoders;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

public sealed class ImageEmbeddingTests : IDisposable
{
    private readonly DataFolder folder = new();
    private readonly string encoder, onnx;
    private readonly List<(string Path, string Label)> images = [];

    public ImageEmbeddingTests()
    {
        encoder = folder["encoder.safetensors"];
        onnx = folder["encoder.onnx"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });
        for (int i = 0; i < 150; i++)
        {
            // Batches are 64 and 128 images.
            string quote = OperatingSystem.IsWindows() ? "'" : "\"", name = $"{i:000}, {quote}{i}{quote}.png", label = i % 2 == 0 ? "cat" : "dog";
            folder.Write($"images/{label}/{name}", ImageFiles.Skia(SKEncodedImageFormat.Png, 8 + i % 11, 8 + i % 23));
            images.Add(($"{label}/{name}", label));
        }
        images.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
    }

    public void Dispose() => folder.Dispose();

    private string Images => folder["images"];

    private float[][] Expected()
    {
        using var network = OnnxEncoder.Load(onnx);
        return network.Embed([.. images.Select(image => Path.Combine(Images, image.Path))]);
    }

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
    public void Run_AnOnnxFileOfAnyName_IsTakenForOne()
    {
        string named = folder["model"], file = folder["out.npy"];
        File.Copy(onnx, named);
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
        byte[] expected = File.ReadAllBytes(file);
        ImageEmbedding.Run(new EmbedOptions { Model = named, Data = Images, Out = file });
        Assert.Equal(expected, File.ReadAllBytes(file));
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
        Assert.Equal(64, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file }).Kept);
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
    public void Run_OtherFiles_AreCounted()
    {
        folder.Write("images/cat/notes.txt", "");
        folder.Write("images/dog/phone.heic", "");
        Assert.Equal(2, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = folder["out.csv"] }).Ignored);
    }

    [Fact]
    public void Run_OfARun_EmbedsItsImagesUnlessOthersAreNamed()
    {
        string run = folder["run/encoder.safetensors"];
        File.Copy(encoder, run);
        File.WriteAllText(folder["run/config.json"], $"{{ \"data\": {System.Text.Json.JsonSerializer.Serialize(Images)} }}");
        var result = ImageEmbedding.Run(new EmbedOptions { Model = Path.GetDirectoryName(run)!, Out = folder["run.csv"], Device = "cpu" });
        Assert.Equal(images.Count, result.Images);
        Assert.Contains(Images, result.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OfARun_TakesItsLabels_AndOthersWhereTheyAreNamed()
    {
        string run = Path.GetDirectoryName(folder["run/config.json"])!, own = Labels("own.csv", i => i < 100 ? "early" : null), other = Labels("other.csv", i => i == 7 ? "seventh" : null);
        File.Copy(encoder, Path.Combine(run, "encoder.safetensors"));
        File.WriteAllText(Path.Combine(run, "config.json"), $"{{ \"data\": {System.Text.Json.JsonSerializer.Serialize(Images)}, \"labels\": {System.Text.Json.JsonSerializer.Serialize(own)} }}");
        var options = new EmbedOptions { Model = run, Out = folder["run.npy"], Device = "cpu" };
        Assert.Equal(Enumerable.Range(0, 150).Select(i => i < 100 ? "early" : ""), Written(options));
        Assert.Equal(Enumerable.Range(0, 150).Select(i => i == 7 ? "seventh" : ""), Written(options with { Labels = other }));
        Assert.Equal(images.Select(image => image.Label), Written(options with { Data = Images })); // of other data the run's list is not

        List<string> warnings = [];
        string some = folder.Write("some.csv", File.ReadAllText(other) + "none.png,x\n");
        ImageEmbedding.Run(options with { Labels = some }, SmallRun.Noted(warnings));
        Assert.Equal($"1 of the 2 paths in '{some}' is not among the images there; the first is 'none.png'.", Assert.Single(warnings));
        string none = folder.Write("none.csv", "none.png,x\n");
        Assert.StartsWith($"None of the 1 paths in '{none}' is an image there", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options with { Labels = none })).Message, StringComparison.Ordinal);
        Assert.Contains(", which is read", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options with { Labels = some, Out = some })).Message, StringComparison.Ordinal);

        string Labels(string name, Func<int, string?> labelOf) => folder.Write(name, "path,label\n" + string.Concat(images.Select((image, i) =>
            labelOf(i) is { } label ? $"\"{image.Path.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{label}\n" : "")));

        string[] Written(EmbedOptions asked)
        {
            ImageEmbedding.Run(asked);
            return [.. File.ReadLines(folder["run.csv"]).Skip(1).Select(line => line[(line.LastIndexOf(',') + 1)..])];
        }
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

    [Fact]
    public void Run_NetworkOfNoUse_WritesNothing()
    {
        byte[] weights = File.ReadAllBytes(encoder);
        weights.AsSpan(weights.Length - 4096).Fill(0xFF); // not a number
        string broken = folder.Write("broken.safetensors", weights), file = folder["out.npy"];
        Assert.EndsWith("has a number that is not finite; the network's weights are of no use.",
            Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = broken, Data = Images, Out = file, Device = "cpu" })).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(file) || Directory.Exists(PartialEmbeddings.FolderOf(file)));
    }

    [Fact]
    public void Run_EveryImageReadable_LeavesNoOldListOfBadOnes()
    {
        string file = folder["clean.csv"], bad = folder.Write("clean.csv.bad_images.csv", "path,reason\nold.png,gone\n");
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
        Assert.False(File.Exists(bad));
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
        Assert.Equal(("Embedding images", 10_000L, 10_000L), (done[^1].Stage, done[^1].Done, done[^1].Total!.Value));

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

    [Fact]
    public void Run_BadImages_AreLeftOutAndListed_UpToAShare()
    {
        folder.Write("images/dog/000-bad.png", "no image");
        string file = folder["out.csv"];
        var result = ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
        Assert.Equal((150L, 1), (result.Images, result.BadImages));
        Assert.Equal(151, File.ReadAllLines(file).Length);
        Assert.StartsWith("dog/000-bad.png,", File.ReadAllLines(file + ".bad_images.csv")[1], StringComparison.Ordinal);

        File.WriteAllText(file, "before");
        folder.Write("images/dog/000-bad2.png", "no image either");
        Assert.Contains("--max-bad", Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file })).Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(file));
        Assert.Equal(152, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file, MaxBad = 0.5 }) is { } all ? all.Images + all.BadImages : 0);
    }

    [Fact]
    public void Run_ListOfBadImagesThatCannotBeWritten_KeepsWhatIsEmbedded()
    {
        folder.Write("images/dog/000-bad.png", "no image");
        string file = folder["out.csv"], list = Directory.CreateDirectory(folder["out.csv.bad_images.csv"]).FullName;
        Assert.StartsWith("The list of unreadable images cannot be written", Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file })).Message, StringComparison.Ordinal);
        Directory.Delete(list);
        Assert.Equal(150, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file }).Kept);
        Assert.Equal(2, File.ReadAllLines(list).Length);
        Assert.False(Directory.Exists(PartialEmbeddings.FolderOf(file)));
    }

    [Fact]
    public void Run_BadUsage_SaysSo()
    {
        Refused("has none of the endings .npy, .csv and .parquet", new EmbedOptions { Model = onnx, Out = folder["out.txt"] });
        Refused("it is a folder", new EmbedOptions { Model = onnx, Out = Directory.CreateDirectory(folder["folder.npy"]).FullName });
        Refused("Name a file in a folder that is there", new EmbedOptions { Model = onnx, Out = Path.Combine(folder.Path, "none", "out.npy") });
        Refused("There is no file or folder", new EmbedOptions { Model = onnx, Data = "nowhere", Out = folder["out.npy"] });
        Refused("There is no file", new EmbedOptions { Model = onnx + ".onnx", Out = folder["out.npy"] });
        Refused("There is no file 'nowhere'; give a run folder, its encoder.safetensors, or an ONNX file", new EmbedOptions { Model = "nowhere", Out = folder["out.npy"] });
        Refused("--workers -1", new EmbedOptions { Model = onnx, Out = folder["out.npy"], Workers = -1 });
        Directory.CreateDirectory(folder["empty/x"]);
        Refused("No images under", new EmbedOptions { Model = onnx, Data = folder["empty"], Out = folder["out.npy"] });
        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);
        Assert.Empty(Directory.GetDirectories(folder.Path, "*.partial"));

        static void Refused(string message, EmbedOptions options) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ByLibtorch_LeavesNoTensor()
    {
        var options = new EmbedOptions { Model = encoder, Data = Images, Out = folder["out.npy"], Device = "cpu" };
        LiveTensors.AssertNoneLeftBy(() => ImageEmbedding.Run(options));
    }
}
