using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using WclSharp.Embedding;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

public sealed class ImageEmbeddingTests : EmbeddingTest
{
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
        Assert.Equal($"1 of the 2 paths in '{some}' is not among the images that were read there; the first is 'none.png'.", Assert.Single(warnings));
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
    public void Run_InBfloat16_MovesFeaturesALittle_AndIsNotGoneOnWithInFloat32()
    {
        var options = new EmbedOptions { Model = encoder, Data = Images, Out = folder["half.npy"], Device = "cpu", Precision = ComputePrecision.Bf16 };
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => ImageEmbedding.Run(options, new ProgressHandler<RunProgress>(_ => stop.Cancel()), stop.Token));
        Assert.Contains("the precision was bf16 and is fp32", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options with { Precision = ComputePrecision.Fp32 })).Message, StringComparison.Ordinal);
        var result = ImageEmbedding.Run(options with { Precision = ComputePrecision.Bf16Fast }); // the same where nothing is trained
        Assert.Equal(("bf16", true), (result.Precision, result.Resumed > 0));
        Assert.Equal("fp32", ImageEmbedding.Run(options with { Out = folder["full.npy"], Precision = ComputePrecision.Fp32 }).Precision);
        float[] half = Numbers("half.npy"), full = Numbers("full.npy");
        Assert.Equal(images.Count * result.FeatureSize, half.Length);
        for (int i = 0; i < half.Length; i += result.FeatureSize)
        {
            double cosine = TensorPrimitives.CosineSimilarity(half.AsSpan(i, result.FeatureSize), full.AsSpan(i, result.FeatureSize));
            Assert.InRange(cosine, 0.999, 1 - 1e-9); // rounded they are
        }

        float[] Numbers(string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(folder[name]).AsSpan(^(images.Count * result.FeatureSize * sizeof(float))..)).ToArray();
    }

    [Fact]
    public void Run_AnOnnxFile_ComputesAsItWasExported()
    {
        var options = new EmbedOptions { Model = onnx, Data = Images, Out = folder["out.npy"], Precision = ComputePrecision.Auto };
        Assert.Null(ImageEmbedding.Run(options).Precision);
        Assert.Equal($"--precision bf16: '{onnx}' is an ONNX file and computes as it was exported; leave the option out, or name the run.",
            Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options with { Precision = ComputePrecision.Bf16 })).Message);
        Assert.StartsWith("--precision is 9; expected ", Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(options with { Precision = (ComputePrecision)9 })).Message, StringComparison.Ordinal);
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
    public void Run_AFolderThatCannotBeListed_IsListed_AndLeavesTheLabels()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Elsewhere names cannot be such bytes.");
        string file = folder["out.csv"], before = folder["before.csv"];
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = before });
        using (var shell = System.Diagnostics.Process.Start("bash", ["-c", "mkdir \"$0\"/$'\\xfc'", Images])!) shell.WaitForExit();
        try
        {
            Assert.Contains("--restart begins anew, once the folders can be listed", Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file, MaxBad = 0 })).Message, StringComparison.Ordinal);
            var result = ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file });
            Assert.Equal((150L, 1), (result.Images, result.BadImages));
            Assert.Contains(",the folder cannot be listed", File.ReadAllLines(file + ".bad_images.csv")[1], StringComparison.Ordinal);
            Assert.Equal(File.ReadAllBytes(before), File.ReadAllBytes(file));
        }
        finally
        {
            using var shell = System.Diagnostics.Process.Start("bash", ["-c", "rmdir \"$0\"/$'\\xfc'", Images])!;
            shell.WaitForExit();
        }
    }

    [Fact]
    public void Run_ListOfBadImagesThatCannotBeWritten_KeepsWhatIsEmbedded()
    {
        folder.Write("images/dog/000-bad.png", "no image");
        string file = folder["out.csv"], list = Directory.CreateDirectory(folder["out.csv.bad_images.csv"]).FullName;
        Assert.StartsWith("The list of unreadable images cannot be written", Assert.Throws<WclException>(() => ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file })).Message, StringComparison.Ordinal);
        Directory.Delete(list);
        Assert.Equal(150, ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = Images, Out = file }).Resumed);
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
