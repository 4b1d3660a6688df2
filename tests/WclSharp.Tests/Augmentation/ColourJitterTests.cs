using TorchSharp;
using WclSharp.Augmentation;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class ColourJitterTests
{
    /// <summary>Pixels whose hues lie in all sextants, on their borders, and nowhere (greys).</summary>
    private static readonly float[][] Colours =
    [
        [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1], [0.5f, 0.5f, 0.5f],
        [0.9f, 0.3f, 0.2f], [0.6f, 0.8f, 0.1f], [0.1f, 0.7f, 0.4f], [0.2f, 0.4f, 0.9f], [0.5f, 0.1f, 0.6f], [0.8f, 0.2f, 0.5f],
        [0.3f, 0.3f, 0.1f], [0.1f, 0.3f, 0.3f], [0.3f, 0.1f, 0.3f], [0.5f, 0.5f, 0.49999f],
    ];

    [Fact]
    public void ShiftHue_EveryColourAndShift_EqualsConversionThroughHsv()
    {
        foreach (float shift in (float[])[-0.5f, -0.31f, -0.1f, 0, 0.05f, 1 / 6f, 0.2f, 0.5f])
        {
            using var scope = NewDisposeScope();
            var planes = Planes();
            ColourJitter.ShiftHue(planes[0], planes[1], planes[2], tensor(shift).view(1, 1));
            var actual = planes.Select(plane => plane.data<float>().ToArray()).ToArray();
            for (int i = 0; i < Colours.Length; i++)
            {
                var expected = ShiftThroughHsv(Colours[i], shift);
                for (int channel = 0; channel < 3; channel++)
                    Assert.True(Math.Abs(expected[channel] - actual[channel][i]) < 2e-5, $"Colour {i}, shift {shift}, channel {channel}: {actual[channel][i]}, not {expected[channel]}.");
            }
        }
    }

    [Theory]
    [InlineData((int)JitterOperation.Brightness, 1.7f)]
    [InlineData((int)JitterOperation.Brightness, 0)]
    [InlineData((int)JitterOperation.Contrast, 1.6f)]
    [InlineData((int)JitterOperation.Contrast, 0.2f)]
    [InlineData((int)JitterOperation.Saturation, 1.8f)]
    [InlineData((int)JitterOperation.Saturation, 0)]
    public void Blend_OneOperation_EqualsLoop(int operation, float factor)
    {
        using var scope = NewDisposeScope();
        var planes = Planes();
        Blend(planes, (JitterOperation)operation, factor);
        var actual = planes.Select(plane => plane.data<float>().ToArray()).ToArray();
        double mean = Colours.Average(Luma);
        for (int i = 0; i < Colours.Length; i++)
        {
            double reference = (JitterOperation)operation switch
            {
                JitterOperation.Brightness => 0,
                JitterOperation.Contrast => mean,
                _ => Luma(Colours[i]),
            };
            for (int channel = 0; channel < 3; channel++)
            {
                double expected = Math.Clamp(factor * Colours[i][channel] + (1 - factor) * reference, 0, 1);
                Assert.True(Math.Abs(expected - actual[channel][i]) < 1e-6, $"Colour {i}: {actual[channel][i]}, not {expected}.");
            }
        }
    }

    [Fact]
    public void Greyscale_ChosenSamples_BecomeLumaAndTheOthersStay()
    {
        using var scope = NewDisposeScope();
        var planes = Array.ConvertAll(Planes(), plane => plane.repeat(3, 1));
        ColourJitter.Grayscale(planes, tensor([2L]));
        var luma = tensor(Colours.Select(colour => (float)Luma(colour)).ToArray());
        for (int channel = 0; channel < 3; channel++)
        {
            Assert.True(Views.Difference(planes[channel][2], luma) < 1e-6);
            Assert.Equal(0, Views.Difference(planes[channel][0], Planes()[channel][0]));
        }
    }

    [Fact]
    public void Apply_EveryOrder_RunsTheOperationsInIt()
    {
        // Against the operators one at a time, in a batch that holds all orders, some samples without jitter among them.
        using var scope = NewDisposeScope();
        var images = Views.Images(30, 3, 9, 9);
        var views = Enumerable.Range(0, 30).Select(i => Views.Whole(images) with
        {
            Jitter = i % 5 != 4,
            JitterOrder = i * 7 % 24,
            BrightnessFactor = 0.5f + 0.04f * i,
            ContrastFactor = 1.7f - 0.05f * i,
            SaturationFactor = 0.3f + 0.05f * i,
            HueShift = -0.2f + 0.014f * i,
        }).ToArray();
        var actual = Views.Make(images, 9, views);
        for (int i = 0; i < views.Length; i++)
        {
            var planes = (images[i].to(float32) / 255).view(3, 1, -1).unbind(0);
            for (int place = 0; views[i].Jitter && place < 4; place++)
            {
                var operation = ViewParameters.OperationAt(views[i].JitterOrder, place);
                if (operation == JitterOperation.Hue) ColourJitter.ShiftHue(planes[0], planes[1], planes[2], tensor(views[i].HueShift).view(1, 1));
                else Blend(planes, operation, views[i].FactorOf(operation));
            }
            Assert.True(Views.Difference(actual[i], stack(planes, 0).view(3, 9, 9)) < 1e-5, $"Sample {i}");
        }
    }

    private static void Blend(Tensor[] planes, JitterOperation operation, float factor)
    {
        var round = new float[ColourJitter.BlendLength];
        ColourJitter.WriteBlend(round, operation, factor);
        ColourJitter.Blend(planes, tensor(round).view(1, -1));
    }

    private static Tensor[] Planes() =>
        [.. Enumerable.Range(0, 3).Select(channel => tensor(Colours.Select(colour => colour[channel]).ToArray()).view(1, -1))];

    private static double Luma(float[] colour) => 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];

    private static double[] ShiftThroughHsv(float[] colour, double shift)
    {
        double r = colour[0], g = colour[1], b = colour[2], value = Math.Max(r, Math.Max(g, b)), chroma = value - Math.Min(r, Math.Min(g, b));
        double hue = 0;
        if (chroma > 0)
            hue = value == r ? (g - b) / chroma : value == g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
        hue = (hue / 6 + shift) % 1;
        if (hue < 0) hue++;
        double sextant = Math.Floor(hue * 6), fraction = hue * 6 - sextant, saturation = value > 0 ? chroma / value : 0;
        double p = value * (1 - saturation), q = value * (1 - fraction * saturation), t = value * (1 - (1 - fraction) * saturation);
        return ((int)sextant % 6) switch
        {
            0 => [value, t, p],
            1 => [q, value, p],
            2 => [p, value, t],
            3 => [p, q, value],
            4 => [t, p, value],
            _ => [value, p, q],
        };
    }
}
