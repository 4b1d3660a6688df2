using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Files;

/// <summary>Opening a pipe that nobody writes into waits without end, so none is opened.</summary>
public sealed class SpecialFileTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    private static string Pipe(DataFolder folder, string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Known on Linux alone.");
        using (var made = ChildProcess.Start("mkfifo", [folder[name]])) made.End(expectedCode: 0);
        return folder[name];
    }

    /// <summary>What reading says; it fails where that waits.</summary>
    private static async Task<string> Refusal(Action read) =>
        (await Assert.ThrowsAnyAsync<Exception>(() => Task.Run(read, Stop).WaitAsync(TimeSpan.FromSeconds(20), Stop))) is WclUsageException e ? e.Message : "it hangs, or fails otherwise";

    [Theory]
    [InlineData("images")]
    [InlineData("images.tar")]
    [InlineData("images.csv")]
    [InlineData("images.bin")]
    [InlineData("train-images-idx3-ubyte")]
    public async Task Source_APipe_IsRefused(string name)
    {
        using var folder = new DataFolder();
        string pipe = Pipe(folder, name);
        Assert.Equal($"'{pipe}' is a device or a pipe, which can be read once only; save what comes through it as a file, and give that.", await Refusal(() => ImageSources.Open(pipe)));
    }

    [Fact]
    public async Task Source_LabelsThatAreAPipe_AreRefused()
    {
        using var folder = new DataFolder();
        string images = folder.Write("train-images-idx3-ubyte", DataFolder.Idx([1, 2, 2], [1, 2, 3, 4])), labels = Pipe(folder, "train-labels-idx1-ubyte");
        Assert.Equal($"'{labels}', where the images' labels are looked for, is a device or a pipe; put the labels file there.", await Refusal(() => ImageSources.Open(images)));
    }

    [Fact]
    public async Task ModelsAndIndexes_APipe_IsRefused()
    {
        using var folder = new DataFolder();
        string pipe = Pipe(folder, "pipe"), onnx = Pipe(folder, "pipe.onnx");
        Assert.Equal($"'{pipe}' is a device or a pipe; give an index that wcl index wrote.", await Refusal(() => ImageIndex.Open(pipe)));
        Assert.Equal($"'{onnx}' is a device or a pipe; give an ONNX file that wcl export wrote.", await Refusal(() => OnnxEncoder.Load(onnx)));
        Assert.Equal($"The weights '{pipe}' cannot be read: it is a device or a pipe, not a file. Give a .safetensors or .pth file, or a run folder.", await Refusal(() => WeightsFile.Read(pipe)));
        Assert.Equal($"'{pipe}' is not a whole safetensors file (it is a device or a pipe, not a file); save what comes through it as a file, and give that.", await Refusal(() => SafetensorsFile.Read(pipe)));
        Assert.Equal($"'{pipe}' cannot be read: it is a device or a pipe, not a file.", await Refusal(() => new ImageIndexWriter(folder["x.wclindex"], 2, modelFile: pipe)));
        foreach (string path in (string[])[pipe, onnx])
            foreach (var find in (Func<string, string>[])[BatchEmbedder.FileOf, BatchEmbedder.HashOf, BatchEmbedder.ClassifierFileOf])
                Assert.Equal($"'{path}' is a device or a pipe; save what comes through it as a file, and give that.", await Refusal(() => find(path)));
    }

    /// <summary>Unlike sources, they are read once.</summary>
    [Fact]
    public async Task Labels_ThroughAPipe_AreRead()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["1.jpg", "2.jpg"]) folder.Write($"images/{name}", ImageFiles.Jpeg());
        string pipe = Pipe(folder, "labels");
        var writing = Task.Run(() => File.WriteAllText(pipe, "path,label\n1.jpg,cat\n2.jpg,dog\n"), Stop);
        using var data = await Task.Run(() => ImageDataset.Read(new DatasetOptions { Path = folder["images"], Labels = pipe }), Stop).WaitAsync(TimeSpan.FromSeconds(20), Stop);
        await writing;
        Assert.Equal(["cat", "dog"], data.ClassNames);
    }
}
