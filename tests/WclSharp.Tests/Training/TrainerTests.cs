using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Methods;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>What a step is taken with.</summary>
public class TrainerTests
{
    [Fact]
    public void Rates_AreTheSchedules_StepByStep_AndTheLastIsTheEpochs()
    {
        const double Peak = 0.3;
        const int StepsPerEpoch = 4, Warmup = 6, All = 16;
        using var scope = NewDisposeScope();
        RecordedRates? recorded = null;
        using var run = new TrainerRun(SmallRun.Options with { Limit = 64, Batch = 16, Epochs = 4, WarmupEpochs = 1.5, LearningRate = Peak }, optimize: parameters => recorded = new RecordedRates(parameters));
        var metrics = Enumerable.Range(0, 4).Select(_ => run.TakeEpoch()).ToArray();

        double[] expected = [.. Enumerable.Range(0, All).Select(step => step < Warmup
            ? Peak * step / Warmup
            : Peak / 2 * (1 + Math.Cos(Math.PI * (step - Warmup) / (All - Warmup))))];
        Assert.Equal(expected, recorded!.Rates, (a, b) => Math.Abs(a - b) <= 1e-12);
        Assert.Equal(Enumerable.Range(1, 4).Select(epoch => (double?)recorded.Rates[epoch * StepsPerEpoch - 1]), metrics.Select(epoch => epoch.Lr));
    }

    [Fact]
    public void Views_AreMadeByTheWarmupsRecipe_AndByTheOtherAfterIt()
    {
        using var scope = NewDisposeScope();
        Observed? observed = null;
        using var run = new TrainerRun(SmallRun.Options with { Limit = 32, Batch = 16, Epochs = 3, WarmupEpochs = 1, Augmentation = AugmentationSchedule.Paper, Method = ContrastiveMethod.SimClr },
            optimize: parameters => new RecordedRates(parameters), observe: method => observed = new Observed(method));
        for (int epoch = 0; epoch < 3; epoch++) run.TakeEpoch();

        var plan = AugmentationPlan.Of(run.Options);
        using var loader = new BatchLoader(run.Data, 16, seed: 0, workers: 1);
        Assert.Equal([0, 0, 1, 1, 2, 2], observed!.Steps.Select(step => step.Epoch));
        foreach (var (epoch, _, images, _, first, second, _) in observed.Steps)
        {
            var (right, wrong) = epoch == 0 ? (plan.Warmup, plan.After) : (plan.After, plan.Warmup);
            Assert.True(Z(0, right).allclose(first, rtol: 0, atol: 1e-5));
            Assert.True(Z(1, right).allclose(second, rtol: 0, atol: 1e-5));
            Assert.False(Z(0, wrong).allclose(first, rtol: 0, atol: 1e-2));

            Tensor Z(int view, AugmentationRecipe recipe)
            {
                using var batch = loader.Assemble(images);
                return run.Model.Project(run.Augmenter.Augment(ImageTensor.Of(batch, CPU), images, epoch, view, recipe)).Z;
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Epochs_HaveTheLoadersOrders_WhichTheSeedGives(long seed)
    {
        using var scope = NewDisposeScope();
        Observed? observed = null;
        using var run = new TrainerRun(SmallRun.Options with { Limit = 100, Batch = 32, Epochs = 6, WarmupEpochs = 0, Method = ContrastiveMethod.SimClr, Seed = seed },
            optimize: parameters => new RecordedRates(parameters), observe: method => observed = new Observed(method));
        for (int epoch = 0; epoch < 6; epoch++) run.TakeEpoch();

        using var loader = new BatchLoader(run.Data, 32, seed, workers: 1);
        Assert.Equal(Enumerable.Range(0, 6).SelectMany(epoch => loader.Epoch(epoch).Select(batch => batch.Indices.ToArray())), observed!.Steps.Select(step => step.Images));
        Assert.Equal(Enumerable.Range(0, 100), observed.Steps.SelectMany(step => step.Images).Distinct().Order()); // four are left out each time, and not always the same
        Assert.Equal(Enumerable.Range(0, 18).Select(step => (long)step), observed.Steps.Select(step => step.Step));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Classes_AreThoseOfTheStepsImages(int chunks)
    {
        using var scope = NewDisposeScope();
        Observed? observed = null;
        using var run = new TrainerRun(SmallRun.Options with { Limit = 96, Batch = 32, Accumulate = chunks, Epochs = 1, WarmupEpochs = 0, Method = ContrastiveMethod.SupCon }, observe: method => observed = new Observed(method));
        run.TakeEpoch();
        Assert.Equal(3, observed!.Steps.Count);
        Assert.All(observed.Steps, step => Assert.Equal(step.Images.Select(image => (long)run.Data.Labels[image]), step.Classes));
        Assert.True(observed.Steps[0].Classes!.Distinct().Count() > 5); // so that this says something
    }

    [Fact]
    public void LocalCrops_AreMadeByTheEpochsRecipe_InOtherPlacesEachEpoch()
    {
        using var scope = NewDisposeScope();
        Observed? observed = null;
        using var run = new TrainerRun(SmallRun.Options with { Limit = 16, Batch = 16, Epochs = 3, WarmupEpochs = 1, Augmentation = AugmentationSchedule.Paper, Method = ContrastiveMethod.SimClr, MultiCrop = MultiCrop.Standard, LocalCrops = 3 },
            optimize: parameters => new RecordedRates(parameters), observe: method => observed = new Observed(method));
        for (int epoch = 0; epoch < 3; epoch++) run.TakeEpoch();

        var plan = AugmentationPlan.Of(run.Options);
        var local = new LocalViews(run.Options, Normalization.FashionMnist, CPU);
        using var loader = new BatchLoader(run.Data, 16, seed: 0, workers: 1);
        Assert.Equal(3, observed!.Steps.Count);
        foreach (var (epoch, _, images, _, _, _, crops) in observed.Steps)
        {
            var (right, wrong) = epoch == 0 ? (plan.Warmup, plan.After) : (plan.After, plan.Warmup);
            Assert.True(Z(epoch, right).allclose(crops!, rtol: 0, atol: 1e-5));
            Assert.False(Z(epoch, wrong).allclose(crops!, rtol: 0, atol: 1e-2));
            Assert.False(Z(epoch + 1, right).allclose(crops!, rtol: 0, atol: 1e-2));

            Tensor Z(int ofEpoch, AugmentationRecipe recipe)
            {
                using var batch = loader.Assemble(images);
                return run.Model.Project(local.Make(batch, ImageTensor.Of(batch, CPU), ofEpoch, recipe, _ => null, _ => throw new InvalidOperationException("Nobody else's crops are wanted."))).Z;
            }
        }
    }

    [Fact]
    public void TheSameBatchAgainAndAgain_IsLearntByHeart()
    {
        const int Images = 16, Steps = 40;
        using var scope = NewDisposeScope();
        using var run = new TrainerRun(SmallRun.Options with
        {
            Limit = Images,
            Batch = Images,
            Epochs = Steps,
            Width = 8,
            WarmupEpochs = 0,
            Method = ContrastiveMethod.SimClr,
            Augmentation = AugmentationSchedule.Weak,
            CropMin = 1,
            Jitter = 0,
            Temperature = 0.1,
            LearningRate = 0.01,
        }, optimize: parameters => new AdamW(parameters, 1e-4));
        double[] losses = [.. Enumerable.Range(0, Steps).Select(_ => run.TakeEpoch().InstanceLoss!.Value)];

        // Flips alone tell an image's views apart, so the loss of the right network is nearly 0.
        Assert.InRange(losses[0], 2, 8);
        Assert.True(losses.TakeLast(5).Average() < losses[0] / 5, string.Join(' ', losses.Select(loss => loss.ToString("0.0000", System.Globalization.CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void WclBank_InChunks_HasTheOrderOfWholeBatches()
    {
        using var scope = NewDisposeScope();
        var whole = Order(1);
        Assert.Equal(whole, Order(16)); // chunks of two
        Assert.NotEqual(whole, Order(1, grouped: false));

        int[][] Order(int chunks, bool grouped = true)
        {
            Observed? observed = null;
            using var run = new TrainerRun(SmallRun.Options with { Limit = 100, Batch = 32, Accumulate = chunks, Epochs = 2, WarmupEpochs = 0, Method = ContrastiveMethod.WclBank }, observe: method =>
            {
                var groups = tensor(Enumerable.Range(0, 100).Select(i => (long)(i / 5 * 5)).ToArray());
                if (grouped) method.Load(new Dictionary<string, Tensor> { ["bank.groups"] = groups });
                return observed = new Observed(method);
            });
            run.Trainer.TrainEpoch(null, CancellationToken.None);
            return [.. observed!.Steps.Select(step => step.Images)];
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Step_BeginsWithoutTheGradientsOfTheLast(int chunks)
    {
        using var scope = NewDisposeScope();
        using var run = new TrainerRun(SmallRun.Options with { Limit = 64, Batch = 16, Accumulate = chunks, Epochs = 1 });
        var atFirst = new Dictionary<long, bool>(); // whether there are gradients when a step first asks the encoder
        run.Model.Encoder.register_forward_pre_hook((_, view) =>
        {
            atFirst.TryAdd(run.Trainer.Step, run.Model.Parameters.Any(parameter => parameter.Parameter.grad is not null));
            return view;
        });
        run.TakeEpoch();
        Assert.Equal(4, atFirst.Count);
        Assert.DoesNotContain(true, atFirst.Values);
        Assert.Contains(run.Model.Parameters, parameter => parameter.Parameter.grad is not null); // so that this says something
    }

    /// <summary>Changes no weight.</summary>
    private sealed class RecordedRates(IReadOnlyList<OptimizedParameter> parameters) : Optimizer(parameters)
    {
        public List<double> Rates { get; } = [];

        private protected override void Begin(double learningRate) => Rates.Add(learningRate);

        private protected override void Update(ParameterGroup group)
        {
        }
    }

    /// <summary>Keeps what each step of a method was made of.</summary>
    private sealed class Observed(Method method) : Method
    {
        public List<(int Epoch, long Step, int[] Images, long[]? Classes, Tensor Z1, Tensor Z2, Tensor? Local)> Steps { get; } = [];

        public override bool HasWeakHead => method.HasWeakHead;

        public override bool HasWeakLoss => method.HasWeakLoss;

        public override int[]? Groups => method.Groups;

        public override MethodLosses Losses(MethodInput input)
        {
            Tensor? local = null;
            var losses = method.Losses(input.ProjectLocal is not { } project ? input : input with
            {
                ProjectLocal = () =>
                {
                    var crops = project();
                    local = Kept(crops.Z);
                    return crops;
                },
            });
            Steps.Add((input.Epoch, input.Step, [.. input.Images], input.Classes?.data<long>().ToArray(), Kept(input.Z1), Kept(input.Z2!), local));
            return losses;

            static Tensor Kept(Tensor rows) => rows.detach().clone().DetachFromDisposeScope();
        }

        public override void Dispose()
        {
            foreach (var step in Steps)
            {
                step.Z1.Dispose();
                step.Z2.Dispose();
                step.Local?.Dispose();
            }
            method.Dispose();
        }
    }
}
