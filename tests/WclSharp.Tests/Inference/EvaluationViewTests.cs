using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Inference;

public sealed class EvaluationViewTests
{
    private static readonly Normalization Constants = Normalization.ImageNet;

    /// <summary>Plane after plane of noise, in which every pixel counts.</summary>
    internal static byte[] Noise(int channels, int height, int width, int seed = 0)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        var pixels = new byte[channels * height * width];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.Words(0, (uint)i, 0, 0).A;
        return pixels;
    }

    [Theory]
    [InlineData(32, 3, 32, 32)]
    [InlineData(32, 1, 28, 28)]
    [InlineData(32, 3, 64, 192)]
    [InlineData(32, 3, 192, 64)]
    [InlineData(32, 3, 1, 1)]
    [InlineData(32, 3, 7, 3)]
    [InlineData(33, 3, 47, 66)]
    [InlineData(64, 1, 128, 131)]
    [InlineData(96, 3, 109, 109)]
    [InlineData(224, 3, 256, 341)]
    [InlineData(224, 3, 341, 256)]
    [InlineData(224, 3, 256, 768)]
    [InlineData(224, 1, 5, 9)]
    [InlineData(224, 3, 2, 1)]
    [InlineData(65, 3, 301, 97)]
    [InlineData(72, 3, 1200, 700)]
    public void Write_AnySize_IsWhatTheTrainingSideMakes(int imageSize, int channels, int height, int width)
    {
        byte[] pixels = Noise(channels, height, width);
        var view = new float[3 * imageSize * imageSize];
        EvaluationView.Write(pixels, channels, height, width, imageSize, view);

        using var scope = NewDisposeScope();
        var images = tensor(pixels, [1, channels, height, width]);
        float[] expected = new Augmenter(imageSize, Constants, seed: 0, CPU).Evaluate(images, [height], [width]).data<float>().ToArray();
        int plane = imageSize * imageSize;
        for (int i = 0; i < expected.Length; i++)
        {
            float normalised = (view[i] / 255 - Constants.MeanOf(i / plane)) / Constants.StdOf(i / plane);
            Assert.True(Math.Abs(normalised - expected[i]) < 1e-4, $"channel {i / plane}, row {i % plane / imageSize}, column {i % imageSize}: {normalised} where {expected[i]} was expected");
        }
    }

    /// <summary>The definition, term by term in float64, over all source pixels.</summary>
    [Theory]
    [InlineData(16, 23, 40)]
    [InlineData(70, 90, 61)]
    public void Write_IsTheTriangleFilterOverAllPixels(int imageSize, int height, int width)
    {
        byte[] pixels = Noise(1, height, width, seed: 3);
        var view = new float[3 * imageSize * imageSize];
        EvaluationView.Write(pixels, 1, height, width, imageSize, view);
        var (rows, columns) = EvaluationView.Of(height, width, imageSize);

        for (int y = 0; y < imageSize; y += 3)
        {
            for (int x = 0; x < imageSize; x += 5)
            {
                double sum = 0, total = 0;
                for (int j = 0; j < height; j++)
                {
                    for (int i = 0; i < width; i++)
                    {
                        double weight = Triangle(rows, y, j) * Triangle(columns, x, i);
                        sum += weight * pixels[j * width + i];
                        total += weight;
                    }
                }

                Assert.Equal(sum / total, view[y * imageSize + x], 255 * 1e-4);
                Assert.Equal(view[y * imageSize + x], view[(2 * imageSize + y) * imageSize + x]); // grey: all three channels
            }
        }

        static double Triangle(AxisMap map, int output, int source) =>
            Math.Max(0, 1 - Math.Abs(source + 0.5 - (map.Origin + map.Step * (output + 0.5))) / Math.Max(1, map.Step));
    }

    [Fact]
    public void Write_ConstantImage_IsConstant()
    {
        var pixels = new byte[3 * 50 * 31];
        Array.Fill(pixels, (byte)200);
        var view = new float[3 * 80 * 80];
        EvaluationView.Write(pixels, 3, 50, 31, 80, view);
        Assert.All(view, value => Assert.Equal(200, value, 1e-3));
    }
}
