using System.Globalization;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Reporting;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

/// <summary>What is written for programs is the same wherever numbers are written otherwise, and is read there.</summary>
public sealed class LocaleTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Files_UnderACultureOfOtherNumbers_AreTheSame_AndAreReadBack()
    {
        for (int i = 0; i < 5; i++) folder.Write($"images/{i}.png", ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        var usual = Files("usual");
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = Commas();
            Assert.Equal("-1.234,5", (-1234.5).ToString("N1", CultureInfo.CurrentCulture));
            var other = Files("other");
            foreach (var (name, expected) in usual) Assert.True(expected == other[name], $"{name} is\n{other[name]}\nand not\n{expected}");

            // What one culture wrote, another reads.
            var read = RunFolder.ReadConfig(folder["usual/run"]);
            Assert.Equal((0.15, 0.0375, 0.25, 0.5), (read.Temperature, read.LearningRate, read.CropMin, read.WarmupEpochs));
            Assert.InRange(RunFolder.ReadMetrics(folder["usual/run"])[^1].InstanceLoss!.Value, 0.1, 10);
            Assert.Equal(2, Pretraining.Run(new PretrainOptions { Out = folder["usual/run"], Resume = true }).Summary.Epoch);
            using var onnx = OnnxEncoder.Load(folder["usual/encoder.onnx"]);
            Assert.Equal(usual["features"], Text(onnx.Embed(folder["images/3.png"])));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Messages_UnderACultureOfOtherNumbers_AreTheSame()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 4 });
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = Commas();
            Said("Hue is 0.75;", () => new AugmentationRecipe { Hue = 0.75 });
            Said("ScaleMin 0.9 is above ScaleMax 0.1", () => new AugmentationRecipe { ScaleMin = 0.9, ScaleMax = 0.1 }.Validate());
            Said("--max-bad 1.5 is", () => ImageDataset.Read(new DatasetOptions { MaxBad = 1.5 }));
            Said("A batch of 1,234 images", () => new BatchLoader(images, 1234, seed: 0, workers: 1));
            Said("Standard deviations (0.5, 0, 1)", () => new Augmenter(16, new Normalization((0, 0, 0), (0.5f, 0, 1)), seed: 0, TorchSharp.torch.CPU));
            Assert.StartsWith("1,234 other files", PretrainingData.PassedOver(1234), StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        static void Said(string message, Action call) => Assert.Contains(message, Assert.Throws<WclUsageException>(call).Message, StringComparison.Ordinal);
    }

    /// <summary>Numbers as in much of Europe; there are no real cultures without ICU.</summary>
    private static CultureInfo Commas()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (culture.NumberFormat.NumberDecimalSeparator, culture.NumberFormat.NumberGroupSeparator) = (",", ".");
        (culture.NumberFormat.PercentDecimalSeparator, culture.NumberFormat.CurrencyDecimalSeparator) = (",", ",");
        return culture;
    }

    /// <summary>Trains, exports and embeds.</summary>
    /// <returns>What was written, by names, without what no run shares with another: places and speeds.</returns>
    private Dictionary<string, string> Files(string name)
    {
        string run = folder[$"{name}/run"], onnx = folder[$"{name}/encoder.onnx"], csv = folder[$"{name}/features.csv"];
        Pretraining.Run(SmallRun.Options with { Epochs = 2, Temperature = 0.15, LearningRate = 0.0375, CropMin = 0.25, WarmupEpochs = 0.5, Out = run });
        ModelExport.Run(new ExportOptions { Source = run, Out = onnx });
        ImageEmbedding.Run(new EmbedOptions { Model = onnx, Data = folder["images"], Out = csv });
        using var encoder = OnnxEncoder.Load(onnx);
        return new()
        {
            ["config.json"] = string.Join('\n', File.ReadLines(Path.Combine(run, "config.json")).Where(line => !line.Contains("\"out\"", StringComparison.Ordinal))),
            ["metrics"] = string.Join('\n', RunFolder.ReadMetrics(run).Select(metrics => metrics with { ImagesPerSecond = null, DataWait = null, Seconds = null }).Select(metrics => System.Text.Json.JsonSerializer.Serialize(metrics))),
            ["encoder.safetensors"] = SmallRun.HashOf(run),
            ["encoder.onnx"] = SmallRun.HashOfFile(onnx),
            ["features.csv"] = File.ReadAllText(csv),
            ["features"] = Text(encoder.Embed(folder["images/3.png"])),
        };
    }

    private static string Text(float[] numbers) => string.Join(' ', numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)));
}
