using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Inference;
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
}
