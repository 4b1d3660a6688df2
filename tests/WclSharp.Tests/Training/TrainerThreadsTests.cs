using TorchSharp;
using WclSharp.Data;
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
        using var run = Run(MultiCrop.Knn, threads: true);
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
            tensors.AddRange([zeros(1, 1, 1, 1), zeros(2), zeros(3)]);
            return new(ImageTensor.Padded(tensors[0], [1], [1]), tensors[1], tensors[2]);
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

    private static ImageBatch OneImage()
    {
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 1 });
        return ImageBatch.Assemble(data, [0], bytes => new byte[bytes], null);
    }

    private static TrainerRun Run(MultiCrop crops, bool threads) =>
        new(SmallRun.Options with { Limit = Images, Batch = 16, Epochs = 2, WarmupEpochs = 1, MultiCrop = crops }, threads);

    private static (Tensor Weights, List<EpochMetrics> Metrics) Train(MultiCrop crops, bool threads)
    {
        using var run = Run(crops, threads);
        var metrics = Enumerable.Range(0, 2).Select(_ => run.TakeEpoch()).ToList();
        return (cat([.. run.Model.Parameters.Select(p => p.Parameter.detach().flatten())]), metrics);
    }
}
