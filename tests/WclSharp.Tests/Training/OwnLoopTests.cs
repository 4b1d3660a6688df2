using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Losses;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>Training by a program's own loop, of the public parts alone.</summary>
public sealed class OwnLoopTests : RunsInFolder
{
    private const int Size = 16;
    private const double Temperature = 0.2;

    [Fact]
    public void Loop_OfPublicParts_LearnsAndLeavesNoTensorBehind_AndItsEncoderIsLoaded()
    {
        string file = Path.Combine(folder, "own.safetensors"), picture = Path.Combine(folder, "picture.png");
        File.WriteAllBytes(picture, Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 20, 24));
        float[] written = [];
        var losses = new List<double>();
        Train(file, picture, losses, out written); // what is made once a process
        LiveTensors.AssertNoneLeftBy(() => Train(file, picture, losses, out written));
        Assert.True(losses[^1] < 0.9 * losses[0], $"From {losses[0]} to {losses[^1]}.");
        using var loaded = ImageEncoder.Load(file);
        Assert.Equal((Size, 32), (loaded.ImageSize, loaded.FeatureSize));
        Assert.True(ImageEncoder.Similarity(written, loaded.Embed(picture)) > 0.99999);
    }

    [Fact]
    public void Load_GivesTheNetworkThatWasSaved_ToTrainOn()
    {
        string file = Path.Combine(folder, "saved.safetensors"), again = Path.Combine(folder, "again.safetensors");
        using (var network = new ResNet(EncoderArch.ResNet18, 4, EncoderStem.Small, seed: 7)) ImageEncoder.Save(network, file, Size, Normalization.FashionMnist);
        using var loaded = ResNet.Load(file);
        Assert.True(loaded.training);
        Assert.Equal((EncoderArch.ResNet18, 4, EncoderStem.Small), (loaded.Architecture, loaded.Width, loaded.Stem));
        ImageEncoder.Save(loaded, again, Size, Normalization.FashionMnist);
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(again));
        using (var scope = NewDisposeScope()) Backpropagation.Run(loaded.call(randn([2, 3, Size, Size])).sum());
        Assert.All(loaded.parameters(), parameter => Assert.NotNull(parameter.grad));
        Assert.Throws<WclUsageException>(() => ResNet.Load(Path.Combine(folder, "none.safetensors")));
        Assert.Throws<ArgumentOutOfRangeException>("stem", () => new ResNet(EncoderArch.ResNet18, 4, (EncoderStem)77, seed: 0));
    }

    /// <summary>Views of a batch are those that its images have as a padded tensor: the positions in the data set are the counters.</summary>
    [Fact]
    public void Augment_OfABatch_IsThatOfItsImages()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 12 });
        using var scope = NewDisposeScope();
        var augmenter = new Augmenter(Size, Normalization.FashionMnist, seed: 3, CPU);
        using var loader = new BatchLoader(images, 4, seed: 5, workers: 1);
        var recipe = AugmentationRecipe.Strong(Size);
        foreach (var batch in loader.Epoch(1))
        {
            using (batch)
            {
                var pixels = stack(batch.Indices.Select(i => tensor(images.PixelsOf(i).ToArray(), [images.Channels, batch.Heights[0], batch.Widths[0]])));
                Assert.Equal(augmenter.Augment(pixels, batch.Heights, batch.Widths, batch.Indices, 1, 0, recipe).data<float>(), augmenter.Augment(batch, 1, 0, recipe).data<float>());
                Assert.Equal(augmenter.Evaluate(pixels, batch.Heights, batch.Widths).data<float>(), augmenter.Evaluate(batch).data<float>());
            }
        }
    }

    private static void Train(string file, string picture, List<double> losses, out float[] features)
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 64 });
        var augmenter = new Augmenter(Size, Normalization.FashionMnist, seed: 0, CPU);
        using var encoder = new ResNet(EncoderArch.ResNet18, width: 4, EncoderStem.Small, seed: 0);
        using var instanceHead = new ProjectionHead(encoder.FeatureSize, hidden: 32, output: 16, seed: 1);
        using var weakHead = new ProjectionHead(encoder.FeatureSize, hidden: 32, output: 16, seed: 2);
        using var optimizer = optim.AdamW([.. encoder.parameters(), .. instanceHead.parameters(), .. weakHead.parameters()], lr: 5e-3);
        using var loader = new BatchLoader(images, 32, seed: 0, workers: 1);
        for (int epoch = 0; epoch < 20; epoch++)
        {
            double sum = 0;
            foreach (var batch in loader.Epoch(epoch))
            {
                using var scope = NewDisposeScope();
                using (batch)
                {
                    var (z1, v1) = Project(augmenter.Augment(batch, epoch, 0, AugmentationRecipe.Weak(Size)));
                    var (z2, v2) = Project(augmenter.Augment(batch, epoch, 1, AugmentationRecipe.Weak(Size)));
                    var (weak, labels1, _) = WeakLoss.OfGraphs(v1, v2, Temperature, detachKeys: true);
                    var loss = InstanceLoss.Forward(z1, z2, Temperature) + weak;
                    Assert.InRange(labels1.unique().output.numel(), 1, 16); // components have two images at least
                    optimizer.zero_grad();
                    Backpropagation.Run(loss);
                    optimizer.step();
                    sum += loss.item<float>();
                }
            }
            losses.Add(sum / loader.StepsPerEpoch);
        }

        ImageEncoder.Save(encoder, file, Size, Normalization.FashionMnist);
        using var noGradient = no_grad();
        using var end = NewDisposeScope();
        encoder.eval();
        using var pictures = ImageDataset.Read(new DatasetOptions { Path = Path.GetDirectoryName(picture), StoredSide = 2 * Size });
        using var one = BatchLoader.InOrder(pictures, 1).Single();
        features = encoder.call(augmenter.Evaluate(one)).data<float>().ToArray();

        (Tensor, Tensor) Project(Tensor views)
        {
            var found = encoder.call(views);
            return (nn.functional.normalize(instanceHead.call(found)), nn.functional.normalize(weakHead.call(found)));
        }
    }
}
