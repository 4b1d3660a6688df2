using WclSharp.Configuration;
using WclSharp.Embedding;
using WclSharp.Inference;

namespace WclSharp.Search;

/// <summary>What to index, with what, and where to.</summary>
public sealed record IndexOptions : ImagePassOptions
{
    /// <summary>A run folder, an encoder's <c>.safetensors</c> file, or an ONNX file that <c>wcl export</c> wrote, which needs no libtorch.</summary>
    public required string Model { get; init; }

    /// <summary>How numbers are stored.</summary>
    public IndexFormat Format { get; init; }

    internal override void Validate()
    {
        base.Validate();
        EmbedOptions.RequireModel(Model);
        GivenOption.RequireMember<IndexFormat>(Format, "--format");
    }
}
