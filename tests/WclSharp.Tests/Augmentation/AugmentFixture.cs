using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>
/// Reads a file of image operators at fixed parameters. Tensor names are <c>IMAGE.OPERATOR</c> or <c>IMAGE.OPERATOR_PARAMETER</c>;
/// the note in the metadata names the operator whose result the others are applied to.
/// </summary>
internal sealed partial class AugmentFixture
{
    private readonly Dictionary<string, (long[] Shape, byte[] Data)> tensors = [];

    public AugmentFixture(string path)
    {
        var file = File.ReadAllBytes(path);
        int headerLength = checked((int)BinaryPrimitives.ReadInt64LittleEndian(file));
        using var header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        string note = "";
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
            {
                note = entry.Value.GetProperty("note").GetString()!;
                continue;
            }
            var offsets = entry.Value.GetProperty("data_offsets");
            int begin = offsets[0].GetInt32(), end = offsets[1].GetInt32();
            tensors[entry.Name] = (
                [.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())],
                file[(8 + headerLength + begin)..(8 + headerLength + end)]);
        }
        BaseOperator = BaseName().Match(note) is { Success: true } match
            ? match.Groups[1].Value
            : throw new InvalidDataException($"The note of {path} does not say what the operators are applied to: {note}");
    }

    /// <summary>Folder of the fixtures.</summary>
    public static string Folder =>
        Environment.GetEnvironmentVariable("WCLSHARP_FIXTURES") ?? Path.Combine(AppContext.BaseDirectory, "fixtures");

    /// <summary>Every fixture of this form in the folder.</summary>
    public static IEnumerable<AugmentFixture> All() =>
        Directory.EnumerateFiles(Folder, "augment*.safetensors").Order().Select(path => new AugmentFixture(path));

    /// <summary>Name of the result that the other operators start from.</summary>
    public string BaseOperator { get; }

    /// <summary>Every result in the file: which photograph, which operator, and its parameter (NaN without one).</summary>
    public IEnumerable<(string Image, string Name, string Operator, double Parameter)> Results() =>
        from name in tensors.Keys
        let dot = name.IndexOf('.')
        let image = name[..dot]
        let result = name[(dot + 1)..]
        where result is not ("input" or "box_top_left_height_width")
        let underscore = result.LastIndexOf('_')
        let parameter = underscore > 0 && double.TryParse(result[(underscore + 1)..], CultureInfo.InvariantCulture, out double value) ? value : double.NaN
        select (image, result, double.IsNaN(parameter) ? result : result[..underscore], parameter);

    /// <summary>An image as [1, C, H, W] uint8.</summary>
    public Tensor Image(string image, string name)
    {
        var (shape, data) = tensors[$"{image}.{name}"];
        using var raw = tensor(data, shape);
        return raw.permute(2, 0, 1).unsqueeze(0).contiguous();
    }

    /// <summary>The crop box of a photograph.</summary>
    public (int Top, int Left, int Height, int Width) Box(string image)
    {
        var box = MemoryMarshal.Cast<byte, long>(tensors[$"{image}.box_top_left_height_width"].Data);
        return ((int)box[0], (int)box[1], (int)box[2], (int)box[3]);
    }

    [GeneratedRegex(@"applied to (\w+)")]
    private static partial Regex BaseName();
}
