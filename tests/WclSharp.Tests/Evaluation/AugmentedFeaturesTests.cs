using WclSharp.Benchmarking;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Evaluation;

public class AugmentedFeaturesTests
{
    [Fact]
    public void OfEpoch_HasViewsOfItsOwn_ThatCanBeMadeAgain()
    {
        using var folder = new DataFolder();
        using var encoder = EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, folder["encoder.safetensors"]);
        using var images = ImageDataset.Read([.. Enumerable.Range(0, 5).Select(i => new EncodedImage($"{i}", ImageFiles.Jpeg(20 + i, 30), i == 2 ? null : "x"))]);
        List<(int, int)> told = [];
        using var views = AugmentedFeatures.Of(encoder, images, 0, (epoch, done) => told.Add((epoch, done)), default);
        float[] first = OfEpoch(0), second = OfEpoch(1);
        Assert.Equal(4 * encoder.FeatureSize, first.Length); // of those with a class
        Assert.NotEqual(first, second);
        Assert.Equal(second, OfEpoch(1));
        Assert.Equal([(0, 4), (1, 4), (1, 4)], told.Where(each => each.Item2 == 4));

        float[] OfEpoch(int epoch)
        {
            using var features = views.OfEpoch(epoch);
            return features.data<float>().ToArray();
        }
    }
}
