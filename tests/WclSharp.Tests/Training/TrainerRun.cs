using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>A <see cref="Trainer"/> with all that it needs, on some of the embedded images, without a run folder.</summary>
internal sealed class TrainerRun : IDisposable
{
    private readonly Method method;
    private readonly Optimizer optimizer;

    /// <param name="given">Options; the limit is the number of images.</param>
    /// <param name="threads">As for <see cref="Trainer"/>.</param>
    /// <param name="optimize">Makes the optimiser; null for SGD.</param>
    /// <param name="observe">Wraps the method; null for none.</param>
    public TrainerRun(PretrainOptions given, bool? threads = null, Func<IReadOnlyList<OptimizedParameter>, Optimizer>? optimize = null, Func<Method, Method>? observe = null)
    {
        int images = given.Limit!.Value;
        Data = ImageDataset.Read(new DatasetOptions { Limit = images, Seed = 4 });
        Options = Presets.Resolve(given, new DataFacts(images, 28, Embedded: true)).Options;
        method = MethodFactory.Create(Options, images, labels: true, CPU);
        if (observe is not null) method = observe(method);
        Model = new WclModel(Options, method.HasWeakHead, new ComputeDevice(CPU, ScalarType.Float32));
        optimizer = optimize is null ? new Sgd(Model.Parameters, 1e-4) : optimize(Model.Parameters);
        Augmenter = new Augmenter(Options.ImageSize!.Value, Normalization.FashionMnist, Options.Seed, CPU);
        var local = MethodFactory.HasLocalCrops(Options) ? new LocalViews(Options, Normalization.FashionMnist, CPU) : null;
        Trainer = new Trainer(Options, Data, method, Model, optimizer, Augmenter, local, CPU, threads);
    }

    /// <summary>Resolved options.</summary>
    public PretrainOptions Options { get; }

    public ImageDataset Data { get; }

    public Augmenter Augmenter { get; }

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
        Data.Dispose();
    }
}
