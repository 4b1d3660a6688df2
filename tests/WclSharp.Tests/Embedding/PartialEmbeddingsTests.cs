using WclSharp.Benchmarking;
using WclSharp.Embedding;
using WclSharp.Export;
using WclSharp.Search;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

/// <summary>A table or index that is stopped anywhere goes on, and ends with the same bytes as one that was not.</summary>
public sealed class PartialEmbeddingsTests : PartialEmbeddingsTest
{
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
    public void Run_StoppedBeforeTheFirstBatch_LeavesNothing()
    {
        string file = folder["none/out.npy"];
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Out = file }, null, stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(folder["none"]));
    }
}
