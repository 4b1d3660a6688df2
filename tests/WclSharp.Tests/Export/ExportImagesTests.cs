using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Export;

/// <summary>The images that an exported file is compared with the network on, and what is measured on them.</summary>
public sealed class ExportImagesTests : ExportFolder
{
    [Theory]
    [InlineData(true)] // the list is there, its images are not
    [InlineData(false)]
    public void Run_OfARunWhoseImagesAreGone_IsCheckedWithTheEmbeddedOnes_ButNotCalibrated(bool hasList)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 32)), list = Path.Combine(Folder, "list.csv");
        if (hasList) File.WriteAllText(list, "path,label\ngone/1.jpg,a\ngone/2.jpg,b\n");
        File.WriteAllText(Path.Combine(Folder, "config.json"), System.Text.Json.JsonSerializer.Serialize(new { data = list }));
        List<string> warnings = [];
        var options = new ExportOptions { Source = file, Out = Out, Check = 2 };
        Assert.NotNull(ModelExport.Run(options, SmallRun.Noted(warnings)).Parity);
        Assert.Contains(warnings, warning => warning.StartsWith("The run's images cannot be read, so the file is checked with the embedded ones: ", StringComparison.Ordinal) && warning.EndsWith(" --data names others.", StringComparison.Ordinal));
        Assert.EndsWith("--precision int8 is calibrated with images like those to embed; give some with --data.", Assert.Throws<WclUsageException>(() => ModelExport.Run(options with { Precision = ExportPrecision.Int8 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ImagesThatCannotBeRead_AreWarnedOf()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16)), photos = Path.Combine(Folder, "photos");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 3; i++) File.WriteAllBytes(Path.Combine(photos, $"{i}.png"), ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + i, 20));
        File.WriteAllText(Path.Combine(photos, "bad.png"), "no image");
        List<string> warnings = [];
        var told = new ProgressHandler<RunProgress>(value => { if (value is RunProgress.Warning warning) warnings.Add(warning.Message); });
        Assert.Equal(3, ModelExport.Run(new ExportOptions { Source = file, Out = Out, Data = photos, Check = 9 }, told).Parity!.Images);
        Assert.StartsWith("1 of 4 images cannot be read and are left out; the first is bad.png", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FewerBits_OfARun_IsMeasuredOnItsTestImages_OrOnItsOwnWithItsLabels()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16)), labels = Path.Combine(Folder, "labels.csv");
        foreach (string name in (string[])["learn", "test/a", "test/b"])
        {
            Directory.CreateDirectory(Path.Combine(Folder, name));
            for (int i = 0; i < 8; i++) File.WriteAllBytes(Path.Combine(Folder, name, $"{i}.png"), ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + i, 30));
        }
        File.WriteAllLines(labels, Enumerable.Range(0, 8).Select(i => $"{i}.png,{i % 2}"));
        var options = new ExportOptions { Source = file, Out = Out, Precision = ExportPrecision.Fp16, Check = 16 };
        List<string> warnings = [];
        string learn = Path.Combine(Folder, "learn"), test = Path.Combine(Folder, "test");

        var onTest = CostOf(new { data = learn, test, labels });
        Assert.Contains(test, onTest.Source, StringComparison.Ordinal);
        Assert.NotNull(onTest.Exported.Knn);
        Assert.Empty(warnings);

        var onOwn = CostOf(new { data = learn, labels });
        Assert.Contains(learn, onOwn.Source, StringComparison.Ordinal);
        Assert.NotNull(onOwn.Exported.Knn);
        Assert.StartsWith("Accuracy is over images of the run, most of which were trained on", Assert.Single(warnings), StringComparison.Ordinal);

        File.Delete(labels);
        Assert.Null(CostOf(new { data = learn, labels }).Exported.Knn);

        ExportCost CostOf(object run)
        {
            File.WriteAllText(Path.Combine(Folder, "config.json"), System.Text.Json.JsonSerializer.Serialize(run));
            return ModelExport.Run(options, SmallRun.Noted(warnings)).Cost!;
        }
    }

    [Fact]
    public void Read_ForInt8_OfARunWithTestImages_ComparesOnThese_AndCalibratesWithOthers()
    {
        string photos = Path.Combine(Folder, "photos"), test = Path.Combine(Folder, "test.csv");
        Directory.CreateDirectory(photos);
        for (int i = 0; i < 12; i++) File.WriteAllBytes(Path.Combine(photos, $"{i:D2}.png"), ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + i, 30));
        SetTest(test);
        var options = new ExportOptions { Source = Path.Combine(Folder, "encoder.safetensors"), Out = Out, Precision = ExportPrecision.Int8, Calibrate = int.MaxValue, Check = 9 };

        Assert.Equal((3, 9), Read(3)); // of a list within the run's images
        Assert.Equal((6, 6), Read(12)); // all are test images: half and half
        string copies = Path.Combine(Folder, "copies");
        Directory.CreateDirectory(copies);
        foreach (int i in (int[])[3, 7]) File.Copy(Path.Combine(photos, $"{i:D2}.png"), Path.Combine(copies, $"copy {i}.png"));
        SetTest(copies);
        Assert.Equal((2, 10), Read(null)); // images of the same pixels
        SetTest(test);
        File.Delete(test);
        Assert.EndsWith("give some with --data.", Assert.Throws<WclUsageException>(() => Read(null)).Message, StringComparison.Ordinal);

        void SetTest(string path) => File.WriteAllText(Path.Combine(Folder, "config.json"), System.Text.Json.JsonSerializer.Serialize(new { data = photos, test = path }));

        (int Compared, int Calibration) Read(int? tests)
        {
            if (tests is { } count) File.WriteAllLines(test, Enumerable.Range(0, count).Select(i => $"photos/{i:D2}.png,class {i % 2}"));
            using var images = ExportImages.Read(options, 32, null, TestContext.Current.CancellationToken);
            string[] compared = Names(images.Compared), calibration = Names(images.Calibration!);
            Assert.Empty(compared.Intersect(calibration));
            if (tests == 3) Assert.All(compared, name => Assert.True(string.CompareOrdinal(Path.GetFileName(name), "03.png") < 0, name));
            return (compared.Length, calibration.Length);
        }

        static string[] Names(ImageDataset images) => [.. Enumerable.Range(0, images.Count).Select(i => Path.GetFileName(images.NameOf(i)))];
    }

    [Fact]
    public void Measure_EachSidesAccuracy_IsOfItsOwnVectors()
    {
        string run = Path.Combine(Folder, "run");
        Pretraining.Run(SmallRun.Options with { Epochs = 1, Out = run });
        ModelExport.Run(new ExportOptions { Source = run, Out = Path.Combine(Folder, "Weak.onnx"), Head = ExportHead.Weak });
        string other = Path.Combine(Folder, "other");
        Pretraining.Run(SmallRun.Options with { Epochs = 0, Init = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, SmallRun.Options.Width!.Value, 16)), WarmupEpochs = null, Out = other });
        ModelExport.Run(new ExportOptions { Source = other, Out = Path.Combine(Folder, "other.onnx"), Head = ExportHead.Weak });
        using (var network = ExportedNetwork.Load(run, ExportHead.Weak))
        using (var mine = OnnxEncoder.Load(Path.Combine(Folder, "Weak.onnx")))
        using (var theirs = OnnxEncoder.Load(Path.Combine(Folder, "other.onnx")))
        using (var images = ImageDataset.Read(new DatasetOptions { Limit = 120, StoredSide = mine.StoredSide }))
        {
            var cost = PrecisionComparison.Measure(network, ExportPrecision.Fp16, mine, theirs, images, null, default);
            Assert.Equal((Knn(mine), Knn(theirs)), (cost.Float32.Knn, cost.Exported.Knn));

            double? Knn(OnnxEncoder encoder)
            {
                var pixels = new float[images.Count * encoder.InputSize];
                var features = new float[images.Count * encoder.FeatureSize];
                int done = 0;
                foreach (var batch in BatchLoader.InOrder(images, encoder.Batch))
                {
                    using (batch) PreparedImages.Write(images, batch, encoder.ImageSize, pixels);
                    encoder.Run(pixels, batch.Count, OnnxFacts.Features, features.AsMemory(done * encoder.FeatureSize, batch.Count * encoder.FeatureSize));
                    done += batch.Count;
                }
                return PrecisionComparison.Knn(features, images);
            }
        }
    }
}
