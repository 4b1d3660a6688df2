using System.Globalization;
using System.Text.RegularExpressions;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>
/// A file of image operators at fixed parameters. Tensor names are <c>IMAGE.OPERATOR</c> or <c>IMAGE.OPERATOR_PARAMETER</c>;
/// the note in the metadata names the result that the operators other than the crop are applied to.
/// </summary>
internal sealed partial class AugmentFixture(string file) : IDisposable
{
    public const string Pattern = "augment*.safetensors";

    private readonly SafetensorsContent content = FixtureFiles.Load(file);

    /// <summary>Name of the result that the other operators start from.</summary>
    public string BaseOperator => BaseName().Match(content.Metadata["note"]) is { Success: true } match
        ? match.Groups[1].Value
        : throw new InvalidDataException($"The note of {file} does not say what the operators are applied to: {content.Metadata["note"]}");

    /// <summary>Every result in the file: which photograph, which operator, and its parameter (NaN without one).</summary>
    public IEnumerable<(string Image, string Name, string Operator, double Parameter)> Results() =>
        from name in content.Tensors.Keys
        let dot = name.IndexOf('.')
        let image = name[..dot]
        let result = name[(dot + 1)..]
        where result is not ("input" or "box_top_left_height_width")
        let underscore = result.LastIndexOf('_')
        let parameter = underscore > 0 && double.TryParse(result[(underscore + 1)..], CultureInfo.InvariantCulture, out double value) ? value : double.NaN
        select (image, result, double.IsNaN(parameter) ? result : result[..underscore], parameter);

    /// <summary>An image as [1, C, H, W] uint8.</summary>
    public Tensor Image(string image, string name) => content[$"{image}.{name}"].permute(2, 0, 1).unsqueeze(0).contiguous();

    /// <summary>The crop box of a photograph.</summary>
    public CropBox Box(string image)
    {
        var box = content[$"{image}.box_top_left_height_width"].data<long>();
        return new CropBox((int)box[0], (int)box[1], (int)box[2], (int)box[3]);
    }

    public void Dispose() => content.Dispose();

    [GeneratedRegex(@"applied to (\w+)")]
    private static partial Regex BaseName();
}
