using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.FineTuning;

public sealed class ClassifierNetworkTests
{
    [Theory]
    [InlineData(true), InlineData(false)]
    public void Accuracy_IsMeasuredInEvaluationMode_AndLeavesTheModeThatItFound(bool training)
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 20, Seed = 1 });
        var facts = new EncoderFacts(EncoderArch.ResNet18, 2, EncoderStem.Small, 16, Normalization.ImageNet);
        using var network = new ClassifierNetwork(facts, hidden: null, images.ClassNames.Count, seed: 0, ComputeDevice.Choose("cpu", ComputePrecision.Fp32));
        network.Train(training);
        var before = network.Named().Select(pair => pair.Tensor.clone()).ToArray();
        var preparation = new Augmenter(16, facts.Normalization, 0, CPU);
        int[] predicted = network.Predict(preparation, images, CancellationToken.None);
        Assert.False(network.Encoder.training || network.Top.training);

        network.Train(training);
        int[] truth = images.Labels.ToArray();
        double expected = predicted.Zip(truth).Count(pair => pair.First == pair.Second) / 20.0;
        double overClasses = truth.Distinct().Average(label => Enumerable.Range(0, 20).Count(i => truth[i] == label && predicted[i] == label) / (double)truth.Count(other => other == label));
        var (share, balancedAccuracy) = network.Accuracy(preparation, images, CancellationToken.None);
        Assert.Equal(expected, share, 12);
        Assert.Equal(overClasses, balancedAccuracy, 12);
        Assert.NotEqual(share, balancedAccuracy); // classes of several sizes
        Assert.Equal((training, training), (network.Encoder.training, network.Top.training));
        foreach (var (was, (_, tensor)) in before.Zip(network.Named())) Assert.True(was.eq(tensor).all().item<bool>()); // no running statistics moved
    }
}
