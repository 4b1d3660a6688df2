using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Neighbors;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Neighbors;

public class EmbeddingBankTests
{
    /// <summary>Rows of unit length, [count, dim] float32.</summary>
    internal static Tensor Unit(int count, int dim, long seed) => nn.functional.normalize(new ParameterInitializer(seed).Normal([count, dim], 1));

    private static Tensor Places(params long[] places) => tensor(places);

    [Fact]
    public void Write_ThenRead_GivesTheLatestToTheScalesPrecision()
    {
        using var scope = NewDisposeScope();
        using var bank = new EmbeddingBank(10, 128, CPU);
        var (older, newer) = (Unit(3, 128, 1), Unit(2, 128, 2));
        bank.Write([7, 2, 5], older);
        bank.Write([5, 9], newer);

        Assert.Equal([2L, 5, 7, 9], bank.FilledRows().data<long>());
        var expected = stack([older[0], older[1], newer[0], newer[1]]);
        double error = (bank.Read(Places(7, 2, 5, 9)) - expected).abs().max().ToDouble();
        Assert.InRange(error, 1e-6, 0.5001 / bank.Scale);
        Assert.Equal(0, bank.Read(Places(0, 1, 3, 4, 6, 8)).abs().max().ToDouble());
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(128), InlineData(2048)]
    public void Integers_OfAnyRows_HaveExactProducts(int dim)
    {
        using var scope = NewDisposeScope();
        using var bank = new EmbeddingBank(64, dim, CPU);
        // Rows of equal coordinates are lengthened most by rounding.
        var rows = cat([Unit(62, dim, 3), ones(1, dim), nn.functional.one_hot(Places(0), dim).to(float32)]);
        bank.Write([.. Enumerable.Range(0, 64)], rows.mul(17)); // any length is brought to one
        var whole = bank.Integers(arange(64));
        Assert.Equal(0, whole.sub(whole.round()).abs().max().ToDouble());
        Assert.InRange(whole.to(float64).pow(2).sum(1).max().ToDouble(), 0.99 * bank.Scale * bank.Scale, (1 << 24) - 1);
        var exact = whole.to(float64).matmul(whole.to(float64).T);
        Assert.Equal(0, whole.matmul(whole.T).to(float64).sub(exact).abs().max().ToDouble());
    }

    [Fact]
    public void Write_EmbeddingsThatCarryAGradient_TakesNone()
    {
        using var scope = NewDisposeScope();
        using var bank = new EmbeddingBank(4, 8, CPU);
        var weights = Unit(2, 8, 4).requires_grad_();
        bank.Write([0, 1], weights.mul(2));
        Assert.False(bank.Read(Places(0)).requires_grad);
        Assert.Null(weights.grad);
    }

    [Fact]
    public void Write_AnotherShape_IsRefusedWithBoth()
    {
        using var scope = NewDisposeScope();
        using var bank = new EmbeddingBank(4, 8, CPU);
        var error = Assert.Throws<ArgumentException>(() => bank.Write([0, 1], ones(2, 7)));
        Assert.Contains("[2, 7]; the bank takes [2, 8]", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => bank.Write([0, 1, 2], ones(2, 8)));
    }

    [Fact]
    public void State_ThroughAFile_IsTheSame()
    {
        string path = Path.Combine(Path.GetTempPath(), $"wcl-bank-{Guid.NewGuid():N}.safetensors");
        try
        {
            using var scope = NewDisposeScope();
            using var bank = new EmbeddingBank(20, 6, CPU);
            bank.Write([3, 19, 4], Unit(3, 6, 5));
            SafetensorsFile.Write(path, bank.NamedState());

            using var restored = new EmbeddingBank(20, 6, CPU);
            using var content = SafetensorsFile.Read(path);
            restored.Load(content.Tensors);
            Assert.Equal([3L, 4, 19], restored.FilledRows().data<long>());
            Assert.Equal(0, restored.Integers(arange(20)).sub(bank.Integers(arange(20))).abs().max().ToDouble());

            using var other = new EmbeddingBank(21, 6, CPU);
            var error = Assert.Throws<WclUsageException>(() => other.Load(content.Tensors));
            Assert.Contains("'bank.rows' is [20, 6] Int16, where this run needs [21, 6] Int16", error.Message, StringComparison.Ordinal);
            Assert.Contains("is missing", Assert.Throws<WclUsageException>(() => other.Load(new Dictionary<string, Tensor>())).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Write_AndRead_LeaveNoTensorsBehind()
    {
        using var rows = Unit(4, 8, 6);
        using var images = tensor(new long[] { 0, 3 });
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                using var bank = new EmbeddingBank(4, 8, CPU);
                bank.Write([0, 1, 2, 3], rows);
                bank.Read(images).Dispose();
                bank.FilledRows().Dispose();
            }
        });
    }
}
