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

public sealed class ModelExportTests : ExportFolder
{
    [Fact]
    public void Run_Torchvision_WritesAStateDictWithEveryWeight()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 32)), written = Path.Combine(Folder, "encoder.pth");
        var result = ModelExport.Run(new ExportOptions { Source = file, Out = written, Format = ExportFormat.Torchvision });
        Assert.Equal((written, null), (result.File, result.Parity));
        using var ours = SafetensorsFile.Read(file);
        using var theirs = WeightsFile.Read(written);
        Assert.Equal(ours.Tensors.Keys.Order(), theirs.Tensors.Keys.Order());
        foreach (string name in ours.Tensors.Keys) Assert.True(ours[name].bytes.SequenceEqual(theirs[name].bytes), name);
        Assert.Contains("--head is for --format onnx", Assert.Throws<WclUsageException>(() =>
            ModelExport.Run(new ExportOptions { Source = file, Out = written, Format = ExportFormat.Torchvision, Head = ExportHead.Weak })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.safetensors", ExportFormat.Safetensors), InlineData("x.PTH", ExportFormat.Torchvision), InlineData("x.pt", ExportFormat.Torchvision), InlineData("x.onnx", ExportFormat.Onnx), InlineData("x", ExportFormat.Onnx)]
    public void Run_WithoutAFormat_TakesTheEndings_AndRefusesAnothersEnding(string name, ExportFormat format)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 32)), written = Path.Combine(Folder, name), named = Path.Combine(Folder, "named");
        var options = new ExportOptions { Source = file, Out = written, Check = format == ExportFormat.Onnx ? 2 : null };
        ModelExport.Run(options);
        ModelExport.Run(options with { Out = named, Format = format });
        Assert.Equal(File.ReadAllBytes(named), File.ReadAllBytes(written));
        if (!name.Contains('.', StringComparison.Ordinal)) return;
        var other = format == ExportFormat.Torchvision ? ExportFormat.Safetensors : ExportFormat.Torchvision;
        Assert.Contains(" has the ending of --format ", Assert.Throws<WclUsageException>(() => ModelExport.Run(new ExportOptions { Source = file, Out = written, Format = other })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OptionsThatDoNothing_AndAnOutThatIsTheSource_AreRefused()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 32)), link = Path.Combine(Folder, "link.onnx");
        byte[] before = File.ReadAllBytes(file);
        File.CreateSymbolicLink(link, file);
        foreach (string same in (string[])[file, link]) Refused("is the file that is exported", new() { Source = file, Out = same });
        Refused("--calibrate is for --precision int8", new() { Source = file, Out = Out, Calibrate = 3 });
        foreach (var each in (ExportOptions[])[new() { Source = file, Out = Out, Data = "d" }, new() { Source = file, Out = Out, Calibrate = 3 }, new() { Source = file, Out = Out, Check = 3 }])
            Refused("are for --format onnx", each with { Format = ExportFormat.Safetensors });
        Assert.Equal(before, File.ReadAllBytes(file));

        static void Refused(string message, ExportOptions options) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => ModelExport.Run(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FilesWhoseNetworkIsLargerThanTheirWeights_AreRefused_BeforeItIsMade()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 32)), odd = Path.Combine(Folder, "odd.safetensors");
        using var content = SafetensorsFile.Read(file);
        Dictionary<string, torch.Tensor> weights = new(content.Tensors);
        Refused("needs [4096, 4096, 3, 3]", ("width", "512"));
        Refused("its width is \"1025\"", ("width", "1025"));
        Refused("its image_size is \"30000\"", ("image_size", "30000"));
        Refused("there is no arch \"resnet34,resnet50\"", ("arch", "resnet34,resnet50"));
        using var scores = torch.zeros(2, 20_000_000 / 4);
        using var head = torch.zeros(20_000_000, 0);
        weights["fc.weight"] = scores;
        weights["fc.bias"] = scores[0].narrow(0, 0, 2).clone();
        Refused("has scores of shape [2, 5000000] on 32 numbers", ("classes", "[\"a\",\"b\"]"));
        weights["head.linear1.weight"] = head;
        Refused("has a head of shape [20000000, 0] on 32 features", ("classes", "[\"a\",\"b\"]"));
        weights.Remove("layer4.0.conv2.weight");
        Refused("has no 'layer4.0.conv2.weight'");

        void Refused(string message, params (string Key, string Value)[] facts)
        {
            var metadata = new Dictionary<string, string>(content.Metadata);
            foreach (var (key, value) in facts) metadata[key] = value;
            SafetensorsFile.Write(odd, weights.Select(pair => (pair.Key, pair.Value)), metadata);
            var error = Assert.Throws<WclUsageException>(() => { if (metadata.ContainsKey("classes")) ImageClassifier.Load(odd).Dispose(); else ImageEncoder.Load(odd).Dispose(); });
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small, 8, 32)]
    [InlineData(EncoderArch.ResNet18, EncoderStem.ImageNet, 5, 72)]
    [InlineData(EncoderArch.ResNet34, EncoderStem.Small, 4, 16)]
    [InlineData(EncoderArch.ResNet50, EncoderStem.ImageNet, 8, 97)]
    [InlineData(EncoderArch.ResNet50, EncoderStem.Small, 3, 32)]
    [InlineData(EncoderArch.ResNet101, EncoderStem.ImageNet, 4, 64)]
    public void Run_EveryNetwork_GivesItsFeatures(EncoderArch arch, EncoderStem stem, int width, int imageSize)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(arch, stem, width, imageSize));
        var result = ModelExport.Run(new ExportOptions { Source = file, Out = Out });

        Assert.Equal((256, new FileInfo(Out).Length), (result.Parity!.Images, result.Bytes));
        Assert.True(result.Parity.MinCosine > 1 - 1e-6, $"{result.Parity}");
        using var encoder = ImageEncoder.Load(file);
        using var onnx = OnnxEncoder.Load(Out);
        Assert.Equal((encoder.FeatureSize, encoder.ImageSize), (onnx.FeatureSize, onnx.ImageSize));
        string photo = Photo(141, 90);
        float[] expected = encoder.Embed(photo), actual = onnx.Embed(photo);
        Assert.True(ImageEncoder.Similarity(expected, actual) > 1 - 1e-6);
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4 * scale);
    }

    // Narrower than the standard width, which takes a minute and more.
    [Theory]
    [InlineData(EncoderArch.ResNet18, EncoderStem.Small, 16)]
    [InlineData(EncoderArch.ResNet50, EncoderStem.ImageNet, 32)]
    public void Run_OnAThousandImages_TheFileAgreesWithTheEncoderOnEveryOne(EncoderArch arch, EncoderStem stem, int width)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(arch, stem, width, 28));
        ModelExport.Run(new ExportOptions { Source = file, Out = Out, Check = 1 });
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 1000 });
        ReadOnlyMemory<byte>[] images = [.. Enumerable.Range(0, data.Count).Select(i => (ReadOnlyMemory<byte>)ImageFiles.GreyPng(data.PixelsOf(i), 28, 28))];
        using var encoder = ImageEncoder.Load(file);
        using var onnx = OnnxEncoder.Load(Out);
        float[][] expected = encoder.Embed(images), actual = onnx.Embed(images);
        Assert.Equal((1000, 1000), (expected.Length, actual.Length));
        for (int i = 0; i < expected.Length; i++)
        {
            double cosine = ImageEncoder.Similarity(expected[i], actual[i]);
            Assert.True(cosine > 0.9999, $"The cosine of image {i} is {cosine}.");
        }

        // Another image's vector would not do.
        int mistakable = Enumerable.Range(1, 999).Count(i => ImageEncoder.Similarity(expected[i - 1], actual[i]) > 0.9999);
        Assert.True(mistakable < 10, $"{mistakable} of 999 images are like the one before.");
    }

    [Fact]
    public void Measure_AnotherNetwork_IsRefused()
    {
        // The same network but for one statistic of one batch norm.
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 8, 32));
        ModelExport.Run(new ExportOptions { Source = file, Out = Out });
        using var network = ExportedNetwork.Load(file, head: null);
        using var onnx = OnnxEncoder.Load(Out);
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 20 });
        Assert.True(OnnxParity.Measure(network, onnx, images, null, default).MinCosine > 1 - 1e-6);

        using (torch.no_grad())
        using (torch.NewDisposeScope())
            network.Encoder.Network.get_buffer("layer3.0.bn2.running_var")!.mul_(3);
        var parity = OnnxParity.Measure(network, onnx, images, null, default);
        Assert.InRange(parity.MinCosine, -1, OnnxParity.RequiredCosine);
        var error = Assert.Throws<WclException>(() => OnnxParity.Require(parity, "x.onnx"));
        Assert.Contains("the lowest cosine is 0.9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WeightsThatAreNotFinite_AreRefused_AndWhatWasThereStays()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16));
        using (var content = SafetensorsFile.Read(file))
        using (torch.NewDisposeScope())
        {
            content.Tensors["layer4.1.bn2.weight"].fill_(float.NaN);
            SafetensorsFile.Write(file, content.Tensors.Select(pair => (pair.Key, pair.Value)), content.Metadata);
        }

        File.WriteAllText(Out, "before");
        var error = Assert.Throws<WclException>(() => ModelExport.Run(new ExportOptions { Source = file, Out = Out }));
        Assert.Contains("the lowest cosine is NaN", error.Message, StringComparison.Ordinal);
        Assert.Contains(Out, error.Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(Out));
        Assert.Equal(2, Directory.GetFiles(Folder).Length);
    }

    [Fact]
    public void Run_OfARun_WithEitherHead_HasItsProjection_AndSafetensorsAreTheFile()
    {
        string run = Path.Combine(Folder, "run");
        Pretraining.Run(SmallRun.Options with { Epochs = 1, Out = run });
        foreach (var head in (ExportHead[])[ExportHead.Instance, ExportHead.Weak])
        {
            var result = ModelExport.Run(new ExportOptions { Source = run, Out = Out, Head = head });
            Assert.True(result.Parity!.MinCosine > 1 - 1e-6, $"{head}: {result.Parity}"); // of the projection too
            using var onnx = OnnxEncoder.Load(Out);
            var projection = new float[SmallRun.Options.HeadOutput!.Value];
            onnx.Run(new float[onnx.InputSize], 1, OnnxFacts.Projection, projection);
            Assert.Contains(projection, value => value != 0);
            File.Copy(Out, Path.Combine(Folder, $"{head}.onnx"));
        }

        // A file with the other head has the same features.
        using (var network = ExportedNetwork.Load(run, ExportHead.Weak))
        using (var weak = OnnxEncoder.Load(Path.Combine(Folder, "Weak.onnx")))
        using (var instance = OnnxEncoder.Load(Path.Combine(Folder, "Instance.onnx")))
        using (var images = ImageDataset.Read(new DatasetOptions { Limit = 20, StoredSide = weak.StoredSide }))
        {
            Assert.InRange(OnnxParity.Measure(network, instance, images, null, default).MinCosine, -1, 0.9);
            var cost = PrecisionComparison.Measure(network, ExportPrecision.Fp16, weak, instance, images, null, default);
            Assert.InRange(cost.MinCosine, -1, 0.9);
            Assert.InRange(cost.MeanCosine, -1, 0.95);
        }

        string copy = Path.Combine(Folder, "copy.safetensors");
        var copied = ModelExport.Run(new ExportOptions { Source = run, Out = copy, Format = ExportFormat.Safetensors });
        Assert.Null(copied.Parity);
        Assert.Equal(SmallRun.HashOf(run), SmallRun.HashOfFile(copy));
        Assert.Contains("the file that is exported", Assert.Throws<WclUsageException>(() =>
            ModelExport.Run(new ExportOptions { Source = copy, Out = copy, Format = ExportFormat.Safetensors })).Message, StringComparison.Ordinal);

        string simclr = Path.Combine(Folder, "simclr");
        Pretraining.Run(SmallRun.Options with { Epochs = 1, Out = simclr, Method = ContrastiveMethod.SimClr });
        Assert.Contains("this run has no weak head", Assert.Throws<WclUsageException>(() =>
            ModelExport.Run(new ExportOptions { Source = simclr, Out = Out, Head = ExportHead.Weak })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_OfAClassifier_GivesItsClassesAndProbabilities(bool fromHead)
    {
        string run = Path.Combine(Folder, "run");
        Pretraining.Run(SmallRun.Options with { Limit = 400, Epochs = 1, Out = run });
        var tuned = FineTune.Run(new FineTuneOptions { Run = run, LabelsPerClass = [2], Draws = 1, Epochs = 2, Scratch = false, FromHead = fromHead, Device = "cpu" });
        var result = ModelExport.Run(new ExportOptions { Source = tuned.ClassifierFile, Out = Out });
        Assert.True(result.Parity!.MinCosine > 1 - 1e-6, $"{result.Parity}");

        string same = Path.Combine(Folder, "same.onnx"), state = Path.Combine(Folder, "state.pth");
        Assert.NotNull(ModelExport.Run(new ExportOptions { Source = Path.GetDirectoryName(tuned.ClassifierFile)!, Out = same }).Parity); // its folder
        Assert.Equal(File.ReadAllBytes(Out), File.ReadAllBytes(same));
        var torchvision = new ExportOptions { Source = tuned.ClassifierFile, Out = state, Format = ExportFormat.Torchvision };
        if (fromHead)
            Assert.Contains("has a layer between features and scores (head.linear1) that torchvision's ResNet has not", Assert.Throws<WclUsageException>(() => ModelExport.Run(torchvision)).Message, StringComparison.Ordinal);
        else
            ModelExport.Run(torchvision);
        Assert.Equal(!fromHead, File.Exists(state));

        string small = Path.Combine(Folder, "small.onnx");
        var cost = ModelExport.Run(new ExportOptions { Source = tuned.ClassifierFile, Out = small, Precision = ExportPrecision.Int8, Calibrate = 100, Check = 100 }).Cost!;
        Assert.InRange(cost.Agreement!.Value, 0.9, 1);
        Assert.InRange(cost.Exported.Accuracy!.Value, cost.Float32.Accuracy!.Value - 0.1, 1);
        Assert.Null(cost.Exported.Knn);

        using var classifier = ImageClassifier.Load(tuned.ClassifierFile);
        foreach (string source in (string[])[run, Path.GetDirectoryName(tuned.ClassifierFile)!])
        {
            var found = ImageClassifier.Load(source);
            Assert.Equal(classifier.Classify(Photo(40, 30)), found.Classify(Photo(40, 30)));
            found.Dispose();
            Assert.Throws<ObjectDisposedException>(() => found.Classify(Photo(40, 30)));
        }

        Assert.Contains("holds no classifier (neither classifier.safetensors nor finetune/classifier.safetensors)", Assert.Throws<WclUsageException>(() => ImageClassifier.Load(Path.GetTempPath())).Message, StringComparison.Ordinal);
        using var quantized = OnnxEncoder.Load(small);
        Assert.Equal(classifier.ClassNames, quantized.ClassNames);
        Assert.Equal(1, quantized.Classify(Photo(40, 30)).Sum(each => each.Probability), 1e-5);
        using var onnx = OnnxEncoder.Load(Out);
        Assert.Equal(classifier.ClassNames, onnx.ClassNames);
        string photo = Photo(40, 30);
        foreach (var (expected, actual) in classifier.Classify(photo).OrderBy(each => each.Class).Zip(onnx.Classify(photo).OrderBy(each => each.Class)))
        {
            Assert.Equal(expected.Class, actual.Class);
            Assert.Equal(expected.Probability, actual.Probability, 1e-5);
        }
    }

    [Fact]
    public void Run_BadUsage_SaysSo()
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16));
        Refused("No file", new ExportOptions { Source = file + "x", Out = Out });
        Refused("is a folder; name a file", new ExportOptions { Source = file, Out = Folder });
        Refused("heads are in a run's checkpoints", new ExportOptions { Source = file, Out = Out, Head = ExportHead.Weak });
        Refused("--head is for --format onnx", new ExportOptions { Source = file, Out = Out, Head = ExportHead.Weak, Format = ExportFormat.Safetensors });
        Refused("--precision is for --format onnx", new ExportOptions { Source = file, Out = Out, Precision = ExportPrecision.Int8, Format = ExportFormat.Torchvision });
        Refused("--check is 0", new ExportOptions { Source = file, Out = Out, Check = 0 });
        Refused("--calibrate is -1", new ExportOptions { Source = file, Out = Out, Calibrate = -1 });
        Refused("There is no file or folder", new ExportOptions { Source = file, Out = Out, Data = "nowhere" });
        Assert.False(File.Exists(Out));
        Assert.Single(Directory.GetFiles(Folder));

        void Refused(string message, ExportOptions options) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => ModelExport.Run(options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExportPrecision.Fp32)]
    [InlineData(ExportPrecision.Fp16)]
    [InlineData(ExportPrecision.Int8)]
    public void Run_LeavesNoTensor(ExportPrecision precision)
    {
        string file = ExportedEncoders.Write(Folder, ExportedEncoders.Network(EncoderArch.ResNet18, EncoderStem.Small, 4, 16));
        ExportedEncoders.AsARun(Folder);
        var options = new ExportOptions { Source = file, Out = Out, Precision = precision, Calibrate = precision == ExportPrecision.Int8 ? 20 : null, Check = 30 };
        LiveTensors.AssertNoneLeftBy(() => ModelExport.Run(options));
    }

    private string Photo(int height, int width)
    {
        string path = Path.Combine(Folder, "photo.png");
        byte[] noise = Inference.EvaluationViewTests.Noise(3, height, width, seed: 5);
        using var bitmap = new SkiaSharp.SKBitmap(width, height, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Opaque);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                int at = y * width + x, plane = height * width;
                bitmap.SetPixel(x, y, new SkiaSharp.SKColor(noise[at], noise[plane + at], noise[2 * plane + at]));
            }
        using var data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
        return path;
    }
}
