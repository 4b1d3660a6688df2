using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Cli.Commands;
using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

/// <summary>The benchmarks at sizes that take no time: that they run, and what they write.</summary>
public sealed class BenchCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-bench-cli-").FullName;
    private readonly StringWriter output = new(), error = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("images_per_second seconds_per_step host_seconds_per_step peak_rss_mib precision repeats", "step --arch resnet34 --width 4 --stem imagenet --batch 4 --image-size 32 --method simclr --device cpu --precision fp32 --repeat 3")]
    [InlineData("seconds mib_above_inputs repeats", "loss --batch 16 --dim 8 --repeat 3")]
    [InlineData("seconds gflops matrix_gflops bank_mib mib_above_bank largest_mib_above_bank", "neighbors --images 50 --dim 8 -k 2 --device cpu")]
    [InlineData("float32 fp16 int8", "search --images 50 --dim 8 --count 2 --repeat 1")]
    [InlineData("float32 fp16 int8", "search --images 50 --dim 8 --k 2 --repeat 1")]
    [InlineData("libtorch_images_per_second onnx_images_per_second ratio stem image_size precision min_cosine mean_cosine largest_difference file_mib", "embed --arch resnet34 --width 4 --stem small --image-size 16 --precision fp16 --images 3 --repeat 1")]
    public void Run_TinySizes_WritesItsFigures(string names, string arguments)
    {
        var root = Figures(arguments.Split(' '));
        Assert.Equal(names.Split(' '), root.EnumerateObject().Select(property => property.Name));
        Assert.All(root.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.Number), property => Assert.InRange(property.Value.GetDouble(), 0, 1e9));
        double Number(string name) => root.GetProperty(name).GetDouble();
        if (root.TryGetProperty("repeats", out var repeats))
        {
            Assert.Equal(3, repeats.GetArrayLength());
            Assert.Equal(repeats.EnumerateArray().Select(each => each.GetDouble()).Order().ElementAt(1), Number(root.TryGetProperty("seconds", out _) ? "seconds" : "seconds_per_step"));
        }
        // Rates are of the times beside them.
        if (root.TryGetProperty("images_per_second", out var images)) Assert.Equal(4 / Number("seconds_per_step"), images.GetDouble(), 1e-6);
        if (root.TryGetProperty("gflops", out var gflops)) Assert.Equal(50 * 50 * 8 / 1e9 / Number("seconds"), gflops.GetDouble(), 1e-6);
        if (root.TryGetProperty("ratio", out var ratio)) Assert.Equal(Number("onnx_images_per_second") / Number("libtorch_images_per_second"), ratio.GetDouble(), 1e-6);
        if (root.TryGetProperty("precision", out var precision)) Assert.Contains($"--precision {precision.GetString()}", arguments, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, EncoderStem.Small, 32)]
    [InlineData(null, 224, EncoderStem.ImageNet, 224)]
    [InlineData(EncoderStem.ImageNet, null, EncoderStem.ImageNet, 224)]
    [InlineData(EncoderStem.Small, 224, EncoderStem.Small, 224)]
    public void Stem_IsByTheImageSize_AndTheSizeByTheStem(EncoderStem? stem, int? size, EncoderStem expected, int expectedSize)
    {
        var resolved = BenchCommand.WithStem(new PretrainOptions { Stem = stem, ImageSize = size });
        Assert.Equal((expected, expectedSize), (resolved.Stem, resolved.ImageSize));
    }

    [Fact]
    public void Data_OfAFolder_ReadsItsImages()
    {
        for (int i = 0; i < 12; i++) File.WriteAllBytes(Path.Combine(folder, $"{i:D2}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + i, 24));
        var root = Figures("data", "--data", folder, "--image-size", "16", "--workers", "1", "--repeat", "1");
        Assert.Equal(["images", "decode_images_per_second", "augment_images_per_second", "peak_rss_mib"], root.EnumerateObject().Select(property => property.Name));
        Assert.Equal(12, root.GetProperty("images").GetInt32());
        Assert.All(root.EnumerateObject(), property => Assert.True(property.Value.GetDouble() > 0, property.Name));
    }

    [Fact]
    public void Search_OfRandomVectorsAndOfAnIndex_FindsNearlyWhatFloat32Finds()
    {
        string index = Path.Combine(folder, "i.index");
        using (var writer = new ImageIndexWriter(index, 16, IndexFormat.Float32))
        {
            using var rows = new ParameterInitializer(1).Normal([200, 16], 1);
            foreach (var (i, row) in rows.data<float>().ToArray().Chunk(16).Index()) writer.Add($"{i}", null, row);
            writer.Complete();
        }

        foreach (string[] what in (string[][])[["--images", "300", "--dim", "24"], ["--index", index]])
        {
            var root = Figures(["search", .. what, "-k", "3", "--repeat", "2"]);
            Assert.Equal(["float32", "fp16", "int8"], root.EnumerateObject().Select(property => property.Name));
            Assert.All(root.EnumerateObject(), format => Assert.Equal(["file_mib", "first_seconds", "median_seconds", "slowest_seconds", "recall"], format.Value.EnumerateObject().Select(property => property.Name)));
            Assert.Equal(1, root.GetProperty("float32").GetProperty("recall").GetDouble());
            Assert.InRange(root.GetProperty("int8").GetProperty("recall").GetDouble(), 0.5, 1);
            double Size(string format) => root.GetProperty(format).GetProperty("file_mib").GetDouble();
            Assert.True(Size("float32") > Size("fp16") && Size("fp16") > Size("int8"));
        }
    }

    [Fact]
    public void Search_OfAnIndex_CountsTheOtherRowsThatFloat32Finds_AndNoneThatIsSearchedFor()
    {
        // Nearest to the first is the third, and in int8, which makes 61 of 61.4 and 44 of 43.51, the second. These two are nearest to each other.
        string index = Path.Combine(folder, "i.index");
        using (var writer = new ImageIndexWriter(index, 3, IndexFormat.Float32))
        {
            foreach (float[] row in (float[][])[[127, 0, 0], [127, 61.4f, 0], [127, 43.51f, 43]]) writer.Add("", null, row);
            writer.Complete();
        }

        var root = Figures("search", "--index", index, "-k", "1");
        Assert.Equal([1, 1, 2 / 3.0], root.EnumerateObject().Select(format => format.Value.GetProperty("recall").GetDouble()));
    }

    [Fact]
    public void Process_SearchThatIsStopped_LeavesNoFiles()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are sent by kill");
        using var process = ChildProcess.Start(ChildProcess.Dotnet, [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), "bench", "search", "--images", "10000000", "--dim", "8"], ("TMPDIR", folder));
        process.Await(() => Directory.EnumerateFiles(folder, "*.offsets.tmp", SearchOption.AllDirectories).Any());
        process.Signal("TERM");
        process.End(expectedCode: 143);
        Assert.Empty(Directory.GetDirectories(folder, "wcl-bench-*"));
    }

    [Theory]
    [InlineData("--repeat is 0; it must be from 1 to 100000000. `wcl bench step --help`", "step", "--repeat", "0")]
    [InlineData("--batch is 1; it must be from 2 to 1000000.", "loss", "--batch", "1")]
    [InlineData("--batch is 100000000; it must be from 2 to 1000000.", "loss", "--batch", "100000000")]
    [InlineData("--dim is 2147483647; it must be from 1 to 65536.", "neighbors", "--dim", "2147483647")]
    [InlineData("--images is 2147483647; it must be from 1 to 1000000.", "embed", "--images", "2147483647")]
    [InlineData("GiB, and ", "search", "--images", "100000000", "--dim", "65536")]
    [InlineData("\n--count is 0; it must be from 1 to 100000000.", "search", "--count", "0")]
    [InlineData("--batch 1000000 of --dim 65536 are 65,536,000,000 numbers, more than a benchmark makes at once (2,147,483,591); use less of one of them.", "loss", "--batch", "1000000", "--dim", "65536")]
    [InlineData("The views of --batch 9999999 at --image-size 32 are 61,439,993,856 numbers", "step", "--batch", "9999999", "--width", "4")]
    [InlineData("--images 1000 at 1170 x 1560 pixels are 5,475,600,000 numbers", "embed", "--images", "1000", "--image-size", "1024", "--width", "4")]
    [InlineData("\n-k is 100, and there are 99 images to find; use fewer.", "neighbors", "--images", "100", "--dim", "8", "-k", "100")]
    [InlineData("\n-k is 51, and there are 50 images to find; use fewer.", "search", "--images", "50", "--dim", "8", "-k", "51")]
    [InlineData("\n-k and --count are one option; leave one out.", "search", "-k", "3", "--count", "4")]
    [InlineData("--images changes nothing with --index, whose vectors are taken; leave one of them out.", "search", "--index", "i", "--images", "50")]
    [InlineData("--dim is -1", "loss", "--dim", "-1")]
    [InlineData("--dim is \"1.5\"; expected a whole number.", "loss", "--dim", "1.5")]
    [InlineData("--images is 1; it must be from 2 to 100000000.", "neighbors", "--images", "1")]
    [InlineData("--images is 0; it must be from 1 to 1000000.", "embed", "--images", "0")]
    [InlineData("-k is 0; it must be from 1 to 100000000.", "search", "-k", "0")]
    [InlineData("\n-k is 0; it must be from 1 to 100000000.", "neighbors", "-k", "0")]
    [InlineData("\n--k is \"few\"; expected a whole number.", "neighbors", "--k", "few")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(arguments));
        Assert.Contains(message, "\n" + error, StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Empty(output.ToString());
    }

    private JsonElement Figures(params string[] arguments)
    {
        string json = Path.Combine(folder, "figures.json");
        int code = Run([.. arguments, "--json", json]);
        Assert.True(code == 0, error.ToString());
        Assert.NotEmpty(output.ToString());
        return JsonDocument.Parse(File.ReadAllBytes(json)).RootElement;
    }

    private int Run(string[] arguments) => CommandLine.Run(["bench", .. arguments], CommandActions.Library, output, error);
}
