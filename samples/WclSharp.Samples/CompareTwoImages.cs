using WclSharp.Encoders;

namespace WclSharp.Samples;

/// <summary>How alike two photographs are to an encoder: the cosine of the angle between their features.</summary>
internal static class CompareTwoImages
{
    public static int Run(string run, string one, string other)
    {
        using var encoder = ImageEncoder.Load(run);
        float similarity = ImageEncoder.Similarity(encoder.Embed(one), encoder.Embed(other));
        Console.WriteLine($"{similarity:0.000} from -1 to 1: {one} and {other}, {encoder.FeatureSize} features, {encoder.ImageSize} pixels");
        return 0;
    }
}
