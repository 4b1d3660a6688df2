using TorchSharp;
using WclSharp.Losses;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

public class MemoryBankLossTests
{
    private const double T = 0.07;

    private static readonly long[] Own = [4, 0, 9], Drawn = [1, 1, 4, 7, 8];

    private static double[][] Pick(double[][] rows, long[] which) => [.. which.Select(i => rows[i])];

    [Fact]
    public void Softmax_EqualsTheSlowLoop()
    {
        using var scope = NewDisposeScope();
        var (z, bank) = (Rows(3, 4, 1), Rows(10, 4, 2));
        double total = 0;
        for (int i = 0; i < 3; i++) total -= Math.Log(Math.Exp(Dot(z[i], bank[Own[i]]) / T) / bank.Sum(row => Math.Exp(Dot(z[i], row) / T)));
        Assert.Equal(total / 3, MemoryBankLoss.Softmax(ToTensor(z), ToTensor(bank), tensor(Own), T).ToDouble(), 10);
    }

    [Fact]
    public void Nce_EqualsTheSlowLoop()
    {
        using var scope = NewDisposeScope();
        var (z, bank) = (Rows(3, 4, 1), Rows(10, 4, 2));
        double[][] own = Pick(bank, Own), negatives = Pick(bank, Drawn);
        const double Z = 37.5;
        double noise = negatives.Length / 10.0; // m P_n
        double Posterior(double[] a, double[] f)
        {
            double p = Math.Exp(Dot(a, f) / T) / Z;
            return p / (p + noise);
        }
        double total = 0;
        for (int i = 0; i < 3; i++) total -= Math.Log(Posterior(z[i], own[i])) + negatives.Sum(f => Math.Log(1 - Posterior(z[i], f)));
        var logZ = tensor(new[] { Math.Log(Z) });
        Assert.Equal(total / 3, MemoryBankLoss.Nce(ToTensor(z), ToTensor(own), ToTensor(negatives), logZ, 10, T).ToDouble(), 10);
    }

    [Fact]
    public void LogNormaliser_IsTheMeanOverOwnRowsAndNegatives_TimesTheImages()
    {
        using var scope = NewDisposeScope();
        var (z, bank) = (Rows(3, 4, 1), Rows(10, 4, 2));
        double[][] own = Pick(bank, Own), negatives = Pick(bank, Drawn);
        double sum = 0;
        for (int i = 0; i < 3; i++) sum += Math.Exp(Dot(z[i], own[i]) / T) + negatives.Sum(f => Math.Exp(Dot(z[i], f) / T));
        double expected = Math.Log(10 * sum / (3 * 6));
        Assert.Equal(expected, MemoryBankLoss.LogNormaliser(ToTensor(z), ToTensor(own), ToTensor(negatives), 10, T).data<double>().Single(), 10);
    }

    [Fact]
    public void Gradients_EqualFiniteDifferences()
    {
        using var scope = NewDisposeScope();
        var (z, bank) = (ToTensor(Rows(3, 4, 1)), ToTensor(Rows(10, 4, 2)));
        Tensor own = bank.index_select(0, tensor(Own)), negatives = bank.index_select(0, tensor(Drawn)), logZ = tensor(new[] { 3.0 });
        CheckGradient(z, x => MemoryBankLoss.Softmax(x, bank, tensor(Own), T));
        CheckGradient(z, x => MemoryBankLoss.Nce(x, own, negatives, logZ, 10, T));
    }

    [Fact]
    public void WrongShapes_AreRefusedWithTheShape()
    {
        using var scope = NewDisposeScope();
        var z = ones(3, 4);
        Assert.Contains("[3, 4] and rows of the bank [9, 5]", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Softmax(z, ones(9, 5), tensor(Own), T)).Message, StringComparison.Ordinal);
        Assert.Contains("[3], not [5]", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Softmax(z, ones(9, 4), tensor(Drawn), T)).Message, StringComparison.Ordinal);
        Assert.Contains("int64", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Softmax(z, ones(9, 4), tensor(Own).to(ScalarType.Int32), T)).Message, StringComparison.Ordinal);
        Assert.Contains("Place 9 is none of 0 to 8", Assert.Throws<ArgumentException>("own", () => MemoryBankLoss.Softmax(z, ones(9, 4), tensor(Own), T)).Message, StringComparison.Ordinal);
        Assert.Contains("Float32 and Float64", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Softmax(z, ones(10, 4, ScalarType.Float64), tensor(Own), T)).Message, StringComparison.Ordinal);
        Assert.Contains("Temperature -1", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Softmax(z, ones(10, 4), tensor(Own), -1)).Message, StringComparison.Ordinal);
        Assert.Contains("Temperature 0", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Nce(z, z, ones(9, 4), ones(1), 10, 0)).Message, StringComparison.Ordinal);
        Assert.Contains("[0, 4] need 1 row", Assert.Throws<ArgumentException>(() => MemoryBankLoss.LogNormaliser(z, z, ones(0, 4), 10, T)).Message, StringComparison.Ordinal);
        Assert.Contains("log Z needs the shape [1]", Assert.Throws<ArgumentException>("logNormaliser", () => MemoryBankLoss.Nce(z, z, ones(9, 4), ones(2), 10, T)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>("images", () => MemoryBankLoss.Nce(z, z, ones(9, 4), ones(1), 0, T));
        Assert.Throws<ArgumentNullException>("own", () => MemoryBankLoss.Softmax(z, ones(9, 4), null!, T));
        Assert.Contains("[3, 4] and [2, 4]", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Nce(z, ones(2, 4), ones(9, 4), ones(1), 10, T)).Message, StringComparison.Ordinal);
        Assert.Contains("[9, 5]", Assert.Throws<ArgumentException>(() => MemoryBankLoss.Nce(z, z, ones(9, 5), ones(1), 10, T)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        Tensor z = ToTensor(Rows(3, 4, 1)), bank = ToTensor(Rows(10, 4, 2)), places = tensor(Own), logZ = tensor(new[] { 3.0 });
        CheckLeavesOne(() => MemoryBankLoss.Softmax(z, bank, places, T));
        CheckLeavesOne(() => MemoryBankLoss.Nce(z, z, bank, logZ, 10, T));
        CheckLeavesOne(() => MemoryBankLoss.LogNormaliser(z, z, bank, 10, T));
    }
}
