using System.Numerics;
using WclSharp.Kernels;
using Xunit;

namespace WclSharp.Tests.Kernels;

public sealed unsafe class ReluMaskTests
{
    [Theory]
    [InlineData(0f)]
    [InlineData(float.NegativeInfinity)]
    public void LetsThroughWhatLiesAboveTheFloor(float floor)
    {
        int lanes = Vector<float>.Count, count = 2 * lanes;
        float[] kinds = [1, -1, 0, -0f, float.Epsilon, float.NaN, float.PositiveInfinity, float.NegativeInfinity, -float.Epsilon];
        byte* place = stackalloc byte[(int)ReluMask.Bytes(count)];
        var mask = new ReluMask();
        for (int turn = 0; turn < kinds.Length; turn++) // so that every kind meets every lane
        {
            float[] output = [.. Enumerable.Range(0, count).Select(i => kinds[(i + turn) % kinds.Length])];
            ReluMask.Write(place, (new Vector<float>(output, 0), new Vector<float>(output, lanes)), new Vector<float>(floor));

            float[] gradient = [.. Enumerable.Range(0, count).Select(i => i == turn ? float.NaN : i + 1f)], passed = new float[count];
            var (first, second) = mask.Pass(place, (new Vector<float>(gradient, 0), new Vector<float>(gradient, lanes)));
            first.CopyTo(passed);
            second.CopyTo(passed, lanes);

            Assert.Equal(gradient.Select((g, i) => output[i] > floor ? g : 0), passed);
        }
    }

    [Fact]
    public void TakesABitAValue() => Assert.Equal(1 << 7, ReluMask.Bytes(1 << 10));
}
