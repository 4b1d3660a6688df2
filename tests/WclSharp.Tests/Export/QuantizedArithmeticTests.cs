using WclSharp.Export;
using WclSharp.Inference;

namespace WclSharp.Tests.Export;

public sealed class QuantizedArithmeticTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-int8-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(3, 1, true, -40, 200)]
    [InlineData(3, 2, false, -90, 210)]
    [InlineData(1, 1, true, 0, 255)]
    [InlineData(7, 2, false, 0, 255)]
    public void Convolution_IsASlowLoopOverIntegers(int kernel, int stride, bool relu, float low, float high)
    {
        const int size = 9, inputs = 3, outputs = 5;
        var layer = TinyOnnx.Layer(7, outputs, inputs, kernel, kernel);
        layer.Weight.AsSpan(0, inputs * kernel * kernel).Clear(); // a channel of its bias alone
        foreach (ref float weight in layer.Weight.AsSpan(inputs * kernel * kernel, inputs * kernel * kernel)) weight *= 1e-3f; // and one of small weights
        var range = relu ? new ActivationRange(0, 150) : new ActivationRange(-120, 130);
        int side = (size - 1) / stride + 1;
        float[] pixels = [.. TinyOnnx.Numbers(8, 2 * inputs * size * size, (high - low) / 2).Select(value => value + (high + low) / 2)];

        var graph = new OnnxGraph();
        var arithmetic = new QuantizedArithmetic(graph, new Dictionary<string, ActivationRange> { [OnnxFacts.Pixels] = new(low, high), [relu ? "c.relu" : "c"] = range });
        string x = arithmetic.Enter(graph.Input(OnnxFacts.Pixels, [inputs, size, size], ""));
        graph.Node("Flatten", OnnxFacts.Features, [arithmetic.Leave(arithmetic.Convolution("c", x, layer, stride, relu))], ("axis", 1L));
        graph.Output(OnnxFacts.Features, outputs * side * side, "");
        using var encoder = Load(graph, size, outputs * side * side);
        var actual = new float[2 * outputs * side * side];
        encoder.Run(pixels, 2, OnnxFacts.Features, actual);

        float[] expected = SlowLoop(pixels, layer, new(low, high), range, size, kernel, stride);
        float step = range.Quantization.Scale;
        int off = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1.001 * step); // what lies in the middle of two steps may be rounded to either
            if (Math.Abs(expected[i] - actual[i]) > step / 2) off++;
        }
        Assert.True(off <= actual.Length / 100, $"{off} of {actual.Length} are off by a step");
        if (relu) Assert.All(actual, value => Assert.True(value >= 0));
        Assert.Contains(actual, value => value != 0);
    }

    [Fact]
    public void File_OfEveryPrecision_IsNearTheOthers()
    {
        float[] pixels = [.. TinyOnnx.Numbers(9, 5 * 3 * TinyOnnx.ImageSize * TinyOnnx.ImageSize, 127).Select(value => value + 128)];
        float[] expected = Run(ExportPrecision.Fp32, OnnxFacts.Features, TinyOnnx.Features), probabilities = Run(ExportPrecision.Fp32, OnnxFacts.Probabilities, 2);
        foreach (var (precision, tolerance) in ((ExportPrecision, double)[])[(ExportPrecision.Fp16, 0.2), (ExportPrecision.Int8, 4)])
        {
            Assert.All(expected.Zip(Run(precision, OnnxFacts.Features, TinyOnnx.Features)), pair => Assert.Equal(pair.First, pair.Second, tolerance));
            Assert.All(probabilities.Zip(Run(precision, OnnxFacts.Probabilities, 2)), pair => Assert.Equal(pair.First >= 0.5, pair.Second >= 0.5));
        }

        float[] Run(ExportPrecision precision, string output, int length)
        {
            string path = Path.Combine(folder, "tiny.onnx");
            File.WriteAllBytes(path, TinyOnnx.File(precision));
            using var encoder = OnnxEncoder.Load(path);
            var result = new float[5 * length];
            encoder.Run(pixels, 5, output, result);
            return result;
        }
    }

    [Theory]
    [InlineData(0, 255, 1, 0)]
    [InlineData(-1, 254, 1, 1)]
    [InlineData(-128, 127, 1, 128)]
    [InlineData(10, 51, 0.2, 0)]   // widened to hold zero
    [InlineData(-51, -10, 0.2, 255)]
    [InlineData(0, 0, 1e-18, 0)]
    public void Quantization_HoldsZeroAndBothEnds(float low, float high, double scale, int zero)
    {
        var quantization = new ActivationRange(low, high).Quantization;
        Close.Relative(scale, quantization.Scale, 1e-6, "scale");
        Assert.Equal(zero, quantization.Zero);
    }

    [Fact]
    public void Histogram_KnowsTheRangeOfWhatItSaw()
    {
        float[] values = TinyOnnx.Numbers(3, 100_000, 1);
        for (int i = 0; i < values.Length; i++) values[i] = values[i] * values[i] * values[i] * (i % 1000 == 0 ? 50 : 1) - 0.25f;
        var histogram = new ActivationHistogram();
        for (int start = 0; start < values.Length; start += 1000) histogram.Add(values.AsSpan(start, 1000));
        histogram.Add([]);
        Assert.Equal(values.Length, histogram.Count);
        Array.Sort(values);
        Assert.Equal(new ActivationRange(values[0], values[^1]), histogram.Range(1));
        double bin = 2 * 64 / 8192.0;
        foreach (double share in (double[])[0.9, 0.99, 0.9999])
        {
            var range = histogram.Range(share);
            int outside = (int)((1 - share) * values.Length);
            Assert.Equal(values[outside], range.Low, bin);
            Assert.Equal(values[^(1 + outside)], range.High, bin);
            Assert.InRange(values.Count(value => value < range.Low), 0, outside);
            Assert.InRange(values.Count(value => value > range.High), 0, outside);
        }
        Assert.Contains("not finite", Assert.Throws<WclException>(() => histogram.Add([1, float.NaN])).Message, StringComparison.Ordinal);
        Assert.Contains("not finite", Assert.Throws<WclException>(() => histogram.Add([float.NegativeInfinity])).Message, StringComparison.Ordinal);
    }

    private OnnxEncoder Load(OnnxGraph graph, int imageSize, int featureSize)
    {
        string path = Path.Combine(folder, "layer.onnx");
        using (var stream = File.Create(path)) graph.ToModel("layer", new OnnxFacts { ImageSize = imageSize, FeatureSize = featureSize }.ToMetadata()).WriteTo(stream);
        return OnnxEncoder.Load(path);
    }

    /// <summary>q = round(x / s) + z in and out, integer products in between, from the formulas.</summary>
    private static float[] SlowLoop(float[] pixels, OnnxLayer layer, ActivationRange inRange, ActivationRange outRange, int size, int kernel, int stride)
    {
        int inputs = (int)layer.Shape[1], outputs = (int)layer.Shape[0], row = inputs * kernel * kernel, side = (size - 1) / stride + 1, images = pixels.Length / (inputs * size * size);
        var (inScale, inZero) = inRange.Quantization;
        var (outScale, outZero) = outRange.Quantization;
        var result = new float[images * outputs * side * side];
        for (int image = 0, at = 0; image < images; image++)
        {
            for (int o = 0; o < outputs; o++)
            {
                float[] weights = layer.Weight[(o * row)..((o + 1) * row)];
                double scale = Math.Max(weights.Max(Math.Abs) / 127.0, Math.Abs(layer.Bias[o]) / (inScale * (double)(1 << 30)));
                for (int y = 0; y < side; y++)
                    for (int x = 0; x < side; x++, at++)
                    {
                        long sum = (long)Math.Round(layer.Bias[o] / (inScale * scale));
                        for (int i = 0; i < row; i++)
                        {
                            int c = i / (kernel * kernel), v = y * stride + i / kernel % kernel - kernel / 2, h = x * stride + i % kernel - kernel / 2;
                            if (v < 0 || v >= size || h < 0 || h >= size) continue;
                            double value = Math.Clamp(Math.Round(pixels[((image * inputs + c) * size + v) * size + h] / inScale) + inZero, 0, 255) - inZero;
                            sum += (long)value * (long)Math.Round(weights[i] / scale);
                        }
                        double integer = Math.Clamp(Math.Round(sum * inScale * scale / outScale) + outZero, 0, 255);
                        result[at] = (float)((integer - outZero) * outScale);
                    }
            }
        }
        return result;
    }
}
