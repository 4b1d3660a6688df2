using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>The training of a classifier by itself.</summary>
public sealed class ClassifierTrainerTests
{
    private readonly EncoderFacts facts = new(EncoderArch.ResNet18, 8, EncoderStem.Small, 16, Normalization.FashionMnist);
    private readonly ComputeDevice compute = ComputeDevice.Choose("cpu", ComputePrecision.Fp32);

    [Fact]
    public void Train_LooksTenTimes_AndStopsWhereItIsTold()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 60, StoredSide = 28 });
        var (steps, recipe) = (0, new FineTuneRecipe { Pretrained = 0.05, Scores = 0.05, Steps = 20 });
        int[] rows = [.. Enumerable.Range(0, 40)], others = [.. Enumerable.Range(40, 20)];
        (double Accuracy, double StopAt)? Train(int[] validation, double stopAt)
        {
            using var network = new ClassifierNetwork(facts, null, 10, 1, compute);
            return new ClassifierTrainer(images, facts, 1, compute).Train(network, rows, validation, recipe with { StopAt = stopAt }, done => steps = done, default);
        }

        var best = Train(others, 1)!.Value;
        Assert.Equal(20, steps);
        Assert.Equal(Math.Round(10 * best.StopAt), 10 * best.StopAt, 9);
        Assert.Null(Train([], 0.35));
        Assert.Equal(7, steps);
        Train([], 0.001);
        Assert.Equal(1, steps);
    }

    [Fact]
    public void Train_OfLooksThatTellTheSame_TheLastCounts()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 60, StoredSide = 28 });
        using var network = new ClassifierNetwork(facts, null, 10, 1, compute);
        network.Top.StartEven(); // and at rates of 0 they stay even
        var best = new ClassifierTrainer(images, facts, 1, compute).Train(network, [.. Enumerable.Range(0, 40)], [.. Enumerable.Range(40, 20)], new FineTuneRecipe { Pretrained = 0, Scores = 0, Steps = 10 }, null, default);
        Assert.Equal(1, best!.Value.StopAt);
    }

    [Fact]
    public void Batches_HaveEveryImageOnceAPass_AndNoPlaceOfTheStreamTwice()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 20, StoredSide = 28 });
        var stream = new ClassifierTrainer(images, facts, 1, compute).Batches(40).Take(5).SelectMany(batch => batch.Drawn.Zip(batch.Places).ToArray()).ToArray();
        Assert.Equal(Enumerable.Range(0, 5 * FineTuneRecipe.Batch), stream.Select(each => each.Second));
        int[][] passes = [.. stream.Select(each => each.First).Chunk(40)];
        Assert.All(passes, pass => Assert.Equal(Enumerable.Range(0, 40), pass.Order()));
        Assert.NotEqual(passes[0], passes[1]);
    }

    /// <summary>Counters of random numbers are not negative, and no two images of the stream share theirs.</summary>
    [Fact]
    public void Batches_Beyond2To31Images_CountOn_InANewRound()
    {
        const int Images = 1 << 10, FirstPass = (1 << 21) - 1; // the last of the first round
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 20, StoredSide = 28 });
        var batches = new ClassifierTrainer(images, facts, 1, compute).Batches(Images, FirstPass).Take(2 * Images / FineTuneRecipe.Batch).Select(batch => (Places: batch.Places.ToArray(), batch.Round)).ToArray();
        Assert.Equal(Enumerable.Range(int.MaxValue - Images + 1, Images).Concat(Enumerable.Range(0, Images)), batches.SelectMany(batch => batch.Places));
        Assert.Equal(Enumerable.Repeat(0, batches.Length / 2).Concat(Enumerable.Repeat(1, batches.Length / 2)), batches.Select(batch => batch.Round));
    }

    [Fact]
    public void LooksDue_OfHundredsOfMillionsOfSteps_AreTen()
    {
        const int Steps = 1_000_000_000;
        Assert.Equal([0, 2, 3, 10], ((int[])[1, 214_748_365, 300_000_000, Steps]).Select(done => ClassifierTrainer.LooksDue(done, Steps)));
        Assert.Equal(1, ClassifierTrainer.LooksDue(1, 10));
    }

    [Fact]
    public void Train_EveryPass_HasViewsOfItsOwn_OfTheImagesThatItDraws()
    {
        using var scope = torch.NewDisposeScope();
        using var images = ImageDataset.Read(new DatasetOptions { Limit = FineTuneRecipe.Batch, StoredSide = 28 });
        using var network = new ClassifierNetwork(facts, null, 10, 1, compute);
        List<torch.Tensor> seen = [];
        network.Encoder.register_forward_pre_hook((_, views) =>
        {
            seen.Add(views.detach().clone().DetachFromDisposeScope());
            return views;
        });
        var trainer = new ClassifierTrainer(images, facts, 1, compute);
        var recipe = new FineTuneRecipe { Pretrained = 0, Scores = 0, Steps = 2 };
        trainer.Train(network, [.. Enumerable.Range(0, images.Count)], [], recipe, null, default);

        var augmenter = new Augmenter(facts.ImageSize, facts.Normalization, 1, torch.CPU);
        using var loader = new BatchLoader(images, 1, seed: 1, workers: 1);
        List<torch.Tensor> byImage = [];
        foreach (var (views, (drawn, places, _)) in seen.Zip(trainer.Batches(images.Count).Take(2)))
        {
            using var batch = loader.Assemble(drawn);
            var expected = augmenter.Augment(ImageTensor.Of(batch, torch.CPU), places, 0, 0, recipe.Views);
            Assert.True(views.allclose(expected, 0, 1e-5));
            byImage.Add(views[torch.tensor(drawn.Select(i => (long)i).ToArray()).argsort()]);
            views.Dispose();
        }
        Assert.False(byImage[0].allclose(byImage[1], 0, 0.1));
    }

    [Fact]
    public void Train_TheHeadsFirstLayer_HasTheEncodersRate()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 60, StoredSide = 28 });
        using var network = new ClassifierNetwork(facts, 16, 10, 1, compute);
        var before = Weights();
        new ClassifierTrainer(images, facts, 1, compute).Train(network, [.. Enumerable.Range(0, 40)], [], new FineTuneRecipe { Pretrained = 0, Scores = 0.1, Steps = 3 }, null, default);
        var after = Weights();
        Assert.Equal(["fc.bias", "fc.weight"], before.Keys.Where(name => !before[name].AsSpan().SequenceEqual(after[name])).Order(StringComparer.Ordinal));
        Assert.Contains("head.linear1.weight", before.Keys);

        Dictionary<string, float[]> Weights() => network.Encoder.named_parameters().Concat(network.Top.Head!.named_parameters().Select(p => ("head." + p.name, p.parameter))).Concat(network.Top.Scores.named_parameters().Select(p => ("fc." + p.name, p.parameter)))
            .ToDictionary(p => p.Item1, p => p.Item2.data<float>().ToArray());
    }

    [Fact]
    public void Train_WeightsThatOnlyTheLastStepSpoils_AreAnError()
    {
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 60, StoredSide = 28 });
        using var network = new ClassifierNetwork(facts, null, 10, 1, compute);
        // Two steps, the first at the warm-up's rate of 0: both losses are of the fresh weights, so only these can tell.
        var error = Assert.Throws<DivergedException>(() => new ClassifierTrainer(images, facts, 1, compute).Train(
            network, [.. Enumerable.Range(0, 40)], [], new FineTuneRecipe { Pretrained = 0.05, Scores = 1e30, WeightDecay = 1e30, Steps = 20, StopAt = 0.1 }, null, default));
        Assert.Contains("weights are not finite after step 2 ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("lower --lr or --head-lr.", error.Message, StringComparison.Ordinal);
    }
}
