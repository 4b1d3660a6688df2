using WclSharp.Export;
using WclSharp.Inference;

namespace WclSharp.Tests.Inference;

/// <summary>Small ONNX files: the mean colour of an image as features, so that what comes out can be told by hand.</summary>
internal static class OnnxFiles
{
    /// <summary>What a file of an image size says of itself.</summary>
    public static Dictionary<string, string> Metadata(int imageSize = 32, params string[] classes) =>
        new OnnxFacts { ImageSize = imageSize, FeatureSize = 3, ClassNames = classes }.ToMetadata();

    /// <summary>Writes a file whose features are the means of the three channels, 0 to 255, and whose probabilities are their softmax.</summary>
    public static string MeanColour(string folder, IReadOnlyDictionary<string, string> metadata, int imageSize = 32, string input = OnnxFacts.Pixels)
    {
        var graph = new OnnxGraph();
        graph.Input(input, [3, imageSize, imageSize], "");
        graph.Node("GlobalAveragePool", "mean", [input]);
        graph.Node("Flatten", OnnxFacts.Features, ["mean"], ("axis", 1L));
        graph.Node("Softmax", OnnxFacts.Probabilities, [OnnxFacts.Features], ("axis", 1L));
        graph.Output(OnnxFacts.Features, 3, "");
        graph.Output(OnnxFacts.Probabilities, 3, "");
        string path = Path.Combine(folder, "mean.onnx");
        using var stream = File.Create(path);
        graph.ToModel("mean", metadata).WriteTo(stream);
        return path;
    }
}
