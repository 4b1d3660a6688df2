using TorchSharp;
using WclSharp.Augmentation;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class GaussianBlurTests
{
    [Theory]
    [InlineData(0.1f, 16)]
    [InlineData(0.7f, 16)]
    [InlineData(2f, 40)]
    [InlineData(3f, 5)] // wider than the image
    [InlineData(1f, 1)]
    public void Apply_OneSigma_EqualsLoopWithEdgesExtended(float sigma, int size)
    {
        using var scope = NewDisposeScope();
        var plane = Views.Images(1, 1, size, size).to(float32).div_(255).view(1, size, size);
        var actual = GaussianBlur.Apply(plane, GaussianBlur.Kernels(tensor(sigma).view(1, 1), size)).data<float>().ToArray();
        var pixels = plane.data<float>().ToArray();
        var taps = Enumerable.Range(1 - size, 2 * size - 1).Select(d => Math.Exp(-d * d / (2.0 * sigma * sigma))).ToArray();
        double total = taps.Sum();
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
            {
                double sum = 0;
                for (int i = 0; i < taps.Length; i++)
                    for (int j = 0; j < taps.Length; j++)
                        sum += taps[i] * taps[j] * pixels[Math.Clamp(y + i + 1 - size, 0, size - 1) * size + Math.Clamp(x + j + 1 - size, 0, size - 1)];
                Assert.Equal(sum / (total * total), actual[y * size + x], 2e-6);
            }
    }

    [Fact]
    public void Apply_ConstantImage_StaysConstant()
    {
        using var scope = NewDisposeScope();
        var plane = full([2, 30, 30], 0.25f);
        var blurred = GaussianBlur.Apply(plane, GaussianBlur.Kernels(tensor([0.3f, 2f]).view(2, 1), 30));
        Assert.True(Views.Difference(blurred, plane) < 1e-6);
    }

    [Fact]
    public void Apply_SeveralSamples_BlursOnlyThoseWithASigma()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(4, 3, 20, 20);
        var whole = Views.Whole(images);
        var views = Views.Make(images, 20, whole, whole with { BlurSigmaPixels = 2 }, whole, whole with { BlurSigmaPixels = 0.8f });
        var plain = images.to(float32) / 255;
        Assert.True(Views.Difference(views[0], plain[0]) < 1e-6);
        Assert.True(Views.Difference(views[2], plain[2]) < 1e-6);
        Tensor Roughness(Tensor image) => (image.narrow(-1, 1, 19) - image.narrow(-1, 0, 19)).square().mean();
        Assert.True(Roughness(views[1]).item<float>() < Roughness(plain[1]).item<float>() / 2);
        Assert.True(Roughness(views[3]).item<float>() < Roughness(plain[3]).item<float>());
        Assert.True(Views.Difference(views[3], Views.Make(images.narrow(0, 3, 1), 20, whole with { BlurSigmaPixels = 0.8f })[0]) < 1e-6);
    }
}
