using System.Runtime.InteropServices;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Tests.Training;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public sealed class FeatureExtractorTests : IDisposable
{
    private const int Side = 16;
    private readonly PretrainingData data = PretrainingData.Read(SmallRun.Options with { Limit = 300 }, null, null, default);
    private readonly ResNet encoder = new(EncoderArch.ResNet18, width: 4, EncoderStem.Small, seed: 0);
    private readonly Augmenter augmenter;

    public FeatureExtractorTests() => augmenter = new Augmenter(Side, data.Normalization, 0, CPU);

    public void Dispose()
    {
        encoder.Dispose();
        data.Dispose();
    }

    [Theory]
    [InlineData(100, 64), InlineData(7, 4), InlineData(1, 1)]
    public void MoreThanMemoryHolds_IsTriedInHalves_AndTheFeaturesAreTheSame(int holds, int largest)
    {
        using var expected = FeatureExtractor.Extract(encoder, augmenter, data.Train, CPU, null, default);
        var places = new List<int>();
        int most = 0, done = 0;
        using var features = zeros_like(expected);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            (most, done) = (0, 0);
            places.Clear();
            FeatureExtractor.ForEachBlock(encoder, Side, data.Train, CPU, images =>
            {
                if (images.Count > holds) throw new ExternalException("CUDA out of memory. Tried to allocate 2 GiB.\nframe #0: c10::Error");
                most = Math.Max(most, images.Count);
                return augmenter.Evaluate(ImageTensor.Of(images, CPU));
            }, (rows, first) =>
            {
                places.AddRange(Enumerable.Range(first, (int)rows.size(0)));
                using var target = features.narrow(0, first, rows.size(0));
                target.copy_(rows);
            }, images => done = images, default);
        });
        Assert.Equal((largest, data.Train.Count), (most, done));
        Assert.Equal(Enumerable.Range(0, data.Train.Count), places);
        using var difference = (features - expected).abs().max();
        Assert.InRange(difference.item<float>(), 0, 1e-5f);
    }

    [Theory]
    [InlineData("CUDA out of memory.", 1), InlineData("shapes do not fit", 128)]
    public void WhatHalvesDoNotHelp_IsTheError_AndTheEncoderTrainsOn(string message, int last)
    {
        encoder.train();
        int tried = 0;
        Assert.Equal(message, Assert.Throws<ExternalException>(() => FeatureExtractor.ForEachBlock(encoder, Side, data.Train, CPU, images =>
        {
            tried = images.Count;
            throw new ExternalException(message);
        }, (_, _) => { }, null, default)).Message);
        Assert.Equal((last, true), (tried, encoder.training));
    }
}
