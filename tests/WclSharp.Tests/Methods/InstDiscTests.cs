using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Methods;

/// <summary>The memory bank: what it starts from, how it moves, and that its state is all that a step depends on.</summary>
public class InstDiscTests
{
    private const int Images = 20, N = 4, D = 6;

    private static InstDisc Create(long seed = 3, BankLoss loss = BankLoss.Nce, double? momentum = null) => new(
        MethodDefaults.Fill(new PretrainOptions { Method = ContrastiveMethod.InstDisc, InstDiscLoss = loss, InstDiscMomentum = momentum, InstDiscNegatives = 9, HeadOutput = D, Batch = N, Seed = seed }), Images, CPU);

    private static MethodInput Input(long step) => new()
    {
        Z1 = nn.functional.normalize(new WclSharp.Randomness.ParameterInitializer(step).Normal([N, D], 1)),
        Images = [7, 2, 19, (int)(step % 2)],
        Step = step,
        ProjectInstance = _ => throw new InvalidOperationException(),
    };

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();

    [Fact]
    public void Bank_StartsFromUnitRowsOfTheSeed()
    {
        using var scope = NewDisposeScope();
        using InstDisc one = Create(), same = Create(), other = Create(seed: 4);
        var bank = one.NamedState()[0].Tensor;
        Assert.Equal([Images, D], bank.shape);
        Assert.All(Values(bank.norm(1)), length => Assert.Equal(1, length, 5));
        Assert.Equal(Values(bank), Values(same.NamedState()[0].Tensor));
        Assert.NotEqual(Values(bank), Values(other.NamedState()[0].Tensor));
    }

    [Theory]
    [InlineData(null, 0.5)]
    [InlineData(0.9, 0.9)]
    [InlineData(0.0, 0.0)]
    public void AfterStep_MovesTheImagesOfTheBatch_AsFarAsMomentumLets_AndBackToUnitLength(double? momentum, double kept)
    {
        using var scope = NewDisposeScope();
        using var method = Create(momentum: momentum);
        var bank = method.NamedState()[0].Tensor;
        var before = bank.clone();
        var input = Input(0);
        method.AfterStep(input);
        for (int i = 0; i < N; i++)
        {
            int image = input.Images[i];
            var expected = nn.functional.normalize((before[image] * kept + input.Z1[i] * (1 - kept)).unsqueeze(0));
            Assert.All(Values((bank[image] - expected).abs().flatten()), error => Assert.True(error < 1e-6));
        }
        foreach (int image in Enumerable.Range(0, Images).Except(input.Images)) Assert.Equal(Values(before[image]), Values(bank[image]));
    }

    [Fact]
    public void Normaliser_IsKeptFromTheFirstStep()
    {
        using var scope = NewDisposeScope();
        using var method = Create();
        var normaliser = method.NamedState()[1].Tensor;
        Assert.True(float.IsNaN(Values(normaliser)[0]));
        method.Losses(Input(0));
        float first = Values(normaliser)[0];
        Assert.True(float.IsFinite(first));
        method.Losses(Input(1));
        Assert.Equal(first, Values(normaliser)[0]);
    }

    [Theory]
    [InlineData(BankLoss.Nce), InlineData(BankLoss.Softmax)]
    public void LoadedState_GivesTheSameLosses(BankLoss loss)
    {
        using var scope = NewDisposeScope();
        using InstDisc one = Create(loss: loss), resumed = Create(loss: loss);
        for (long step = 0; step < 3; step++)
        {
            one.Losses(Input(step));
            one.AfterStep(Input(step));
        }
        resumed.Load(one.NamedState().ToDictionary(s => s.Name, s => s.Tensor));
        double expected = one.Losses(Input(3)).Total.ToDouble();
        Assert.Equal(expected, resumed.Losses(Input(3)).Total.ToDouble());
        Assert.True(double.IsFinite(expected));
    }

    [Theory]
    [InlineData(BankLoss.Nce), InlineData(BankLoss.Softmax)]
    public void Losses_AreThoseOfTheBank(BankLoss loss)
    {
        const int Many = 2000;
        const double Temperature = 0.2;
        using var scope = NewDisposeScope();
        using var method = new InstDisc(MethodDefaults.Fill(new PretrainOptions
        {
            Method = ContrastiveMethod.InstDisc,
            InstDiscLoss = loss,
            InstDiscNegatives = loss == BankLoss.Nce ? 9 : null,
            InstDiscTemperature = Temperature,
            HeadOutput = D,
            Batch = N,
            Seed = 3,
        }), Many, CPU);
        // All rows are one but those of the batch, none of which is drawn: then it does not matter which are.
        var input = Input(0);
        var batch = nn.functional.normalize(new WclSharp.Randomness.ParameterInitializer(8).Normal([N, D], 1));
        var other = nn.functional.normalize(new WclSharp.Randomness.ParameterInitializer(9).Normal([1, D], 1));
        var bank = other.expand(Many, D).clone();
        for (int i = 0; i < N; i++) bank[input.Images[i]] = batch[i];
        const double LogZ = 5;
        method.Load(new Dictionary<string, Tensor> { ["bank"] = bank, ["log_normaliser"] = full([1], LogZ, ScalarType.Float32) });

        double actual = method.Losses(input).Total.ToDouble(), expected = 0;
        for (int i = 0; i < N; i++)
        {
            double own = Dot(i, batch, i), away = Dot(i, other, 0);
            double Posterior(double cosine) => Math.Exp(cosine / Temperature - LogZ) / (Math.Exp(cosine / Temperature - LogZ) + 9.0 / Many);
            expected -= loss == BankLoss.Nce
                ? Math.Log(Posterior(own)) + 9 * Math.Log(1 - Posterior(away))
                : own / Temperature - Math.Log((Many - N) * Math.Exp(away / Temperature) + Enumerable.Range(0, N).Sum(j => Math.Exp(Dot(i, batch, j) / Temperature)));
        }
        Assert.Equal(expected / N, actual, 1e-4);

        double Dot(int image, Tensor rows, int row) => Values(input.Z1[image]).Zip(Values(rows[row]), (a, b) => (double)a * b).Sum();
    }

    [Fact]
    public void Negatives_OfEveryStepAndEpoch_AreOthers()
    {
        using var scope = NewDisposeScope();
        using var method = Create();
        var input = Input(0);
        double Loss(int epoch, long step) => method.Losses(input with { Epoch = epoch, Step = step }).Total.ToDouble();
        Loss(0, 0); // from here on the normaliser stays
        double[] losses = [Loss(0, 0), Loss(0, 1), Loss(0, 2), Loss(1, 0)];
        Assert.Equal(4, losses.Distinct().Count());
        Assert.Equal(losses[1], Loss(0, 1));
    }

    [Fact]
    public void StateOfOtherImagesOrTypes_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var method = Create();
        Assert.Contains($"'bank' is [{Images + 1}, {D}] Float32, where this run needs [{Images}, {D}] Float32", Refusal(zeros(Images + 1, D)), StringComparison.Ordinal);
        Assert.Contains($"'bank' is [{Images}, {D}] Int32, where this run needs [{Images}, {D}] Float32", Refusal(zeros([Images, D], ScalarType.Int32)), StringComparison.Ordinal);

        string Refusal(Tensor bank) => Assert.Throws<WclUsageException>(() => method.Load(new Dictionary<string, Tensor> { ["bank"] = bank })).Message;
    }

    [Fact]
    public void Steps_LeaveNoTensorBehind()
    {
        using var method = Create();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (long step = 0; step < 3; step++)
            {
                using var scope = NewDisposeScope();
                var input = Input(step);
                method.Losses(input);
                method.AfterStep(input);
            }
        });
    }
}
