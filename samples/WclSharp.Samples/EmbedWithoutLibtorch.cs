using System.Numerics.Tensors;
using WclSharp.Inference;

namespace WclSharp.Samples;

/// <summary>How alike two photographs are, by an ONNX file and the package WclSharp.Inference alone.</summary>
internal static class EmbedWithoutLibtorch
{
    public static int Run(string model, string one, string other)
    {
        using var encoder = OnnxEncoder.Load(model);
        float[][] features = encoder.Embed([one, other]);
        Console.WriteLine($"{TensorPrimitives.CosineSimilarity(features[0], features[1]):0.000} from -1 to 1: {one} and {other}");
        if (encoder.ClassNames.Count > 0) Console.WriteLine($"{one} shows {encoder.Classify(one)[0].Class}");
        return 0;
    }
}
