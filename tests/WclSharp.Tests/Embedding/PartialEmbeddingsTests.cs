using System.Globalization;
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

/// <summary>A table or index that is stopped anywhere goes on, and ends with the same bytes as one that was not.</summary>
public sealed class PartialEmbeddingsTests : IDisposable
{
    private const int Images = 150; // three batches of an ONNX file, two of libtorch
    private static readonly string[] Unreadable = ["cat/000.png", "cat/070.png", "dog/149.png"]; // first, within, last
    private readonly DataFolder folder = new();
    private readonly string encoder, onnx;

    public PartialEmbeddingsTests()
    {
        encoder = folder["encoder.safetensors"];
        onnx = folder["encoder.onnx"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });
        for (int i = 0; i < Images; i++) folder.Write(FileOf(i), ImageOf(i));
        foreach (string name in Unreadable) Overwrite(name, bytes => bytes.AsSpan().Clear());
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(".npy", false)]
    [InlineData(".npy", true)]
    [InlineData(".csv", false)]
    [InlineData(".parquet", false)]
    [InlineData(".index", false)]
    public void Run_StoppedAtAnyBatch_EndsWithTheSameBytes(string ending, bool libtorch)
    {
        string model = libtorch ? encoder : onnx, whole = folder["whole/out" + ending];
        int batch = libtorch ? 128 : 64, batches = libtorch ? 2 : 3;
        Run(model, whole);
        for (int stopAt = 1; stopAt <= batches; stopAt++)
        {
            string file = folder[$"stopped-{stopAt}/out{ending}"];
            File.WriteAllText(file, "before");
            Assert.Equal(stopAt, Stop(model, file, stopAt));
            Assert.Equal("before", File.ReadAllText(file));
            Assert.Equal(["000000.part", "embedding.json"], Directory.GetFiles(file + ".partial").Select(Path.GetFileName).Order());
            Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(file)!, "*.tmp"));

            Assert.Equal(Math.Min(stopAt * batch, Images - Unreadable.Length), Run(model, file).Resumed);
            AssertSame(whole, file);
        }

        // Stopped after every batch.
        string often = folder["often/out" + ending];
        for (int i = 1; i < batches; i++) Stop(model, often, 1);
        Run(model, often);
        AssertSame(whole, often);
    }

    [Fact]
    public void Run_GoingOn_ReadsNoImageAgain()
    {
        string whole = folder["whole/out.npy"], file = folder["stopped/out.npy"];
        Run(onnx, whole);
        Stop(onnx, file, 1);
        // 65 images were looked at for 64 rows: other content of the same length and time would show.
        Overwrite("cat/000.png", bytes => ImageOf(0).CopyTo(bytes, 0));
        for (int i = 1; i < 65; i++) Overwrite($"cat/{i:000}.png", bytes => bytes.AsSpan().Clear());
        Assert.Equal((64, Unreadable.Length), (Run(onnx, file).Resumed, File.ReadAllLines(file + ".bad_images.csv").Length - 1));
        AssertSame(whole, file);
    }

    [Fact]
    public void Run_GoingOn_ReadsAgainWhatCouldNotBeOpened()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        string whole = folder["whole/out.npy"], file = folder["stopped/out.npy"], link = folder[FileOf(100)];
        byte[] image = File.ReadAllBytes(link);
        File.Delete(link);
        File.CreateSymbolicLink(link, folder["disk/100.png"]); // a disk that is not there
        for (int i = 0; i < 2; i++) Stop(onnx, file, 1);

        folder.Write("disk/100.png", image);
        Run(onnx, whole);
        List<string> warnings = [];
        var result = Run(onnx, file, progress: SmallRun.Noted(warnings));
        Assert.Equal(64, result.Resumed); // the part before
        Assert.Contains("'dog/100.png' could not be read before and can be now", Assert.Single(warnings), StringComparison.Ordinal);
        AssertSame(whole, file);
    }

    [Fact]
    public void Run_GoingOn_ReadsListedFilesThatWereNotThere_AndNoticesWhenTheyChangeAfterwards()
    {
        string list = folder.Write("some.csv", string.Concat(Enumerable.Range(0, 96).Select(i => $"{FileOf(i)}\n")));
        string whole = folder["whole/out.npy"], file = folder["stopped/out.npy"], late = folder[FileOf(80)], later = folder[FileOf(81)];
        byte[] image = File.ReadAllBytes(late), other = File.ReadAllBytes(later);
        foreach (string gone in (string[])[late, later]) File.Delete(gone); // a drive that is not there
        Stop(onnx, file, 1, list); // none of them yet

        File.WriteAllBytes(late, image);
        Stop(onnx, file, 1, list); // it goes on; the other one is still away
        File.WriteAllBytes(later, other);
        Run(onnx, whole, data: list);
        var result = Run(onnx, file, data: list);
        Assert.Equal(64, result.Resumed); // the part before
        AssertSame(whole, file);

        string changed = folder["changed/out.npy"];
        File.Delete(late);
        Stop(onnx, changed, 1, list);
        File.WriteAllBytes(late, image);
        Stop(onnx, changed, 1, list);
        File.WriteAllBytes(late, other); // from now on it counts
        File.SetLastWriteTimeUtc(late, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.Contains("have changed", Refusal(onnx, changed, data: list), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_GoingOn_NoticesOtherImagesBehindLinks()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        string file = folder["linked/out.npy"], link = folder[FileOf(3)], target = folder["store/3.png"];
        folder.Write("store/3.png", File.ReadAllBytes(link));
        File.Delete(link);
        File.CreateSymbolicLink(link, target);
        Stop(onnx, file, 1);
        File.SetLastWriteTimeUtc(target, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.Contains("have changed", Refusal(onnx, file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("photos.index", true)]
    [InlineData("photos.parquet", true)]
    [InlineData("photos.npy", false)] // whose list it is
    public void Open_LeavesAnothersUnfinishedList(string name, bool stays)
    {
        string unfinished = folder.Write("others/photos.csv.0123abcd.tmp", "path,label\n");
        File.SetLastWriteTimeUtc(unfinished, DateTime.UtcNow.AddDays(-2));
        Stop(onnx, folder["others/" + name], 1);
        Assert.Equal(stays, File.Exists(unfinished));
    }

    [Fact]
    public void StoppedProcess_GoesOn_AndEndsWithTheSameBytes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are sent by kill, and reset by coreutils' env");
        string slow = folder["slow.safetensors"], model = folder["slow.onnx"], whole = folder["whole/out.index"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 16, ImageSize = 32 }, slow).Dispose();
        ModelExport.Run(new ExportOptions { Source = slow, Out = model });
        ImageIndexing.Run(new IndexOptions { Model = model, Out = whole });

        foreach (var (signal, code) in (ValueTuple<string, int>[])[("KILL", 137), ("INT", 130), ("TERM", 143)])
        {
            string file = folder[$"stopped-{signal}/out.index"];
            string[] command = ["--default-signal=INT,TERM", ChildProcess.Dotnet, Path.Combine(AppContext.BaseDirectory, "wcl.dll"), "index", model, "--out", file];
            using (var process = ChildProcess.Start("env", command))
            {
                // 10,000 images, of which a part holds 4,096.
                process.Await(() => File.Exists(Path.Combine(file + ".partial", "000000.part")));
                process.Signal(signal);
                var (exit, _, error) = process.End();
                Assert.Equal(code, exit);
                if (signal == "KILL") Assert.Empty(error);
                else Assert.Matches(@"^Stopped\. What is done is kept in .*out\.index\.partial; the same command goes on\.\n$", error);
            }
            Assert.False(File.Exists(file));
            if (signal == "TERM") continue; // it saves by the same lines as INT

            using (var process = ChildProcess.Start("env", command))
                Assert.Contains("were done before, by a command that was stopped", process.End(expectedCode: 0), StringComparison.Ordinal);
            AssertSame(whole, file);
        }
    }

    [Fact]
    public void Run_WithOtherImagesOrAnotherModel_IsRefused_ButRestarts()
    {
        string file = folder["out.npy"], other = folder["other.onnx"], fresh = folder["fresh/out.npy"];
        Stop(onnx, file, 2);
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 24 }, folder["other.safetensors"]).Dispose();
        ModelExport.Run(new ExportOptions { Source = folder["other.safetensors"], Out = other });
        Assert.Contains($"the model was '{onnx}' and is '{other}'", Refusal(other, file), StringComparison.Ordinal);
        Assert.Contains("the images were", Refusal(onnx, file, data: folder["images/dog"]), StringComparison.Ordinal);

        folder.Write("images/dog/new.png", ImageFiles.Skia(SKEncodedImageFormat.Png));
        string refusal = Refusal(onnx, file);
        Assert.Contains($"the images of {folder["images"]} have changed (150 then, 151 now)", refusal, StringComparison.Ordinal);
        Assert.Contains("--restart", refusal, StringComparison.Ordinal);
        File.Delete(folder["images/dog/new.png"]);
        File.SetLastWriteTimeUtc(folder[FileOf(140)], DateTime.UtcNow.AddMinutes(1));
        Assert.Contains("(150 then, 150 now)", Refusal(onnx, file), StringComparison.Ordinal);

        Assert.Equal(0, Run(onnx, file, restart: true).Resumed);
        Run(onnx, fresh);
        AssertSame(fresh, file);
    }

    [Fact]
    public void Run_TooManyBadImages_KeepsWhatIsEmbedded()
    {
        string file = folder["out.npy"];
        string message = Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = folder["images"], Out = file })).Message;
        Assert.Contains("--max-bad", message, StringComparison.Ordinal);
        Assert.Contains("--restart", message, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
        Assert.Equal(Images - Unreadable.Length, Run(onnx, file).Resumed);
        Assert.False(Directory.Exists(file + ".partial"));
    }

    [Fact]
    public void Run_FolderThatCannotBeGoneOnWith_SaysWhy()
    {
        string file = folder["out.npy"], partial = file + ".partial", part = Path.Combine(partial, "000000.part");
        for (int i = 0; i < 2; i++) Stop(onnx, file, 1);
        byte[] bytes = File.ReadAllBytes(part);
        File.Delete(part);
        Assert.Contains("000001.part' cannot be gone on with: the one before it is not there. Begin anew with --restart.", Refusal(onnx, file), StringComparison.Ordinal);
        File.WriteAllBytes(part, bytes[..20]);
        Assert.Contains("it is cut off", Refusal(onnx, file), StringComparison.Ordinal);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(part, bytes);
        Assert.Contains("000000.part' cannot be gone on with: its SHA-256", Refusal(onnx, file), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(partial, "embedding.json"), "{");
        Assert.Contains("embedding.json' cannot be read", Refusal(onnx, file), StringComparison.Ordinal);
        using (new FileStream(Path.Combine(partial, ".lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
            Assert.Contains("no other process writes it", Refusal(onnx, file, restart: true), StringComparison.Ordinal);
        Assert.Equal(0, Run(onnx, file, restart: true).Resumed);
        Assert.False(Directory.Exists(partial));

        // Parts whose facts are gone can be done again, on demand.
        folder.Write("out.npy.partial/000000.part", "of whom?");
        Assert.Contains("but its embedding.json is gone, which says what they hang on; copy it back, or begin anew with --restart", Refusal(onnx, file), StringComparison.Ordinal);
        folder.Write("out.npy.partial/000001.part.x1y2z3a4.tmp", "left by a process that was killed");
        folder.Write("out.csv.x1y2z3a4.tmp", "left by a process that was killed");
        Assert.Equal(0, Run(onnx, file, restart: true).Resumed);
        Assert.False(Directory.Exists(partial));
        Assert.False(File.Exists(folder["out.csv.x1y2z3a4.tmp"]));

        folder.Write("out.npy.partial/diary.part", "mine");
        Assert.Contains("holds 'diary.part', which is no part of a table", Refusal(onnx, file, restart: true), StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(folder["out.npy.partial/diary.part"]));
    }

    [Fact]
    public void Run_GoingOn_WithOtherLabels_IsRefused()
    {
        string file = folder["out.npy"], rows = "cat/001.png,a\ncat/003.png,a\n", labels = folder.Write("labels.csv", rows), others = folder.Write("others.csv", "cat/001.png,b\n");
        var options = new EmbedOptions { Model = onnx, Data = folder["images"], Out = file, MaxBad = 0.1, Labels = labels };
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => ImageEmbedding.Run(options, new ProgressHandler<RunProgress>(_ => stop.Cancel()), stop.Token));
        Assert.Contains($"the labels were those in '{labels}' and are those in '{others}'", Refused(options with { Labels = others }), StringComparison.Ordinal);
        Assert.Contains($"the labels were those in '{labels}' and are those of the images' source", Refused(options with { Labels = null }), StringComparison.Ordinal);
        File.AppendAllText(labels, "cat/002.png,a\n");
        Assert.Contains($"the labels in '{labels}' have changed", Refused(options), StringComparison.Ordinal);
        File.WriteAllText(labels, rows);
        List<string> told = [];
        Assert.Equal(64, ImageEmbedding.Run(options, SmallRun.Noted(told)).Resumed);
        Assert.DoesNotContain(told, warning => warning.Contains("not among the images", StringComparison.Ordinal)); // those embedded before count as found

        static string Refused(EmbedOptions options) => Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options)).Message;
    }

    [Fact]
    public void Differences_OfDeviceAndVersion_AreTold()
    {
        var facts = new PartialFacts { Version = "1", Model = "m", ModelSha256 = "", Device = "cpu", FeatureSize = 8, Data = "d", Images = 3, ImagesSha256 = "" };
        Assert.Empty(facts.Differences(facts));
        Assert.Equal(["the device was cpu and is cuda:0"], facts.Differences(facts with { Device = "cuda:0" }));
        Assert.Equal(["the precision was that of the model and is bf16"], facts.Differences(facts with { Precision = "bf16" }));
        Assert.Equal(["WclSharp was 1 and is 2"], facts.Differences(facts with { Version = "2" }));
    }

    [Fact]
    public void Run_StoppedBeforeTheFirstBatch_LeavesNothing()
    {
        string file = folder["none/out.npy"];
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Out = file }, null, stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(folder["none"]));
    }

    [Fact]
    public void Listing_KnowsTheSameImagesAgain_AndOthersAsOthers()
    {
        string list = folder.Write("images/list.csv", "path,label\ncat/000.png,a\ncat/001.png,b\n");
        string tar = folder.Write("images.tar", new TarFile().Add("a/1.png", ImageFiles.Png16).Add("b/2.png", ImageFiles.Png16).ToArray());
        string idx = folder.Write("images-idx3-ubyte", DataFolder.Idx([2, 4, 4], new byte[32])), labels = folder.Write("labels-idx1-ubyte", DataFolder.Idx([2], [0, 1]));
        var hashes = new HashSet<string>();
        Changes(list, () => File.WriteAllText(list, "path,label\ncat/000.png,a\ncat/001.png,c\n"));
        Changes(list, () => File.WriteAllText(list, "path,label\ncat/000.png,a\ncat/002.png,c\n"));
        Changes(list, () => File.Delete(folder["images/cat/002.png"]));
        Changes(tar, () => File.SetLastWriteTimeUtc(tar, DateTime.UtcNow.AddMinutes(1)));
        Changes(idx, () => File.SetLastWriteTimeUtc(labels, DateTime.UtcNow.AddMinutes(1)));
        Changes(folder["images"], () => File.AppendAllText(folder["images/dog/140.png"], "more"));
        Changes(folder["images"], () => File.Move(folder["images/dog/140.png"], folder["images/dog/1400.png"]));

        void Changes(string path, Action change)
        {
            string before = Hash(path);
            Assert.Equal(before, Hash(path));
            change();
            Assert.NotEqual(before, Hash(path));
        }

        static string Hash(string path)
        {
            using var source = ImageSources.Open(path);
            return SourceListing.Of(source, [], [], null, default).Hash;
        }
    }

    private static string FileOf(int i) => string.Create(CultureInfo.InvariantCulture, $"images/{(i < 75 ? "cat" : "dog")}/{i:000}.png");

    private static byte[] ImageOf(int i) => ImageFiles.Skia(SKEncodedImageFormat.Png, 8 + i % 11, 8 + i % 23);

    /// <summary>Changes a file's bytes, but neither their number nor the file's time.</summary>
    private void Overwrite(string name, Action<byte[]> change)
    {
        string path = folder["images/" + name];
        var (time, bytes) = (File.GetLastWriteTimeUtc(path), File.ReadAllBytes(path));
        change(bytes);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, time);
    }

    private EmbedResult Run(string model, string file, string? data = null, bool restart = false, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        data ??= folder["images"];
        return file.EndsWith(".index", StringComparison.Ordinal)
            ? ImageIndexing.Run(new IndexOptions { Model = model, Data = data, Out = file, Device = "cpu", MaxBad = 0.1, Restart = restart, Format = IndexFormat.Int8 }, progress, cancellation)
            : ImageEmbedding.Run(new EmbedOptions { Model = model, Data = data, Out = file, Device = "cpu", MaxBad = 0.1, Restart = restart }, progress, cancellation);
    }

    /// <summary>Stops after some batches.</summary>
    /// <returns>The batches that there were.</returns>
    private int Stop(string model, string file, int batches, string? data = null)
    {
        using var stop = new CancellationTokenSource();
        int done = 0;
        Assert.Throws<OperationCanceledException>(() => Run(model, file, data, progress: new ProgressHandler<RunProgress>(_ =>
        {
            if (++done == batches) stop.Cancel();
        }), cancellation: stop.Token));
        return done;
    }

    private string Refusal(string model, string file, string? data = null, bool restart = false) => Assert.Throws<WclUsageException>(() => Run(model, file, data, restart)).Message;

    /// <summary>Two results are the same, with what lies beside them, and nothing else is left.</summary>
    private static void AssertSame(string expected, string actual)
    {
        string[] names = [.. Directory.GetFileSystemEntries(Path.GetDirectoryName(expected)!).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        string target = Path.GetDirectoryName(actual)!;
        Assert.Empty(Directory.GetDirectories(target, "*.partial"));
        foreach (string name in names) Assert.Equal(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(expected)!, name)), File.ReadAllBytes(Path.Combine(target, name)));
    }
}
