using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public sealed class LinearProbeSearchTests
{
    private const int Classes = 4;

    /// <summary>Few images, many columns, most of them noise: without decay the weights fit the noise.</summary>
    private static (Tensor X, int[] Y) Noisy(long seed, int images, int noise = 300)
    {
        int[] y = [.. Enumerable.Range(0, images).Select(i => i % Classes)];
        var means = new ParameterInitializer(50).Normal([Classes, 10], 0.5);
        var signal = means.index_select(0, tensor(Array.ConvertAll(y, c => (long)c))).add(new ParameterInitializer(seed).Normal([images, 10], 1));
        return (cat([signal, new ParameterInitializer(seed + 1).Normal([images, noise], 1)], 1), y);
    }

    [Fact]
    public void Choose_FeaturesWithNoise_TakesADecay_AndClassifiesOtherImagesBetter()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 2000, noise: 600);
        var (test, truth) = Noisy(3, 4000, noise: 600);
        var told = new List<(int, int)>();
        var (settings, images) = LinearProbeSearch.Choose(x, y, Classes, 0, null, (done, all) => told.Add((done, all)), default);

        Assert.Equal(400, images); // a fifth
        Assert.True(settings.WeightDecay >= 1e-3, $"{settings}");
        Assert.Equal(Enumerable.Range(0, 11).Select(done => (done, 10)), told);
        double usual = Accuracy(new LinearProbeSettings()), chosen = Accuracy(settings);
        Assert.True(chosen > usual + 0.02, $"{chosen} with {settings}, {usual} without");

        double Accuracy(LinearProbeSettings each)
        {
            var standard = LinearProbe.Standardisation.Of(x);
            var weights = LinearProbe.Train(standard.Apply(x), y, Classes, 0, each);
            long[] predicted = standard.Apply(test).matmul(weights).argmax(1).data<long>().ToArray();
            return predicted.Zip(truth).Count(pair => pair.First == pair.Second) / (double)truth.Length;
        }
    }

    [Theory]
    [InlineData(2_000, 1_600, 400)]         // all of them, a fifth to choose by
    [InlineData(60_000, 48_000, 10_000)]
    [InlineData(100_000, 50_000, 10_000)]
    [InlineData(400_000, 100_000, 10_000)]  // a quarter of what the classifier will be trained on
    public void Split_OfManyLabels_ChoosesByAFew_AndTrainsOnAGoodPartOfTheRest(int labels, int train, int validation)
    {
        // Classes of four sizes: a half, a quarter, an eighth, an eighth.
        int[] y = [.. Enumerable.Range(0, labels).Select(i => (i % 8) switch { < 4 => 0, < 6 => 1, 6 => 2, _ => 3 })];
        var split = LinearProbeSearch.Split(y, Classes, 3);
        Assert.Equal((train, validation), (split.Train.Length, split.Validation.Length));
        Assert.Empty(split.Train.Intersect(split.Validation));
        foreach (int[] side in (int[][])[split.Train, split.Validation])
            Assert.Equal([side.Length / 2, side.Length / 4, side.Length / 8, side.Length / 8], side.CountBy(i => y[i]).OrderBy(pair => pair.Key).Select(pair => pair.Value));
    }

    [Fact]
    public void Split_ManySmallClasses_ChoosesByFiveOfEach()
    {
        int[] y = [.. Enumerable.Range(0, 25 * 4000).Select(i => i % 4000)];
        var (train, validation) = LinearProbeSearch.Split(y, 4000, 0);
        Assert.Equal((20 * 4000, 5 * 4000), (train.Length, validation.Length));
    }

    [Fact]
    public void Choose_AGivenDecay_IsKept_AndTheRateIsChosenForIt()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 400);
        var told = new List<(int, int)>();
        var (settings, images) = LinearProbeSearch.Choose(x, y, Classes, 0, decay: 30, (done, all) => told.Add((done, all)), default);
        Assert.Equal((30, 80), (settings.WeightDecay, images));
        Assert.InRange(settings.LearningRate, 0.02, 0.06); // with larger ones it diverges, the usual one among them
        Assert.Equal(Enumerable.Range(0, 6).Select(done => (done, 5)), told);
        var (few, classes) = Noisy(1, 4 * 24);
        Assert.Equal((new LinearProbeSettings { WeightDecay = 30 }, 0), LinearProbeSearch.Choose(few, classes, Classes, 0, decay: 30, null, default));
    }

    [Fact]
    public void Choose_ImagesToChooseBy_HaveNoPartInTheStandardisation()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 400);
        x[LinearProbeSearch.Split(y, Classes, 0).Validation[0]].fill_(float.NaN); // one wrong guess; in the mean it would make every fit diverge
        Assert.InRange(LinearProbeSearch.Choose(x, y, Classes, 0, decay: 30, null, default).Settings.LearningRate, 0.02, 0.06); // the first ones diverge
    }

    [Fact]
    public void Choose_TooFewLabelsOfAClass_KeepsTheUsualSettings()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 4 * 24);
        Assert.Equal((new LinearProbeSettings(), 0), LinearProbeSearch.Choose(x, y, Classes, 0, null, null, default));
    }

    [Fact]
    public void Choose_EasyClasses_KeepsTheUsualSettings_SinceTheyWinTies()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 400);
        var easy = nn.functional.one_hot(tensor(Array.ConvertAll(y, c => (long)c))).to(ScalarType.Float32).mul(10).add(x.narrow(1, 0, Classes).mul(0.01));
        Assert.Equal(new LinearProbeSettings(), LinearProbeSearch.Choose(easy, y, Classes, 0, null, null, default).Settings);
    }

    [Fact]
    public void Train_Decay_IsThatOfTheBestWeightsWithARidge()
    {
        using var scope = NewDisposeScope();
        // At the least of loss + d/2 |W|^2 the gradient of the loss is -d W, and 0 for the bias.
        var (x, y) = Noisy(7, 768);
        // Few of one class: the best bias is not 0.
        int[] kept = [.. Enumerable.Range(0, y.Length).Where(i => y[i] > 0 || i % 64 == 0).Take(512)]; // whole batches
        (x, y) = (x.index_select(0, tensor(Array.ConvertAll(kept, i => (long)i))), Array.ConvertAll(kept, i => y[i]));
        var inputs = LinearProbe.Standardisation.Of(x).Apply(x);
        const double Decay = 0.05;
        var weights = LinearProbe.Train(inputs, y, Classes, 0, new LinearProbeSettings { WeightDecay = Decay });
        var target = nn.functional.one_hot(tensor(Array.ConvertAll(y, c => (long)c)), Classes).to(ScalarType.Float32);
        var gradient = inputs.T.matmul(inputs.matmul(weights).softmax(1).sub(target)).div(y.Length);
        long features = inputs.shape[1] - 1;
        var rest = gradient.narrow(0, 0, features).add(weights.narrow(0, 0, features).mul(Decay));
        Assert.InRange(rest.norm().item<float>() / gradient.norm().item<float>(), 0, 0.05);
        Assert.InRange(gradient[features].abs().max().item<float>(), 0, 0.005f);
    }

    [Fact]
    public void Choose_LeavesNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Noisy(1, 200);
        LinearProbeSearch.Choose(x, y, Classes, 0, null, null, default);
        LiveTensors.AssertNoneLeftBy(() => LinearProbeSearch.Choose(x, y, Classes, 0, null, null, default));
    }
}
