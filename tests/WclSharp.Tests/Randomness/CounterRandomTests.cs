using WclSharp.Randomness;

namespace WclSharp.Tests.Randomness;

public class CounterRandomTests
{
    [Fact]
    public void Words_OfTheZeroKey_ArePhilox()
    {
        // Random123's known answers for Philox 4x32-10: counter 0, key 0. The key's upper word holds the purpose, so it is undone here.
        var (a, b, c, d) = new CounterRandom(0, 0).Words(0, 0, 0, 0);
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), (a, b, c, d));
    }

    [Fact]
    public void Uniforms_AreEvenlySpread()
    {
        var random = new CounterRandom(7, RandomPurpose.Augmentation);
        var values = Enumerable.Range(0, 25_000).SelectMany(i => { var (a, b, c, d) = random.Uniforms(1, (uint)i, 0, 0); return new double[] { a, b, c, d }; }).ToArray();
        Assert.All(values, v => Assert.InRange(v, 0, 0.99999999));
        Assert.Equal(0.5, values.Average(), 0.005);
        Assert.Equal(1 / 12.0, values.Average(v => (v - 0.5) * (v - 0.5)), 0.002);
        for (int bin = 0; bin < 10; bin++) Assert.Equal(10_000, values.Count(v => (int)(v * 10) == bin), 400.0);
    }

    [Fact]
    public void Permutation_HoldsEveryIndexOnce_AndChangesWithEpochSeedAndPurpose()
    {
        var order = new CounterRandom(1, RandomPurpose.Shuffle).Permutation(1000, 3);
        Assert.Equal(Enumerable.Range(0, 1000), order.Order());
        Assert.Equal(order, new CounterRandom(1, RandomPurpose.Shuffle).Permutation(1000, 3));
        Assert.NotEqual(order, new CounterRandom(1, RandomPurpose.Shuffle).Permutation(1000, 4));
        Assert.NotEqual(order, new CounterRandom(2, RandomPurpose.Shuffle).Permutation(1000, 3));
        Assert.NotEqual(order, new CounterRandom(1L << 32 | 1, RandomPurpose.Shuffle).Permutation(1000, 3));
        Assert.NotEqual(order, new CounterRandom(1, RandomPurpose.Split).Permutation(1000, 3));
    }
}
