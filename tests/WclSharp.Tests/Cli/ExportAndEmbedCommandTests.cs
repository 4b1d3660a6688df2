using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Cli;
using WclSharp.Embedding;
using WclSharp.Export;
using WclSharp.Tests.Classification;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class ExportAndEmbedCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-export-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private ExportOptions? exported;
    private EmbedOptions? embedded;
    private long kept;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("export", "r", "--out", "o", "--head", "weak", "--data", "d"));
        Assert.Equal(new ExportOptions { Source = "r", Out = "o", Head = ExportHead.Weak, Data = "d" }, exported);
        Assert.Contains("on 256 images of here: lowest cosine 0.99999990, largest difference 1.2e-6", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("3.0 MiB", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, Run("export", "r", "--out", "o", "--format", "safetensors"));
        Assert.Equal(new ExportOptions { Source = "r", Out = "o", Format = ExportFormat.Safetensors }, exported);
        Assert.Equal(0, Run("export", "r", "--out", "o.pth"));
        Assert.Equal(new ExportOptions { Source = "r", Out = "o.pth" }, exported); // the ending says the format

        string json = Path.Combine(folder, "e.json");
        Assert.Equal(0, Run("export", "r", "--out", "o", "--precision", "int8", "--calibrate", "5", "--check", "1000", "--json", json));
        Assert.Equal(new ExportOptions { Source = "r", Out = "o", Precision = ExportPrecision.Int8, Calibrate = 5, Check = 1000 }, exported);
        string[] lines = output.ToString().Split('\n');
        int at = Array.FindIndex(lines, line => line.StartsWith("Compared int8 with float32 on 1,000 images of here, calibrated on 5 others: lowest cosine 0.990000, mean 0.999000", StringComparison.Ordinal));
        Assert.Equal(["        file, MiB  images/s  kNN accuracy", "  fp32        4.0     100.0         80.0%", "  int8        1.0     250.0         79.5%"], lines[(at + 1)..(at + 4)].Select(line => line.TrimEnd()));
        using (var written = System.Text.Json.JsonDocument.Parse(File.ReadAllText(json)))
        {
            Assert.Equal((0.999, 250.0), (written.RootElement.GetProperty("mean_cosine").GetDouble(), written.RootElement.GetProperty("exported").GetProperty("images_per_second").GetDouble()));
            Assert.Equal(("int8", 0.8), (written.RootElement.GetProperty("precision").GetString(), written.RootElement.GetProperty("float32").GetProperty("knn").GetDouble()));
        }

        Assert.Equal(0, Run("embed", "m.onnx", "--out", "o.npy", "--data", "d", "--labels", "l", "--device", "cpu", "--precision", "auto", "--workers", "3", "--max-bad", "0.5"));
        Assert.Equal(new EmbedOptions { Model = "m.onnx", Out = "o.npy", Data = "d", Labels = "l", Device = "cpu", Precision = ComputePrecision.Auto, Workers = 3, MaxBad = 0.5 }, embedded);
        Assert.Contains("1,000 images of 512 features, 500 images/s in 2.0 s", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Left out 2 images", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("done before", output.ToString(), StringComparison.Ordinal);
        kept = 400;
        Assert.Equal(0, Run("embed", "m.onnx", "--out", "o.npy", "--restart"));
        Assert.Equal(new EmbedOptions { Model = "m.onnx", Out = "o.npy", Restart = true }, embedded);
        Assert.Contains("1,000 images of 512 features, 300 images/s in 2.0 s", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("400 of them were done before", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, Run("embed", "r", "--out", "o.npy"));
        Assert.Equal(new EmbedOptions { Model = "r", Out = "o.npy" }, embedded);
    }

    [Theory]
    [InlineData("--out", "export", "r")]
    [InlineData("--format is \"pth\"; expected onnx, safetensors or torchvision.", "export", "r", "--out", "o", "--format", "pth")]
    [InlineData("--out o.pth has the ending of --format torchvision, not of onnx", "export", "r", "--out", "o.pth", "--format", "onnx")]
    [InlineData("--out o.onnx has the ending of --format onnx, not of safetensors", "export", "r", "--out", "o.onnx", "--format", "safetensors")]
    [InlineData("--head is \"both\"; expected instance or weak.", "export", "r", "--out", "o", "--head", "both")]
    [InlineData("--precision is \"int4\"; expected fp32, fp16 or int8.", "export", "r", "--out", "o", "--precision", "int4")]
    [InlineData("--check is \"all\"; expected a whole number.", "export", "r", "--out", "o", "--check", "all")]
    [InlineData("--precision is \"bf16\"", "bench", "embed", "--precision", "bf16")]
    [InlineData("is also what the command reads", "export", "e.safetensors", "--out", "e.safetensors")]
    [InlineData("--out", "embed", "r")]
    [InlineData("is in no folder that is there; make ", "embed", "r", "--out", "no/such/o.npy")]
    [InlineData("is a folder; name a file.", "embed", "r", "--out", ".")]
    [InlineData("--max-bad", "embed", "r", "--out", "o.npy", "--max-bad", "2")]
    [InlineData("did you mean --out?", "embed", "r", "--ouy", "o")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(arguments));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(exported);
        Assert.Null(embedded);
    }

    [Fact]
    public void Run_AFileThatResultsHangOn_OrAnImage_IsNotOverwritten()
    {
        string run = Path.Combine(folder, "run"), checkpoint = Path.Combine(run, "checkpoints", "step-00000001");
        Directory.CreateDirectory(checkpoint);
        foreach (string name in (string[])["config.json", "encoder.safetensors", "evaluate.json", "checkpoints/last.json", "checkpoints/step-00000001/heads.safetensors", "photo.png"]) File.WriteAllText(Path.Combine(run, name), name);
        foreach (string name in (string[])["config.json", "encoder.safetensors", "checkpoints/last.json", "checkpoints/step-00000001/heads.safetensors"])
        {
            Assert.Equal(2, Run("export", run, "--out", Path.Combine(folder, "o.onnx"), "--json", Path.Combine(run, name)));
            Assert.Contains("is a file that a run or other results hang on; name another file.", error.ToString(), StringComparison.Ordinal);
            error.GetStringBuilder().Clear();
        }
        Assert.Equal(2, Run("embed", run, "--out", Path.Combine(run, "photo.png")));
        Assert.Contains("is an image that is there; name another file.", error.ToString(), StringComparison.Ordinal);
        Assert.Equal("photo.png", File.ReadAllText(Path.Combine(run, "photo.png")));
        if (OperatingSystem.IsLinux())
        {
            foreach (string command in (string[])["embed", "export"])
            {
                error.GetStringBuilder().Clear();
                Assert.Equal(2, Run(command, run, "--out", "/dev/null"));
                Assert.Contains("is a device or a pipe; name a file.", error.ToString(), StringComparison.Ordinal);
            }
            Assert.Null(embedded);
        }
        Assert.Null(exported);
        Assert.Equal(0, Run("export", run, "--out", Path.Combine(folder, "o.onnx"), "--json", Path.Combine(run, "evaluate.json"))); // a result of one's own
        foreach (string name in (string[])["encoder.safetensors", "checkpoints/last.json"]) // in no folder of results
        {
            Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
            File.WriteAllText(Path.Combine(folder, name), name);
            Assert.Equal(0, Run("export", run, "--out", Path.Combine(folder, name)));
        }
    }

    [Fact]
    public void ClassifyEmbedIndexAndSearch_WithAnOnnxFile_LoadNoLibtorch()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Looks at what the process has mapped, as Linux shows it.");
        string encoder = Path.Combine(folder, "e.safetensors"), onnx = Path.Combine(folder, "e.onnx"), log = Path.Combine(folder, "loads");
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 2, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });

        string table = Path.Combine(folder, "o.npy"), index = Path.Combine(folder, "o.index"), photos = Path.Combine(folder, "photos"), image = Path.Combine(photos, "i.png");
        Directory.CreateDirectory(photos);
        File.WriteAllBytes(image, ImageFiles.Skia(SKEncodedImageFormat.Png));
        Assert.DoesNotContain("libtorch", Loads("--verbose", "embed", onnx, "--out", table), StringComparison.Ordinal);
        string classifier = ImageClassificationTests.WriteClassifier(Path.Combine(folder, "c.safetensors"), ["cat", "dog"]), classifying = Path.Combine(folder, "c.onnx");
        ModelExport.Run(new ExportOptions { Source = classifier, Out = classifying });
        Assert.DoesNotContain("libtorch", Loads("classify", classifying, "--data", photos, "--out", Path.Combine(folder, "c.csv")), StringComparison.Ordinal);
        Assert.DoesNotContain("libtorch", Loads("index", onnx, "--out", index, "--data", photos), StringComparison.Ordinal);
        Assert.DoesNotContain("libtorch", Loads("search", image, "--index", index, "--sheet", Path.Combine(folder, "s.png")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "s.png")));
        Assert.Contains("libtorch", Loads("embed", encoder, "--out", table), StringComparison.Ordinal); // the look itself works

        string Loads(params string[] arguments)
        {
            string program = Path.Combine(AppContext.BaseDirectory, "wcl.dll");
            // The loader writes down every library that it opens.
            using var process = ChildProcess.Start(ChildProcess.Dotnet, [program, .. arguments], ("LD_DEBUG", "files"), ("LD_DEBUG_OUTPUT", log));
            var (code, _, problem) = process.End();
            Assert.Equal((0, ""), (code, problem));
            string[] written = Directory.GetFiles(folder, "loads.*");
            string all = string.Concat(written.Select(File.ReadAllText));
            foreach (string file in written) File.Delete(file);
            return all;
        }
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Export = (options, _, stop) =>
        {
            exported = options;
            Assert.True(stop.CanBeCanceled);
            return new ExportResult
            {
                File = "o",
                Bytes = 3 << 20,
                Parity = options.Format is null ? new() { Images = 256, Source = "here", MinCosine = 0.9999999, LargestDifference = 1.2e-6 } : null,
                Cost = options.Precision == ExportPrecision.Fp32 ? null : new()
                {
                    Precision = options.Precision,
                    Images = 1000,
                    Source = "here",
                    CalibrationImages = 5,
                    MinCosine = 0.99,
                    MeanCosine = 0.999,
                    Float32 = new() { Bytes = 4 << 20, ImagesPerSecond = 100, Knn = 0.8 },
                    Exported = new() { Bytes = 1 << 20, ImagesPerSecond = 250, Knn = 0.795 },
                },
            };
        },
        Embed = (options, _, _) =>
        {
            embedded = options;
            return new EmbedResult { File = "o.npy", Images = 1000, FeatureSize = 512, BadImages = 2, Seconds = 2, Resumed = kept };
        },
    }, output, error);
}
