using WclSharp.Data;

namespace WclSharp.Tests.Augmentation;

public sealed unsafe class RowSumTests
{
    // Every rest of every vector, by as many rows as a triangle spans, to the last bit: what a processor's vectors are must not show in stored images.
    [Fact]
    public void Write_AnyLengthAndWeights_RoundsAsOneNumberAfterTheOther()
    {
        var random = new Random(0);
        for (int length = 1; length <= 200; length++)
        {
            int stride = length + length % 7, count = 1 + length % 6;
            byte[] rows = new byte[count * stride];
            random.NextBytes(rows);
            float[] weights = [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())], sums = new float[length + 1];
            sums[length] = float.NaN; // one past the end
            fixed (byte* first = rows)
            fixed (float* target = sums)
                RowSum.Write(first, stride, weights, length, target);
            Assert.Equal(float.NaN, sums[length]);
            for (int x = 0; x < length; x++)
            {
                float sum = 0;
                for (int i = 0; i < count; i++) sum += rows[i * stride + x] * weights[i];
                Assert.Equal(BitConverter.SingleToInt32Bits(sum), BitConverter.SingleToInt32Bits(sums[x]));
            }
        }
    }
}
