using System.Globalization;
using System.Text.Json;

namespace WclSharp.Inference;

/// <summary>What a network's ONNX file says of itself, as strings in its <c>metadata_props</c>: all that is needed to use it.</summary>
internal sealed record OnnxFacts
{
    /// <summary>Names in the graph: input [N, 3, S, S] float32 of 0 to 255, outputs [N, F], [N, D] and [N, C] float32.</summary>
    public const string Pixels = "pixels", Features = "features", Projection = "projection", Probabilities = "probabilities";

    private const string FormatKey = "wclsharp.format", Format = "1";
    private const int LargestImageSize = 2048, LargestFeatureSize = 1 << 20;

    // A thousand classes have some tens of kilobytes of names. Parsing costs a multiple of the text's length.
    private const int LargestClassText = 16 << 20;

    /// <summary>S, side of the network's input, pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>F, length of a feature vector.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>Names of the classes in the order of the probabilities; empty where the file is no classifier.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>The entries for a file.</summary>
    public Dictionary<string, string> ToMetadata()
    {
        var entries = new Dictionary<string, string>
        {
            [FormatKey] = Format,
            ["image_size"] = ImageSize.ToString(CultureInfo.InvariantCulture),
            ["feature_size"] = FeatureSize.ToString(CultureInfo.InvariantCulture),
        };
        if (ClassNames.Count > 0) entries["classes"] = JsonSerializer.Serialize(ClassNames.ToArray(), OnnxJson.Default.StringArray);
        return entries;
    }

    /// <summary>Reads the entries of a file.</summary>
    /// <param name="metadata">The file's <c>metadata_props</c>.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="WclUsageException">They are missing, of another version, or make no sense.</exception>
    public static OnnxFacts Parse(IReadOnlyDictionary<string, string> metadata, string path)
    {
        if (!metadata.TryGetValue(FormatKey, out string? format))
            throw new WclUsageException($"'{path}' is an ONNX file, but does not say how images go into it (no \"{FormatKey}\" in its metadata); give one that wcl export wrote.");
        if (format != Format)
            throw new WclUsageException($"'{path}' has format {Short(format)}; this version reads format {Format}. Export it anew.");
        return new OnnxFacts
        {
            ImageSize = Number("image_size", LargestImageSize),
            FeatureSize = Number("feature_size", LargestFeatureSize),
            ClassNames = metadata.TryGetValue("classes", out string? classes) ? Names(classes) : [],
        };

        int Number(string key, int largest)
        {
            string text = metadata.GetValueOrDefault(key, "");
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= largest
                ? value
                : throw Damaged(key, text, $"a number from 1 to {largest}");
        }

        IReadOnlyList<string> Names(string text)
        {
            const string expected = "a JSON list of one name or more";
            if (text.Length > LargestClassText) throw Damaged("classes", text, expected);
            try
            {
                return JsonSerializer.Deserialize(text, OnnxJson.Default.StringArray) is { Length: > 0 } names && !names.Contains(null!) ? names : throw Damaged("classes", text, expected);
            }
            catch (Exception e) when (e is JsonException or ArgumentException) // the latter where the text is no valid UTF-16
            {
                throw Damaged("classes", text, expected);
            }
        }

        WclUsageException Damaged(string key, string text, string expected) =>
            new($"'{path}' says that its \"{key}\" is \"{Short(text)}\", not {expected}; export it anew.");
    }

    private static string Short(string text) => (text.Length <= 40 ? text : text[..40] + "...").ReplaceLineEndings(" ");
}
