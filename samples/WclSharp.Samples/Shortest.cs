using WclSharp.Encoders;
using WclSharp.Training;

namespace WclSharp.Samples;

/// <summary>The simplest use: photographs in, features out.</summary>
internal static class Shortest
{
    public static int Run(string photos, string photo)
    {
        var result = Pretraining.Run(new PretrainOptions { Data = photos });
        using var encoder = ImageEncoder.Load(result.RunFolder);
        float[] features = encoder.Embed(photo);

        Console.WriteLine($"{features.Length} numbers describe {photo}; the encoder is {result.EncoderFile}.");
        return 0;
    }
}
