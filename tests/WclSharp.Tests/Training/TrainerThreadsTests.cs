using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Methods;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>Views and sums that other threads ask for, as on a GPU, are those that the step's own thread asks for.</summary>
public class TrainerThreadsTests
{
    private const int Images = 64;

    [Theory]
    [InlineData(MultiCrop.None)]
    [InlineData(MultiCrop.Standard)]
    [InlineData(MultiCrop.Knn)]
    public void Threads_ChangeNeitherWeightsNorMetrics(MultiCrop crops)
    {
        using var scope = NewDisposeScope();
        var (weights, metrics) = Train(crops, threads: false);
        var (threadedWeights, threadedMetrics) = Train(crops, threads: true);
        Assert.Equal(metrics.Select(Measured), threadedMetrics.Select(Measured));
        Assert.True(weights.eq(threadedWeights).all().ToBoolean());

        static EpochMetrics Measured(EpochMetrics metrics) => metrics with { Seconds = 0, ImagesPerSecond = null, DataWait = null };
    }

    [Fact]
    public void Cancelled_EpochWithViewsUnderWay_EndsAfterItsStep()
    {
        using var scope = NewDisposeScope();
        using var run = new Run(MultiCrop.Knn, threads: true);
        Assert.Throws<OperationCanceledException>(() => run.Trainer.TrainEpoch(null, new CancellationToken(canceled: true)));
        Assert.Equal(1, run.Trainer.Step);
    }

    // Not by counting live tensors: they are counted where they are made, and these are made on one thread and freed on another.
    [Fact]
    public void Dispose_OfABatchWithViewsUnderWay_WaitsForThemAndFreesThem()
    {
        var tensors = new List<Tensor>();
        using var go = new ManualResetEventSlim();
        var batch = new UpcomingBatch([OneImage()], _ =>
        {
            go.Wait();
            tensors.AddRange([zeros(1, 1, 1, 1), zeros(2), zeros(3), zeros(4)]);
            return new(ImageTensor.Padded(tensors[0], [1], [1]), [tensors[1], tensors[2]], tensors[3]);
        });
        go.Set();
        batch.Dispose();

        Assert.Equal(4, tensors.Count);
        Assert.All(tensors, tensor => Assert.True(tensor.IsInvalid));
    }

    [Fact]
    public void Views_ThatFail_FailWhereTheyAreWantedAndNotWhereTheyAreFreed()
    {
        var batch = new UpcomingBatch([OneImage()], _ => throw new InvalidOperationException("no memory"));
        Assert.Equal("no memory", Assert.Throws<InvalidOperationException>(() => batch.Prepared()).Message);
        batch.Dispose();
    }

    private static ImageBatch OneImage()
    {
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 1 });
        return ImageBatch.Assemble(data, [0], bytes => new byte[bytes], null);
    }

    private static (Tensor Weights, List<EpochMetrics> Metrics) Train(MultiCrop crops, bool threads)
    {
        using var run = new Run(crops, threads);
        var metrics = Enumerable.Range(0, 2).Select(_ => run.TakeEpoch()).ToList();
        return (cat([.. run.Model.Parameters.Select(p => p.Parameter.detach().flatten())]), metrics);
    }

    private sealed class Run : IDisposable
    {
        private readonly ImageDataset data = ImageDataset.Read(new DatasetOptions { Limit = Images, Seed = 4 });
        private readonly Method method;
        private readonly Optimizer optimizer;

        public Run(MultiCrop crops, bool threads)
        {
            var options = Presets.Resolve(SmallRun.Options with { Limit = Images, Batch = 16, Epochs = 2, WarmupEpochs = 1, MultiCrop = crops }, new DataFacts(Images, 28, Embedded: true)).Options;
            method = MethodFactory.Create(options, Images, labels: true, CPU);
            Model = new WclModel(options, method.HasWeakHead, CPU, ScalarType.Float32);
            optimizer = new Sgd(Model.Parameters, 1e-4);
            var local = MethodFactory.HasLocalCrops(options) ? new LocalViews(options, Normalisation.FashionMnist, CPU) : null;
            Trainer = new Trainer(options, data, method, Model, optimizer, new Augmenter(16, Normalisation.FashionMnist, options.Seed, CPU), local, CPU, threads);
        }

        public WclModel Model { get; }

        public Trainer Trainer { get; }

        /// <summary>An epoch, and what comes after it: neighbours are found after the first.</summary>
        public EpochMetrics TakeEpoch()
        {
            var metrics = Trainer.TrainEpoch(null, CancellationToken.None);
            method.AfterEpoch(new EpochEnd(metrics.Epoch, () => throw new InvalidOperationException("no method here asks for features")));
            return metrics;
        }

        public void Dispose()
        {
            Trainer.Dispose();
            optimizer.Dispose();
            Model.Dispose();
            method.Dispose();
            data.Dispose();
        }
    }
}
