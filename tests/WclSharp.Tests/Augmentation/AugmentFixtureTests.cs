using TorchSharp;
using WclSharp.Augmentation;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>Every operator against torchvision's results on photographs, at the tolerances of the fixtures' README.</summary>
[Trait("Category", "Fixtures")]
public class AugmentFixtureTests
{
    /// <summary>Every result of every file.</summary>
    public static TheoryData<string, string> Operators()
    {
        var names = new TheoryData<string, string>();
        foreach (string file in FixtureFiles.Matching(AugmentFixture.Pattern).Select(row => row.Data))
        {
            using var fixture = new AugmentFixture(file);
            foreach (var (image, name, _, _) in fixture.Results()) names.Add(file, $"{image}.{name}");
        }
        return names;
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Operator_FixedParameter_MatchesTorchvision(string file, string result)
    {
        using var scope = NewDisposeScope();
        using var fixture = new AugmentFixture(file);
        var (image, name, operation, parameter) = fixture.Results().Single(one => $"{one.Image}.{one.Name}" == result);
        var expected = fixture.Image(image, name).to(float32);
        var actual = Apply(fixture, image, operation, parameter, (int)expected.shape[2]);
        Assert.Equal(expected.shape, actual.shape);
        double difference = (actual.clamp(0, 1).mul(255) - expected).abs().mean().item<float>();
        double tolerance = operation is "blur" or "resized_crop" ? 3 : 1.5;
        Assert.True(difference <= tolerance, $"{result} is {difference:F3} of 255 off on average, {tolerance} is allowed.");
    }

    private static Tensor Apply(AugmentFixture fixture, string image, string operation, double parameter, int size)
    {
        if (operation == "resized_crop")
        {
            var photograph = fixture.Image(image, "input");
            return Views.Make(photograph, size, Views.Whole(photograph) with { Crop = fixture.Box(image) });
        }

        var source = fixture.Image(image, fixture.BaseOperator);
        if (operation == "flip") return Views.Make(source, size, Views.Whole(source) with { Flip = true });

        var planes = source.to(float32).div_(255).view(3, 1, -1).unbind(0);
        var value = tensor((float)parameter).view(1, 1);
        switch (operation)
        {
            case "brightness": Blend(planes, JitterOperation.Brightness, parameter); break;
            case "contrast": Blend(planes, JitterOperation.Contrast, parameter); break;
            case "saturation": Blend(planes, JitterOperation.Saturation, parameter); break;
            case "hue": ColourJitter.ShiftHue(planes[0], planes[1], planes[2], value); break;
            case "grayscale": ColourJitter.Grayscale(planes, tensor([0L])); break;
            case "blur":
                var kernels = GaussianBlur.Kernels(value, size);
                planes = [.. planes.Select(plane => GaussianBlur.Apply(plane.view(1, size, size), kernels).view(1, -1))];
                break;
            default: throw new InvalidDataException($"The fixture has an operator that nothing here answers: {operation}.");
        }
        return stack(planes, 1).view(1, 3, size, size);
    }

    private static void Blend(Tensor[] planes, JitterOperation operation, double factor)
    {
        var round = new float[ColourJitter.BlendLength];
        ColourJitter.WriteBlend(round, operation, (float)factor);
        ColourJitter.Blend(planes, tensor(round).view(1, -1));
    }
}
