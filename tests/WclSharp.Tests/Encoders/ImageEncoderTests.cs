using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Encoders;

public sealed class ImageEncoderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-encoder-").FullName;
    private readonly ResNet network = new(EncoderArch.ResNet18, width: 4, EncoderStem.Small, seed: 0);

    private string Weights => Path.Combine(folder, "mine.safetensors");

    public void Dispose()
    {
        network.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Networks_MadeInACallersScope_OutliveIt()
    {
        ImageEncoder.Save(network, Weights, 16, Normalization.ImageNet);
        ResNet made;
        ProjectionHead head;
        ImageEncoder loaded;
        using (NewDisposeScope())
        {
            made = new ResNet(EncoderArch.ResNet50, width: 1, EncoderStem.ImageNet, seed: 0);
            head = new ProjectionHead(made.FeatureSize, hidden: 4, output: 2, seed: 0);
            loaded = ImageEncoder.Load(Weights, "cpu");
        }

        using (made)
        using (head)
        using (loaded)
        using (NewDisposeScope())
        using (no_grad())
        {
            Assert.Equal([2, 2], head.call(made.call(zeros(2, 3, 32, 32))).shape);
            Assert.Equal(loaded.FeatureSize, loaded.Embed(Data.ImageFiles.Jpeg(20, 20)).Length);
        }
    }

    [Fact]
    public void Save_OfWhatCannotBeLoaded_IsRefused_AndLeavesTheFileThatWasThere()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        byte[] before = File.ReadAllBytes(Weights);
        var odd = Normalization.ImageNet;
        Refused<WclUsageException>("Image size 0", () => ImageEncoder.Save(network, Weights, 0, odd));
        Refused<WclUsageException>("Image size 4096", () => ImageEncoder.Save(network, Weights, 4096, odd));
        Refused<WclUsageException>("Standard deviations (0, 0, 0)", () => ImageEncoder.Save(network, Weights, 32, default));
        Refused<WclUsageException>("Standard deviations", () => ImageEncoder.Save(network, Weights, 32, odd with { Std = (1, 1, float.PositiveInfinity) }));
        Refused<WclUsageException>("Means (NaN, 0, 0)", () => ImageEncoder.Save(network, Weights, 32, odd with { Mean = (float.NaN, 0, 0) }));
        Refused<WclUsageException>("does not end in .safetensors", () => ImageEncoder.Save(network, Path.Combine(folder, "mine.pth"), 32, odd));
        using (no_grad()) network.get_parameter("layer4.1.conv2.weight")!.fill_(float.NaN);
        Refused<WclException>("'layer4.1.conv2.weight' that are not finite", () => ImageEncoder.Save(network, Weights, 32, odd));
        network.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ImageEncoder.Save(network, Weights, 32, odd));
        Assert.Throws<ArgumentNullException>("network", () => ImageEncoder.Save(null!, Weights, 32, odd));
        Assert.Equal(before, File.ReadAllBytes(Weights));
        Assert.Single(Directory.GetFiles(folder));

        static void Refused<T>(string message, Action save)
            where T : Exception => Assert.Contains(message, Assert.Throws<T>(save).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Use_AfterDispose_SaysSo()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        byte[] image = Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20, 24);
        var encoder = ImageEncoder.Load(Weights);
        Assert.Equal(network.FeatureSize, encoder.Embed(image).Length);
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(image));
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed("none.png"));
        network.Dispose();
        using var input = zeros(2, 3, 32, 32);
        Assert.Throws<ObjectDisposedException>(() => network.call(input));
    }

    /// <summary>More images than go through the network at a time, of different sizes, from files and from memory.</summary>
    [Fact]
    public void Embed_ManyImages_GivesEachItsFeatures_InTheirOrder()
    {
        const int Count = 130; // 128 at a time
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        using IImageEncoder encoder = ImageEncoder.Load(Weights);
        byte[][] images = [.. Enumerable.Range(0, Count).Select(i => Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + (i % 7), 24 + (i % 5)))];
        ReadOnlyMemory<byte>[] encoded = [.. images.Select(image => (ReadOnlyMemory<byte>)image)];
        string[] paths = [.. images.Select((image, i) =>
        {
            string path = Path.Combine(folder, $"{i}.png");
            File.WriteAllBytes(path, image);
            return path;
        })];
        float[][] fromMemory = encoder.Embed(encoded), fromFiles = encoder.Embed(paths);
        Assert.Equal(Count, fromMemory.Length);
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(fromMemory[i], fromFiles[i]);
            if (i is < 8 or > 126) Assert.InRange(ImageEncoder.Similarity(encoder.Embed(images[i]), fromMemory[i]), 0.99999f, 1.00001f);
        }

        Assert.True(ImageEncoder.Similarity(fromMemory[0], fromMemory[1]) < 0.99999f); // so an order that is wrong would show
        Assert.Empty(encoder.Embed(Array.Empty<string>()));
        LiveTensors.AssertNoneLeftBy(() => encoder.Embed(encoded));
        File.WriteAllText(paths[129], "none");
        Assert.Contains("129.png", Assert.Throws<UnreadableImageException>(() => encoder.Embed(paths)).Message, StringComparison.Ordinal);
        encoded[3] = "none"u8.ToArray();
        Assert.Contains("Image 3", Assert.Throws<UnreadableImageException>(() => encoder.Embed(encoded)).Message, StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(() => encoder.Embed(paths[..2], new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Arguments_ThatAreNull_AreRefusedByName()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        using var encoder = ImageEncoder.Load(Weights);
        Assert.Throws<ArgumentNullException>("imagePath", () => encoder.Embed((string)null!));
        Assert.Throws<ArgumentNullException>("source", () => ImageEncoder.Load((string)null!));
        Assert.Throws<ArgumentNullException>("path", () => ImageClassifier.Load(null!));
    }

    [Theory]
    [InlineData(1e30f), InlineData(1f), InlineData(1e-30f), InlineData(1e-38f)]
    public void Similarity_HangsOnDirectionsAlone(float length)
    {
        Assert.Equal(1, ImageEncoder.Similarity([3 * length, 4 * length], [3 * length, 4 * length]), 1e-6f);
        Assert.Equal(-0.6f, ImageEncoder.Similarity([length, 0], [-3 * length, 4 * length]), 1e-6f);
    }

    [Fact]
    public void Similarity_OfZero_IsZero_AndOfTwoLengthsIsRefused()
    {
        Assert.Equal(0, ImageEncoder.Similarity([0, 0], [1, 2]));
        Assert.Throws<ArgumentException>(() => ImageEncoder.Similarity([1], [1, 2]));
    }

    [Fact]
    public void ComputeTypes_ThatAreNone_AreRefused()
    {
        using var head = new ProjectionHead(8, 8, 4, seed: 0);
        Assert.Throws<ArgumentException>(() => head.ComputeType = ScalarType.Int32);
        Assert.Throws<ArgumentException>(() => head.ComputeType = ScalarType.Float16);
        head.ComputeType = ScalarType.BFloat16;
        Assert.Equal(ScalarType.BFloat16, head.ComputeType);
    }

    [Fact]
    public void Views_OfAnEmptyBatch_AreRefused()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 4 });
        using var loader = new BatchLoader(images, 2, seed: 0, workers: 1);
        using var none = loader.Assemble([]);
        var augmenter = new Augmenter(16, Normalization.FashionMnist, seed: 0, CPU);
        Assert.Contains("no images", Assert.Throws<ArgumentException>(() => augmenter.Evaluate(none)).Message, StringComparison.Ordinal);
        Assert.Contains("no images", Assert.Throws<ArgumentException>(() => augmenter.Augment(none, 0, 0, AugmentationRecipe.Weak(16))).Message, StringComparison.Ordinal);
    }

    private const string ClassNames = """["a","b","c"]""";

    /// <summary>A classifier's file as wcl finetune writes it.</summary>
    private string Classifier()
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(folder, "classifier.safetensors");
        (string, Tensor)[] top = [("fc.weight", new ParameterInitializer(5).Normal([3, network.FeatureSize], 1)), ("fc.bias", zeros(3))];
        SafetensorsFile.Write(path, ModuleWeights.Of(network).Concat(top), new Dictionary<string, string>(EncoderWeights.Describe(network, 32, Normalization.ImageNet)) { ["classes"] = ClassNames });
        return path;
    }

    /// <summary>A weight that is passed over would stay as random as a new network's.</summary>
    [Fact]
    public void Load_AFileThatLacksAWeight_OrHasOneOfAnotherShape_IsRefusedByName()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        Refused("has no tensor 'layer3.0.bn2.bias'", Weights, ImageEncoder.Load, weights => weights.Remove("layer3.0.bn2.bias"));
        Refused("has 'bn1.weight' of shape [2, 2] where [4] is needed", Weights, ImageEncoder.Load, weights => weights["bn1.weight"] = weights["bn1.weight"].view(2, 2));
        Refused("has 'bn1.weight' of shape [5] where [4] is needed", Weights, ImageEncoder.Load, weights => weights["bn1.weight"] = ones(5));
        Refused("has no tensor 'fc.bias'", Classifier(), ImageClassifier.Load, weights => weights.Remove("fc.bias"));

        void Refused(string message, string whole, Func<string, string, IDisposable> load, Action<Dictionary<string, Tensor>> change)
        {
            using var scope = NewDisposeScope();
            using var content = SafetensorsFile.Read(whole);
            Dictionary<string, Tensor> weights = new(content.Tensors);
            change(weights);
            string changed = Path.Combine(folder, "changed.safetensors");
            SafetensorsFile.Write(changed, weights.Select(pair => (pair.Key, pair.Value)), content.Metadata);
            Assert.Contains($"'{changed}' {message}", Assert.Throws<WclUsageException>(() => load(changed, "cpu")).Message, StringComparison.Ordinal);
        }
    }

    private static byte[][] Images(int count) => [.. Enumerable.Range(0, count).Select(i => Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20 + (i % 7), 24 + (i % 5)))];

    [Fact]
    public void Infer_GivesFeaturesAndClasses_AndGoesOnAfterBadImages()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        using var encoder = ImageEncoder.Load(Weights);
        using var classifier = ImageClassifier.Load(Classifier());
        byte[][] images = Images(140); // 128 at a time
        int[] bad = [0, 5, .. Enumerable.Range(128, 12)]; // all of the second batch
        float[][] features = encoder.Embed([.. images.Select(image => (ReadOnlyMemory<byte>)image)]);
        foreach (int i in bad) images[i] = [(byte)i, 1, 2];
        ReadOnlyMemory<byte>[] encoded = [.. images.Select(image => (ReadOnlyMemory<byte>)image)];
        string[] files = [.. images.Select((image, i) => Path.Combine(folder, $"{i}.png"))];
        foreach (var (file, image) in files.Zip(images)) File.WriteAllBytes(file, image);

        foreach (var (found, names, classes) in new[]
                 {
                     (encoder.Infer(files, TestContext.Current.CancellationToken), true, 0), (encoder.Infer(encoded, TestContext.Current.CancellationToken), false, 0),
                     (classifier.Infer(files, TestContext.Current.CancellationToken), true, 3), (classifier.Infer(encoded, TestContext.Current.CancellationToken), false, 3),
                 })
        {
            Assert.Equal(140, found.Length);
            for (int i = 0; i < found.Length; i++)
            {
                Assert.Equal(!bad.Contains(i), found[i].IsReadable);
                if (found[i].IsReadable) Assert.InRange(ImageEncoder.Similarity(features[i], found[i].Features), 0.99999f, 1.00001f);
                else Assert.StartsWith(names ? $"'{files[i]}' cannot be read as an image" : $"Image {i} cannot be read as an image", found[i].Error!.Message, StringComparison.Ordinal);
                Assert.Equal(found[i].IsReadable ? classes : 0, found[i].Classes.Count);
            }
        }
        var one = classifier.Classify(images[1]);
        Assert.All(one.Zip(classifier.Infer(files, TestContext.Current.CancellationToken)[1].Classes), pair => Assert.Equal((pair.First.Class, pair.First.Probability), (pair.Second.Class, pair.Second.Probability), new Near()));
        Assert.Throws<ArgumentException>(() => encoder.Infer([null!, files[1]], TestContext.Current.CancellationToken)); // a program's error is no bad image
        Assert.Empty(classifier.Infer(Array.Empty<string>(), TestContext.Current.CancellationToken));
        Assert.Throws<OperationCanceledException>(() => encoder.Infer(files, new CancellationToken(canceled: true)));
        LiveTensors.AssertNoneLeftBy(() => classifier.Infer(encoded));
    }

    private sealed class Near : IEqualityComparer<(string Class, float Probability)>
    {
        public bool Equals((string Class, float Probability) x, (string Class, float Probability) y) => x.Class == y.Class && Math.Abs(x.Probability - y.Probability) < 1e-4f;

        public int GetHashCode((string Class, float Probability) x) => x.Class.GetHashCode(StringComparison.Ordinal);
    }

    [Fact]
    public void Streams_GiveWhatTheirBytesGive()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        var encoder = ImageEncoder.Load(Weights);
        var classifier = ImageClassifier.Load(Classifier());
        byte[] image = Images(1)[0];
        using var stream = new MemoryStream(image);
        Assert.Equal(encoder.Embed(image), encoder.Embed(stream));
        stream.Position = 0; // it is open
        Assert.Equal(classifier.Classify(image), classifier.Classify(stream));
        Assert.Contains("The image cannot be read as an image", Assert.Throws<UnreadableImageException>(() => encoder.Embed(stream)).Message, StringComparison.Ordinal); // at its end
        Assert.Throws<ArgumentNullException>("encodedImage", () => encoder.Embed((Stream)null!));
        Assert.Throws<ArgumentNullException>("encodedImage", () => classifier.Classify((Stream)null!));
        encoder.Dispose();
        classifier.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(stream));
        Assert.Throws<ObjectDisposedException>(() => classifier.Classify(stream));
    }

    [Fact]
    public void Use_BySeveralThreads_IsThatOfOne()
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        using var encoder = ImageEncoder.Load(Weights);
        using var classifier = ImageClassifier.Load(Classifier());
        byte[][] images = Images(12);
        ReadOnlyMemory<byte>[] encoded = [.. images.Select(image => (ReadOnlyMemory<byte>)image)];
        float[][] features = [.. images.Select(image => encoder.Embed(image))], many = encoder.Embed(encoded);
        var classes = images.Select(image => classifier.Classify(image)).ToArray();
        Parallel.For(0, 120, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            Assert.Equal(features[i % 12], encoder.Embed(images[i % 12]));
            Assert.Equal(classes[i % 12], classifier.Classify(images[i % 12]));
            if (i % 10 == 0) Assert.Equal(many, encoder.Embed(encoded));
        });
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Use_BySeveralThreads_WhileDisposed_GivesTheSameOrSaysSo(bool classify)
    {
        ImageEncoder.Save(network, Weights, 32, Normalization.ImageNet);
        var encoder = ImageEncoder.Load(Weights);
        var classifier = ImageClassifier.Load(Classifier());
        byte[] image = Images(1)[0];
        float[] expected = Use();
        int used = 0;
        bool gone = false;
        Parallel.For(0, 4, _ =>
        {
            for (bool late = false; ; late = Volatile.Read(ref gone))
            {
                try
                {
                    Assert.Equal(expected, Use());
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
                Assert.False(late, "It was used after it had been disposed of.");
                if (Interlocked.Increment(ref used) != 40) continue;
                encoder.Dispose();
                classifier.Dispose();
                Volatile.Write(ref gone, true);
            }
        });
        Assert.InRange(used, 40, int.MaxValue);

        float[] Use() => classify ? [.. classifier.Classify(image).Select(each => each.Probability)] : encoder.Embed(image);
    }
}
