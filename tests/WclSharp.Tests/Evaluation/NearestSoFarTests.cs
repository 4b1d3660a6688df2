using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public class NearestSoFarTests
{
    [Theory]
    [InlineData(50), InlineData(7), InlineData(1)]
    public void Blocks_OfAnySize_GiveTheNearestOfAll(int block)
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(4);
        var (queries, rows) = (nn.functional.normalize(random.Normal([3, 8], 1)), nn.functional.normalize(random.Normal([50, 8], 1)));
        using var nearest = new NearestSoFar(queries, 5);
        for (int start = 0; start < 50; start += block) nearest.Add(rows.narrow(0, start, Math.Min(block, 50 - start)), start);

        var found = nearest.Result();
        for (int q = 0; q < 3; q++)
        {
            float[] cosines = rows.matmul(queries[q]).data<float>().ToArray();
            int[] expected = [.. Enumerable.Range(0, 50).OrderByDescending(i => cosines[i]).Take(5)];
            Assert.Equal(expected, found[q].Index);
            Assert.All(found[q].Cosine.Zip(expected), pair => Assert.Equal(cosines[pair.Second], pair.First, 1e-6f));
        }
    }

    [Fact]
    public void FewerRowsThanAskedFor_AreAll()
    {
        using var scope = NewDisposeScope();
        using var nearest = new NearestSoFar(eye(4).narrow(0, 0, 2), 9);
        nearest.Add(eye(4).narrow(0, 0, 1), 0);
        nearest.Add(eye(4).narrow(0, 1, 2), 1);
        Assert.Equal([0, 1], nearest.Result().Select(found => found.Index[0]));
        Assert.All(nearest.Result(), found => Assert.Equal(3, found.Index.Length));
    }
}
