using TorchSharp;
using WclSharp.Benchmarking;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Export;
using WclSharp.FineTuning;
using WclSharp.Inference;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Export;

/// <summary>Export as fp16 and int8: near what float32 gives, or refused.</summary>
public sealed class FewerBitsExportTests : ExportFolder
{
    [Theory]
    [InlineData(ExportPrecision.Fp16, EncoderArch.ResNet18, EncoderStem.Small, 8, 32)]
    [InlineData(ExportPrecision.Int8, EncoderArch.ResNet18, EncoderStem.Small, 8, 32)]
    [InlineData(ExportPrecision.Fp16, EncoderArch.ResNet50, EncoderStem.ImageNet, 5, 97)]
    [InlineData(ExportPrecision.Int8, EncoderArch.ResNet50, EncoderStem.ImageNet, 5, 97)]
    public void Run_FewerBits_AreNearFloat32_AtAnyBatch(ExportPrecision precision, EncoderArch arch, EncoderStem stem, int width, int imageSize)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(arch, stem, width, imageSize)), whole = Path.Combine(Folder, "whole.onnx");
        ExportedEncoders.AsARun(Folder);
        ModelExport.Run(new ExportOptions { Source = file, Out = whole, Check = 10 });
        long? calibrated = null;
        var watch = new ProgressHandler<RunProgress>(report => { if (report is RunProgress.Working { Stage: "Calibrating" } working) calibrated = working.Total; });
        var result = ModelExport.Run(new ExportOptions { Source = file, Out = Out, Precision = precision, Calibrate = precision == ExportPrecision.Int8 ? 60 : null, Check = 70 }, watch);
        Assert.Equal(precision == ExportPrecision.Int8 ? 60 : null, calibrated);

        var cost = result.Cost!;
        Assert.Equal((70, precision == ExportPrecision.Int8 ? 60 : 0, precision), (cost.Images, cost.CalibrationImages, cost.Precision));
        Assert.Equal((new FileInfo(whole).Length, new FileInfo(Out).Length, result.Bytes), (cost.Float32.Bytes, cost.Exported.Bytes, result.Bytes));
        Assert.InRange(cost.MinCosine, precision == ExportPrecision.Int8 ? PrecisionComparison.RequiredInt8MeanCosine : PrecisionComparison.RequiredHalfCosine, 1 + 1e-9);
        Assert.InRange(cost.MeanCosine, cost.MinCosine, 1 + 1e-9);
        Assert.InRange(cost.Exported.Knn!.Value, cost.Float32.Knn!.Value - 0.2, 1);
        Assert.True(cost.Float32.ImagesPerSecond > 0 && cost.Exported.ImagesPerSecond > 0);
        Assert.True(cost.Exported.Bytes < cost.Float32.Bytes * (precision == ExportPrecision.Int8 ? 0.5 : 0.6)); // scales and names weigh something in a small network
        Assert.Contains(precision.ToString().ToLowerInvariant(), File.ReadAllText(Out), StringComparison.Ordinal);

        using var float32 = OnnxEncoder.Load(whole);
        using var onnx = OnnxEncoder.Load(Out);
        byte[][] photos = [.. Enumerable.Range(0, 11).Select(i => ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 30 + i, 90 - i))];
        float[][] expected = float32.Embed([.. photos.Select(photo => (ReadOnlyMemory<byte>)photo)]), actual = onnx.Embed([.. photos.Select(photo => (ReadOnlyMemory<byte>)photo)]);
        for (int i = 0; i < photos.Length; i++)
        {
            Assert.True(ImageEncoder.Similarity(actual[i], onnx.Embed(photos[i].AsSpan())) > 1 - 1e-6); // alone as in a batch
            Assert.InRange(ImageEncoder.Similarity(expected[i], actual[i]), 0.97, 1 + 1e-6);
        }
        Assert.False(expected[0].SequenceEqual(actual[0]));
    }

    [Fact]
    public void Run_Int8_CalibratesAClassifierWithItsRunsImages_AndNoFileWithImagesOfAnotherKind()
    {
        string photos = Path.Combine(Folder, "photos"), run = Path.Combine(Folder, "run");
        for (int i = 0; i < 40; i++)
        {
            string photo = Path.Combine(photos, i % 2 == 0 ? "a" : "b", $"{i}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(photo)!);
            File.WriteAllBytes(photo, ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + i, 30));
        }
        Pretraining.Run(SmallRun.Options with { Data = photos, Limit = null, Epochs = 1, Batch = 16, Out = run });
        var tuned = FineTune.Run(new FineTuneOptions { Run = run, LabelsPerClass = [2], Draws = 1, Epochs = 2, Scratch = false, Device = "cpu" });

        var options = new ExportOptions { Source = tuned.ClassifierFile, Out = Out, Precision = ExportPrecision.Int8, Calibrate = 10, Check = 10 };
        List<string> warnings = [];
        Assert.Contains("photos", ModelExport.Run(options, SmallRun.Noted(warnings)).Cost!.Source, StringComparison.Ordinal);
        Assert.StartsWith("Accuracy is over images of the run, most of which were trained on", Assert.Single(warnings), StringComparison.Ordinal);

        string alone = Path.Combine(Folder, "alone", "classifier.safetensors");
        Directory.CreateDirectory(Path.GetDirectoryName(alone)!);
        File.Copy(tuned.ClassifierFile, alone);
        Assert.Contains("is in no run that names its own; give some with --data", Refusal(options with { Source = alone }), StringComparison.Ordinal);
        Assert.NotNull(ModelExport.Run(options with { Source = alone, Data = photos }, SmallRun.Noted(warnings)).Cost);
        Assert.Single(warnings); // not of images that were named
        Directory.Move(photos, photos + "-moved");
        Assert.Contains("photos", Refusal(options), StringComparison.Ordinal);

        static string Refusal(ExportOptions options) => Assert.Throws<WclUsageException>(() => ModelExport.Run(options)).Message;
    }

    [Theory]
    [InlineData(ExportPrecision.Fp16)]
    [InlineData(ExportPrecision.Int8)]
    public void Run_FewerBits_OfATrainedRunAndItsHead_AreWithinTheFloor(ExportPrecision precision)
    {
        string run = Path.Combine(Folder, "run");
        Pretraining.Run(SmallRun.Options with { Limit = 400, Epochs = 2, Out = run });
        var result = ModelExport.Run(new ExportOptions { Source = run, Out = Out, Precision = precision, Head = ExportHead.Weak, Calibrate = precision == ExportPrecision.Int8 ? 100 : null, Check = 100 });
        Assert.True(result.Parity!.MinCosine > 1 - 1e-6, $"{result.Parity}");
        Assert.InRange(result.Cost!.MeanCosine, precision == ExportPrecision.Int8 ? 0.99 : 0.99999, 1 + 1e-9);
        Assert.NotNull(result.Cost.Exported.Knn);
    }

    [Fact]
    public void Run_Fp16_WeightsBeyondItsRange_AreRefused_AndWhatWasThereStays()
    {
        // The same network in float32: what one layer multiplies the next one divides.
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16));
        Change(file, content =>
        {
            content["layer1.0.bn1.weight"].mul_(1e7);
            content["layer1.0.bn1.bias"].mul_(1e7);
            content["layer1.0.conv2.weight"].div_(1e7);
        });
        File.WriteAllText(Out, "before");
        var error = Assert.Throws<WclException>(() => ModelExport.Run(new ExportOptions { Source = file, Out = Out, Precision = ExportPrecision.Fp16, Check = 20 }));
        Assert.Contains("is too far from float32: on 20 images", error.Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(Out));
        Assert.Equal(2, Directory.GetFiles(Folder).Length);
        Assert.NotNull(ModelExport.Run(new ExportOptions { Source = file, Out = Out, Check = 20 }).Parity); // float32 has the range
    }

    [Fact]
    public void Run_Int8_AChannelThatDwarfsTheOthers_IsRefused_AndWhatWasThereStays()
    {
        // One channel of the first layer is always large, and every layer that reads it ignores it: one step of the scale is more than the others have.
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16));
        Change(file, content =>
        {
            content["bn1.bias"][0] = torch.tensor(1e5f);
            foreach (string reader in (string[])["layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0"])
                content[$"{reader}.weight"].narrow(1, 0, 1).zero_();
        });
        ExportedEncoders.AsARun(Folder);
        File.WriteAllText(Out, "before");
        var error = Assert.Throws<WclException>(() => ModelExport.Run(new ExportOptions { Source = file, Out = Out, Precision = ExportPrecision.Int8, Calibrate = 40, Check = 40 }));
        Assert.Contains("The int8 file", error.Message, StringComparison.Ordinal);
        Assert.Contains("the mean cosine is 0.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal("before", File.ReadAllText(Out));
        Assert.Equal(3, Directory.GetFiles(Folder).Length);
    }

    [Theory]
    [InlineData(100, 30, 50, 30, 50)]
    [InlineData(100, 80, 80, 50, 50)] // calibration takes half at most
    [InlineData(3, 256, 256, 1, 2)]
    public void Divide_ComparesOnOtherImagesThanItCalibratesWith(int images, int calibrate, int check, int calibration, int others)
    {
        var parts = ExportImages.Divide(images, calibrate, check);
        Assert.Equal((calibration, others), (parts.Calibration.Length, parts.Others.Length));
        int[] both = [.. parts.Calibration, .. parts.Others];
        Assert.Equal(both.Length, both.Distinct().Count());
        Assert.All(both, place => Assert.InRange(place, 0, images - 1));
    }

    /// <summary>Two images of class a and one of b: the odd one is told by both even ones, these by it alone.</summary>
    [Fact]
    public void Knn_EveryImageCountsAlike_ThoughTheHalvesDiffer()
    {
        using var images = ImageDataset.Read([new("0", ImageFiles.Jpeg(), "a"), new("1", ImageFiles.Jpeg(), "a"), new("2", ImageFiles.Jpeg(), "b")]);
        Assert.Equal(2 / 3.0, PrecisionComparison.Knn([1, 0, 1, 0.1f, -1, 0.1f], images)!.Value, 9);
    }

    [Theory]
    [InlineData(ExportPrecision.Fp16, 1, 0.9991, true)]
    [InlineData(ExportPrecision.Fp16, 1, 0.999, false)]
    [InlineData(ExportPrecision.Fp16, 1, double.NaN, false)]
    [InlineData(ExportPrecision.Int8, 0.981, 0.5, true)]
    [InlineData(ExportPrecision.Int8, 0.979, 0.97, false)]
    [InlineData(ExportPrecision.Int8, double.NaN, 0.97, false)]
    public void Require_KeepsWhatIsAboveTheFloor(ExportPrecision precision, double mean, double least, bool kept)
    {
        var figures = new ExportFigures { Bytes = 1, ImagesPerSecond = 1 };
        var cost = new ExportCost { Precision = precision, Images = 10, Source = "here", CalibrationImages = 10, MinCosine = least, MeanCosine = mean, Float32 = figures, Exported = figures };
        if (kept) Assert.Same(cost, PrecisionComparison.Require(cost, "x"));
        else
            Assert.Contains(precision == ExportPrecision.Int8 ? "calibrate with images like those" : "too large or too small for half precision", // which --calibrate is not for
                Assert.Throws<WclException>(() => PrecisionComparison.Require(cost, "x")).Message, StringComparison.Ordinal);
    }

    private static void Change(string file, Action<Dictionary<string, torch.Tensor>> change)
    {
        using var content = SafetensorsFile.Read(file);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        change(content.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value));
        SafetensorsFile.Write(file, content.Tensors.Select(pair => (pair.Key, pair.Value)), content.Metadata);
    }
}
