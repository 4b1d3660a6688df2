using TorchSharp;
using WclSharp.Augmentation;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>Every operator against torchvision's results on photographs, at the tolerances of the fixtures' README.</summary>
[Trait("Category", "Fixtures")]
public class AugmentFixtureTests
{
    public static TheoryData<string> Operators()
    {
        var names = new TheoryData<string>();
        foreach (string name in AugmentFixture.All().SelectMany(file => file.Results()).Select(result => result.Name).Distinct()) names.Add(name);
        return names;
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void Operator_FixedParameter_MatchesTorchvision(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var fixture in AugmentFixture.All())
            foreach (var (image, _, operation, parameter) in fixture.Results().Where(result => result.Name == name))
            {
                var expected = fixture.Image(image, name).to(float32);
                var actual = Apply(fixture, image, operation, parameter, (int)expected.shape[2]);
                double difference = (actual.clamp(0, 1).mul(255) - expected).abs().mean().item<float>();
                double tolerance = operation is "blur" or "resized_crop" ? 3 : 1.5;
                Assert.True(difference <= tolerance, $"Photograph {image}: {name} is {difference:F3} of 255 off on average, {tolerance} is allowed.");
            }
    }

    private static Tensor Apply(AugmentFixture fixture, string image, string operation, double parameter, int size)
    {
        if (operation == "resized_crop")
        {
            var (top, left, height, width) = fixture.Box(image);
            return Views.Make(fixture.Image(image, "input"), size, Views.Unchanged(height, width) with { Crop = new CropBox(top, left, height, width) });
        }

        var source = fixture.Image(image, fixture.BaseOperator);
        if (operation == "flip") return Views.Make(source, size, Views.Unchanged(size, size) with { Flip = true });

        var planes = source.to(float32).div_(255).view(3, 1, -1).unbind(0);
        switch (operation)
        {
            case "brightness": Blend(planes, JitterOperation.Brightness, parameter); break;
            case "contrast": Blend(planes, JitterOperation.Contrast, parameter); break;
            case "saturation": Blend(planes, JitterOperation.Saturation, parameter); break;
            case "hue": ColourJitter.ShiftHue(planes[0], planes[1], planes[2], tensor((float)parameter).view(1, 1)); break;
            case "grayscale": ColourJitter.Greyscale(planes, tensor([0L])); break;
            case "blur":
                var kernels = GaussianBlur.Kernels(tensor((float)parameter).view(1, 1), size);
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
