using System.Globalization;
using System.Text.Json.Serialization;

namespace WclSharp.Embedding;

/// <summary>What the numbers of a table of embeddings hang on; one that was begun goes on with the same alone.</summary>
internal sealed record PartialFacts
{
    /// <summary>Version of this library.</summary>
    public required string Version { get; init; }

    /// <summary>Path of the model; for people.</summary>
    public required string Model { get; init; }

    /// <summary>SHA-256 of the model's file.</summary>
    public required string ModelSha256 { get; init; }

    /// <summary>What computes.</summary>
    public required string Device { get; init; }

    /// <summary>In which format; null where the model's file says it.</summary>
    public string? Precision { get; init; }

    /// <summary>Length of a row.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>What a row is, where it is no features; null for features.</summary>
    public string? Output { get; init; }

    /// <summary>What the images are; for people.</summary>
    public required string Data { get; init; }

    /// <summary>Number of images.</summary>
    public required int Images { get; init; }

    /// <summary>What <see cref="SourceListing"/> knows the images by.</summary>
    public required string ImagesSha256 { get; init; }

    /// <summary><see cref="SourceListing.Absent"/>: images that may turn up later without the source being another; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? AbsentImages { get; init; }

    /// <summary>List of the classes; null where there is none. For people.</summary>
    public string? Labels { get; init; }

    /// <summary>SHA-256 of that list.</summary>
    public string? LabelsSha256 { get; init; }

    /// <summary>What is no longer what it was, for people; empty where nothing is.</summary>
    /// <param name="now">The facts of now.</param>
    public IEnumerable<string> Differences(PartialFacts now)
    {
        if (Output != now.Output) yield return $"its rows were {Output ?? "features"} and are {now.Output ?? "features"}";
        else if (ModelSha256 != now.ModelSha256 || FeatureSize != now.FeatureSize)
            yield return Model == now.Model ? $"the model '{Model}' has changed" : $"the model was '{Model}' and is '{now.Model}'";
        if (ImagesSha256 != now.ImagesSha256)
        {
            yield return Data == now.Data
                ? string.Create(CultureInfo.InvariantCulture, $"the images of {Data} have changed ({Images:N0} then, {now.Images:N0} now)")
                : $"the images were {Data} and are {now.Data}";
        }
        if (LabelsSha256 != now.LabelsSha256)
            yield return Labels == now.Labels ? $"the labels in '{Labels}' have changed" : $"the labels were {Named(Labels)} and are {Named(now.Labels)}";
        if (Device != now.Device) yield return $"the device was {Device} and is {now.Device}";
        if (Precision != now.Precision) yield return $"the precision was {Precision ?? "that of the model"} and is {now.Precision ?? "that of the model"}";
        if (Version != now.Version) yield return $"WclSharp was {Version} and is {now.Version}";

        static string Named(string? labels) => labels is null ? "those of the images' source" : $"those in '{labels}'";
    }
}

/// <summary>The JSON form: snake_case keys.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PartialFacts))]
internal sealed partial class PartialFactsJson : JsonSerializerContext;
