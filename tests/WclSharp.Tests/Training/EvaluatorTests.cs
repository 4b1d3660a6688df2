using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

public sealed class EvaluatorTests : IDisposable
{
    private readonly string list = Path.GetTempFileName();

    public void Dispose() => File.Delete(list);

    [Theory]
    [InlineData(2700, 2600)] // more than 512 are held out, whose rank is measured: of the others only those with a label are looked at
    [InlineData(300, 100)]   // fewer: the rank is that of training images
    public void Measure_SomeLabels_HasTheFiguresOfAllImages_AndLooksAtNoMoreThanItNeeds(int images, int labels)
    {
        var given = SmallRun.Options with { Limit = images, Labels = list, KnnK = 5 };
        using (var all = PretrainingData.Read(given with { Labels = null }, null, null, default))
            File.WriteAllLines(list, Enumerable.Range(0, labels).Select(i => $"{all.All.NameOf(i)},{all.All.ClassNames[all.All.Labels[i]]}"));
        using var data = PretrainingData.Read(given, null, null, default);
        var options = Presets.Resolve(given, data.Facts).Options;
        var device = ComputeDevice.Choose("cpu", ComputePrecision.Fp32);
        using var model = new WclModel(options, weakHead: false, device);
        var augmenter = new Augmenter(16, data.Normalization, options.Seed, device.Device);
        var totals = new HashSet<long?>();
        var stages = new HashSet<string>();
        var watch = new ProgressHandler<RunProgress>(report =>
        {
            if (report is not RunProgress.Working working) return;
            stages.Add(working.Stage);
            if (working.Stage == "Computing features") totals.Add(working.Total);
        });
        using var evaluator = new Evaluator(data, model.Encoder, augmenter, options, device.Device, watch, default);
        var measured = evaluator.Measure(new EpochMetrics { Epoch = 1 });

        using var gallery = FeatureExtractor.Extract(model.Encoder, augmenter, data.Train, device.Device, null, default);
        using var queries = FeatureExtractor.Extract(model.Encoder, augmenter, data.HeldOut!, device.Device, null, default);
        bool ofHeldOut = data.HeldOut!.Count >= 512;
        Assert.Equal(images > 2000, ofHeldOut);
        Assert.Equal(LabelledKnn.Measure(gallery, data.Train, queries, data.HeldOut, 5)!.Value, (measured.Knn!.Value, measured.KnnBalancedAccuracy!.Value));
        Assert.Equal(FeatureQuality.EffectiveRank(ofHeldOut ? queries : gallery), measured.EffectiveRank!.Value, 1e-4);
        Assert.Equal([.. new[] { ofHeldOut ? data.Train.LabelledCount : data.Train.Count, (long?)data.HeldOut.Count }.Order()], totals.Order());

        using var after = new Evaluator(data, model.Encoder, augmenter, options, device.Device, watch, default);
        after.TrainFeatures().Dispose();
        const string Copies = "Looking for near-duplicates of training images among the test images";
        Assert.DoesNotContain(Copies, stages);
        var fromThose = after.Measure(new EpochMetrics { Epoch = options.Epochs!.Value });
        Assert.Contains(Copies, stages); // after the last epoch alone
        Assert.Equal(measured.Knn!.Value, fromThose.Knn!.Value, 12);
        Assert.Equal(measured.EffectiveRank.Value, fromThose.EffectiveRank!.Value, 1e-4);
    }

    [Fact]
    public void Neighbors_NothingHeldOut_AreOtherImages()
    {
        using var data = PretrainingData.Read(SmallRun.Options, null, null, default, new RunDataRequest { HoldOut = false });
        var options = Presets.Resolve(SmallRun.Options, data.Facts).Options;
        var device = ComputeDevice.Choose("cpu", ComputePrecision.Fp32);
        using var model = new WclModel(options, weakHead: false, device);
        using var evaluator = new Evaluator(data, model.Encoder, new Augmenter(16, data.Normalization, options.Seed, device.Device), options, device.Device, null, default);
        var rows = evaluator.Neighbors();
        Assert.Equal(10, rows.Count);
        Assert.All(rows, row =>
        {
            Assert.Equal(8, row.Neighbors.Count);
            Assert.DoesNotContain(row.Neighbors, neighbor => neighbor.Image.Pixels.SequenceEqual(row.Query.Pixels));
        });
    }

    [Fact]
    public void TrainFeatures_AreComputedOnceForAllThatAskAndForMeasure_UntilForgotten()
    {
        using var data = PretrainingData.Read(SmallRun.Options with { Limit = 300 }, null, null, default);
        var options = Presets.Resolve(SmallRun.Options, data.Facts).Options;
        var device = ComputeDevice.Choose("cpu", ComputePrecision.Fp32);
        using var model = new WclModel(options, weakHead: false, device);
        var augmenter = new Augmenter(16, data.Normalization, options.Seed, device.Device);
        int passes = 0;
        var watch = new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working && working.Total == data.Train.Count && working.Done == working.Total) passes++;
        });
        Evaluator New() => new(data, model.Encoder, augmenter, options, device.Device, watch, default);
        using var fresh = New();
        var expected = fresh.Measure(new EpochMetrics { Epoch = 1 });
        Assert.Equal(1, passes);

        LiveTensors.AssertNoneLeftBy(() =>
        {
            using var scope = NewDisposeScope();
            using var evaluator = New();
            using var first = evaluator.TrainFeatures();
            using var second = evaluator.TrainFeatures();
            Assert.True(first.eq(second).all().ToBoolean());
            Assert.Equal(expected, evaluator.Measure(new EpochMetrics { Epoch = 1 }));
            Assert.Equal(2, passes);

            evaluator.Forget();
            using (no_grad()) model.Encoder.parameters().First().neg_();
            using var third = evaluator.TrainFeatures();
            Assert.Equal(3, passes);
            Assert.False(first.eq(third).all().ToBoolean());
        });
    }
}
