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

    private static readonly PretrainOptions Options =
        Presets.Resolve(SmallRun.Options with { Limit = Images, Batch = 16, Epochs = 2, WarmupEpochs = 1 }, new DataFacts(Images, 28, Embedded: true)).Options;

    [Fact]
    public void Threads_ChangeNeitherWeightsNorMetrics()
    {
        using var scope = NewDisposeScope();
        var (weights, metrics) = Train(threads: false);
        var (threadedWeights, threadedMetrics) = Train(threads: true);
        Assert.Equal(metrics.Select(Measured), threadedMetrics.Select(Measured));
        Assert.True(weights.eq(threadedWeights).all().ToBoolean());

        static EpochMetrics Measured(EpochMetrics metrics) => metrics with { Seconds = 0, ImagesPerSecond = null, DataWait = null };
    }

    [Fact]
    public void Cancelled_EpochWithViewsUnderWay_EndsAfterItsStep()
    {
        using var scope = NewDisposeScope();
        using var run = new Run(threads: true);
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
            tensors.AddRange([zeros(1), zeros(2), zeros(3)]);
            return (tensors[0], [tensors[1], tensors[2]]);
        });
        go.Set();
        batch.Dispose();

        Assert.Equal(3, tensors.Count);
        Assert.All(tensors, tensor => Assert.True(tensor.IsInvalid));
    }

    [Fact]
    public void Views_ThatFail_FailWhereTheyAreWantedAndNotWhereTheyAreFreed()
    {
        var batch = new UpcomingBatch([OneImage()], _ => throw new InvalidOperationException("no memory"));
        Assert.Equal("no memory", Assert.Throws<InvalidOperationException>(() => batch.Prepared()).Message);
        batch.Dispose();
    }

    private static ImageBatch OneImage() => new([0], [1], [1], 1, 1, 1, [0], null);

    private static (Tensor Weights, List<EpochMetrics> Metrics) Train(bool threads)
    {
        using var run = new Run(threads);
        var metrics = Enumerable.Range(0, 2).Select(_ => run.Trainer.TrainEpoch(null, CancellationToken.None)).ToList();
        return (cat([.. run.Model.Parameters.Select(p => p.Parameter.detach().flatten())]), metrics);
    }

    private sealed class Run : IDisposable
    {
        private readonly ImageDataset data = ImageDataset.Read(new DatasetOptions { Limit = Images, Seed = 4 });
        private readonly Method method = MethodFactory.Create(Options, Images, labels: true, CPU);
        private readonly Optimizer optimizer;

        public Run(bool threads)
        {
            Model = new WclModel(Options, method.HasWeakHead, CPU, ScalarType.Float32);
            optimizer = new Sgd(Model.Parameters, 1e-4);
            Trainer = new Trainer(Options, data, method, Model, optimizer, new Augmenter(16, Normalisation.FashionMnist, Options.Seed, CPU), null, CPU, threads);
        }

        public WclModel Model { get; }

        public Trainer Trainer { get; }

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
