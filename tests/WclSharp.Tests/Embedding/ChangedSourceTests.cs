using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Export;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Embedding;

/// <summary>A table or index goes on with what it was begun with alone: other images, models and labels are noticed.</summary>
public sealed class ChangedSourceTests : PartialEmbeddingsTest
{
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
}
