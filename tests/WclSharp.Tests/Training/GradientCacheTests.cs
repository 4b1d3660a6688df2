using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Kernels;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>A step in chunks is the step of the whole batch, but for batch norm, which normalises each chunk with its own statistics.</summary>
public sealed class GradientCacheTests : IDisposable
{
    private const int Images = 24;
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-accumulate-").FullName;

    // Deep enough for every part: strides, shortcuts, both heads.
    private static PretrainOptions Options(ContrastiveMethod method, MultiCrop multiCrop = MultiCrop.None) => Presets.Resolve(new PretrainOptions
    {
        Method = method,
        MultiCrop = multiCrop,
        LocalCrops = 3,
        BankK = 2,
        FnSupport = method == ContrastiveMethod.FnCancel ? 2 : null,
        Width = 8,
        ImageSize = 16,
        LocalSize = 8,
        Batch = Images,
        Epochs = 2,
        HeadHidden = 24,
        HeadOutput = 8,
        Workers = 2,
    }, new DataFacts(Images, 28, Embedded: true)).Options;

    [Theory]
    [InlineData(ContrastiveMethod.SimClr, MultiCrop.None, 2)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 2)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 6)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 12)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 3)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Knn, 3)]
    [InlineData(ContrastiveMethod.FnCancel, MultiCrop.None, 3)]
    [InlineData(ContrastiveMethod.InstDisc, MultiCrop.None, 3)]
    public void WithBatchNormFrozen_Chunks_GiveTheGradientsOfTheWholeBatch(ContrastiveMethod method, MultiCrop multiCrop, int chunks)
    {
        using var scope = NewDisposeScope();
        var options = Options(method, multiCrop);
        // Instance discrimination's bank is float32, and so are views, whose rounding depends on the batch that they are made in.
        var (type, tolerance) = method == ContrastiveMethod.InstDisc ? (ScalarType.Float32, 1e-4) : (ScalarType.Float64, 2e-6);
        using var whole = new Step(options, type, frozen: true);
        using var cut = new Step(options with { Accumulate = chunks }, type, frozen: true);
        // The second epoch of KNN multi-crop has neighbours, which lie in other chunks.
        for (int epoch = 0; epoch < 2; epoch++)
        {
            var expected = whole.TakeEpoch();
            var actual = cut.TakeEpoch();
            AssertClose(expected.Gradients, actual.Gradients, tolerance);
            var (a, b) = (expected.Metrics, actual.Metrics);
            foreach (var (one, other) in (ValueTuple<double?, double?>[])
                [(a.InstanceLoss, b.InstanceLoss), (a.WeakLoss, b.WeakLoss), (a.LocalInstanceLoss, b.LocalInstanceLoss), (a.LocalWeakLoss, b.LocalWeakLoss), (a.Components, b.Components),
                    (a.Purity, b.Purity), (a.PairPrecision, b.PairPrecision), (a.Uniformity, b.Uniformity)])
            {
                Assert.Equal(one.HasValue, other.HasValue);
                if (one is not null) Close.Relative(one.Value, other!.Value, tolerance, "a metric");
            }
        }
    }

    [Theory]
    [InlineData(ContrastiveMethod.SimClr, MultiCrop.None, 2)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 6)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 3)]
    [InlineData(ContrastiveMethod.FnCancel, MultiCrop.None, 4)]
    public void WithBatchNormFrozen_ChunksOfGivenViews_GiveTheGradientsOfTheWholeBatchToFloat64sRounding(ContrastiveMethod method, MultiCrop multiCrop, int chunks)
    {
        using var scope = NewDisposeScope();
        var options = Options(method, multiCrop);
        using var whole = new Step(options, ScalarType.Float64, frozen: true);
        using var cut = new Step(options with { Accumulate = chunks }, ScalarType.Float64, frozen: true);
        AssertClose(whole.OfGivenViews(), cut.OfGivenViews(), 1e-11);
    }

    [Theory]
    [InlineData(ContrastiveMethod.SimClr, MultiCrop.None, 2, 8, ScalarType.Float64, 1e-9)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 4, 8, ScalarType.Float64, 1e-9)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 3, 8, ScalarType.Float64, 1e-9)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 3, 64, ScalarType.Float32, 1e-4)] // the kernels for a CPU
    public void InTraining_Chunks_AreOneGraphWithBatchNormPerChunk(ContrastiveMethod method, MultiCrop multiCrop, int chunks, int width, ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        var options = Options(method, multiCrop) with { Accumulate = chunks, Width = width };
        using var cut = new Step(options, type, frozen: false);
        using var oracle = new Step(options, type, frozen: false);

        var actual = cut.TakeEpoch();
        var expected = oracle.InOneGraph();

        AssertClose(expected, actual.Gradients, tolerance);
        // Once a chunk and view, in the same order; not once a pass.
        long views = multiCrop == MultiCrop.None ? 2 : 3;
        foreach (var (name, buffer) in cut.Buffers)
        {
            var other = oracle.Buffers[name];
            if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) Assert.Equal(views * chunks, buffer.item<long>());
            Assert.True(other.allclose(buffer, rtol: 0, atol: 0), name);
        }
    }

    [Fact]
    public void SupportViews_WhichPassOnce_UpdateTheRunningStatisticsToo()
    {
        using var scope = NewDisposeScope();
        using var step = new Step(Options(ContrastiveMethod.FnCancel) with { Accumulate = 3 }, ScalarType.Float32, frozen: false);
        step.TakeEpoch();
        foreach (var (name, buffer) in step.Buffers)
            if (name.StartsWith("encoder.", StringComparison.Ordinal) && name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) Assert.Equal(3 * (2 + 2), buffer.item<long>());
    }

    [Fact]
    public void ChunkedRun_StoppedAndResumed_OrWithOtherWorkers_EndsWithTheSameBytes()
    {
        PretrainOptions Run(string name) => SmallRun.Options with { Limit = 200, Batch = 32, Accumulate = 4, Epochs = 2, EvaluateEvery = 2, MultiCrop = MultiCrop.Knn, LocalCrops = 2, Out = Path.Combine(folder, name) };
        string whole = SmallRun.HashOf(Pretraining.Run(Run("whole")).RunFolder);
        Assert.Equal(whole, SmallRun.HashOf(Pretraining.Run(Run("workers") with { Workers = 5 }).RunFolder));
        Assert.NotEqual(whole, SmallRun.HashOf(Pretraining.Run(Run("at-once") with { Accumulate = 1 }).RunFolder));

        foreach (int stopAt in (int[])[2, 7])
        {
            string name = $"stopped-{stopAt}";
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Run(name), new ProgressHandler<RunProgress>(p =>
            {
                if (p is RunProgress.Step step && step.StepInRun == stopAt) stop.Cancel();
            }), stop.Token));
            Assert.Equal(whole, SmallRun.HashOf(Pretraining.Run(Run(name) with { Resume = true }).RunFolder));
        }
    }

    [Fact]
    public void LiveTensors_DoNotGrowFromStepToStep_AndNoneIsLeft()
    {
        PretrainOptions Run(string name) => SmallRun.Options with { Batch = 16, Accumulate = 4, Epochs = 1, MultiCrop = MultiCrop.Standard, LocalCrops = 2, Out = Path.Combine(folder, name) };
        var counts = new List<long>();
        Pretraining.Run(Run("first"));
        LiveTensors.AssertNoneLeftBy(() => Pretraining.Run(Run("second"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step) counts.Add(LiveTensors.Count);
        })));
        Assert.True(counts.Count >= 6);
        Assert.Single(counts.Skip(2).Distinct()); // the first steps make the optimiser's state and the gradients
    }

    [Fact]
    public void LossThatIsNotFinite_StopsTheRun()
    {
        var error = Assert.Throws<DivergedException>(() => Pretraining.Run(SmallRun.Options with { Accumulate = 4, Epochs = 5, LearningRate = 1e30, WarmupEpochs = 0, Out = Path.Combine(folder, "diverging") }));
        Assert.Contains("The loss is", error.Message, StringComparison.Ordinal);
    }

    private static void AssertClose(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, double tolerance)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        // Gradients that are zero but for rounding (a bias before batch norm) are compared to the largest.
        double largest = expected.Values.Max(gradient => gradient.norm().ToDouble());
        Assert.True(largest > 0);
        foreach (var (name, gradient) in expected)
        {
            double error = (gradient - actual[name]).norm().ToDouble() / Math.Max(gradient.norm().ToDouble(), 1e-3 * largest);
            Assert.True(error <= tolerance, $"{name}: off by {error:E2} of its norm, allowed {tolerance:E0}");
        }
    }

    /// <summary>A trainer over one batch of the embedded images whose optimiser writes the gradients down and leaves the weights.</summary>
    private sealed class Step : IDisposable
    {
        private readonly PretrainOptions options;
        private readonly ImageDataset data = ImageDataset.Read(new DatasetOptions { Limit = Images, Seed = 4 });
        private readonly Augmenter augmenter;
        private readonly LocalViews? localViews;
        private readonly Method method;
        private readonly WclModel model;
        private readonly Recorder recorder;
        private readonly Trainer trainer;

        public Step(PretrainOptions options, ScalarType type, bool frozen)
        {
            this.options = options;
            augmenter = new Augmenter(options.ImageSize!.Value, Normalization.FashionMnist, options.Seed, CPU);
            localViews = MethodFactory.HasLocalCrops(options) ? new LocalViews(options, Normalization.FashionMnist, CPU) : null;
            method = MethodFactory.Create(options, Images, labels: true, CPU);
            model = new WclModel(options, method.HasWeakHead, new ComputeDevice(CPU, type));
            foreach (var (_, module) in model.Modules)
            {
                module.to(type);
                module.train(!frozen);
            }
            recorder = new Recorder(model.Parameters);
            trainer = new Trainer(options, data, method, model, recorder, augmenter, localViews, CPU);
        }

        /// <summary>Batch norm's running statistics by name.</summary>
        public Dictionary<string, Tensor> Buffers => model.Modules.SelectMany(part => ModuleWeights.Of(part.Module, part.Prefix).Where(tensor => !tensor.Tensor.requires_grad))
            .ToDictionary(pair => pair.Name, pair => pair.Tensor);

        /// <summary>One step of the trainer, and what comes after an epoch.</summary>
        public (Dictionary<string, Tensor> Gradients, EpochMetrics Metrics) TakeEpoch()
        {
            var metrics = trainer.TrainEpoch(null, CancellationToken.None);
            method.AfterEpoch(new EpochEnd(metrics.Epoch, () => throw new InvalidOperationException()));
            return (recorder.Gradients, metrics);
        }

        /// <summary>Gradients of a step on random views, the same ones of an image at every call.</summary>
        public Dictionary<string, Tensor> OfGivenViews()
        {
            var random = new Generator(6);
            var views = Enumerable.Range(0, 4).Select(_ => randn([1, Images, 3, 16, 16], ScalarType.Float64, generator: random)).ToArray(); // two, and two of support
            var local = randn([options.LocalCrops, Images, 3, 8, 8], ScalarType.Float64, generator: random);
            using var loader = new BatchLoader(data, Images / options.Accumulate, options.Seed, 1);
            ImageBatch[] batch = [.. loader.Epoch(0)];
            var cache = batch.Length > 1 ? new GradientCache(model, batch, CPU) : null;

            (Tensor Z, Tensor? V) Project(Tensor of) // [M, N, 3, S, S]
            {
                Tensor View(ImageBatch chunk, ImageTensor? pixels) => of.index_select(1, tensor(Array.ConvertAll(chunk.Indices, i => (long)i))).flatten(0, 1);
                return cache is null ? model.Project(View(batch[0], null)) : cache.Project(View);
            }

            var input = MethodInput.Of([Project(views[0]), Project(views[1])], number => Project(views[2 + number % 2])) with
            {
                Images = [.. batch.SelectMany(chunk => chunk.Indices)],
                ProjectLocal = () => Project(local),
            };
            recorder.ZeroGradients();
            method.Losses(input).Total.backward();
            cache?.Backward();
            AutogradMemory.FreeReturned();
            recorder.Step(0);
            return recorder.Gradients;
        }

        /// <summary>The first step's gradients from one graph over all chunks, each projected by itself.</summary>
        public Dictionary<string, Tensor> InOneGraph()
        {
            var recipe = AugmentationPlan.Of(options).Warmup; // of the first epoch
            var views = new List<List<(Tensor Z, Tensor? V)>> { new(), new(), new() };
            var images = new List<int>();
            int size = Images / options.Accumulate;
            using var loader = new BatchLoader(data, size, options.Seed, 1);
            foreach (var chunk in loader.Epoch(0))
            {
                var pixels = ImageTensor.Of(chunk, CPU);
                for (int view = 0; view < 2; view++)
                    views[view].Add(model.Project(augmenter.Augment(pixels, chunk.Indices, 0, view, recipe)));
                if (localViews is not null) views[2].Add(model.Project(localViews.Make(chunk, pixels, 0, recipe, _ => null, loader.Assemble)));
                images.AddRange(chunk.Indices);
            }

            (Tensor Z, Tensor? V) Whole(int view)
            {
                // Row m n + i of a chunk is row m N + its place of the batch.
                Tensor Join(IEnumerable<Tensor> parts)
                {
                    var rows = parts.Select(part => part.chunk(part.shape[0] / size)).ToList();
                    return cat([.. Enumerable.Range(0, rows[0].Length).SelectMany(m => rows.Select(part => part[m]))]);
                }
                return (Join(views[view].Select(part => part.Z)), views[view][0].V is null ? null : Join(views[view].Select(part => part.V!)));
            }

            var input = MethodInput.Of([Whole(0), Whole(1)], Whole) with { Images = images, ProjectLocal = localViews is null ? null : () => Whole(2) };
            recorder.ZeroGradients();
            method.Losses(input).Total.backward();
            AutogradMemory.FreeReturned();
            recorder.Step(0);
            return recorder.Gradients;
        }

        public void Dispose()
        {
            trainer.Dispose();
            recorder.Dispose();
            model.Dispose();
            method.Dispose();
            data.Dispose();
        }
    }

    private sealed class Recorder(IReadOnlyList<OptimizedParameter> parameters) : Optimizer(parameters)
    {
        public Dictionary<string, Tensor> Gradients { get; private set; } = [];

        private protected override void Begin(double learningRate) => Gradients = [];

        private protected override void Update(ParameterGroup group)
        {
            foreach (var (index, gradient) in group.Indices.Zip(group.Gradients)) Gradients[Parameters[index].Name] = gradient.clone().DetachFromDisposeScope();
        }
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
