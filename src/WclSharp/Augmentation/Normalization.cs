namespace WclSharp.Augmentation;

/// <summary>Per-channel constants of a data set: a normalised pixel is (x - mean) / std, with x in [0, 1]. Values are checked where they are used.</summary>
/// <param name="Mean">Mean of red, green, blue, finite.</param>
/// <param name="Std">Standard deviation of red, green, blue, above zero.</param>
public readonly record struct Normalization((float R, float G, float B) Mean, (float R, float G, float B) Std)
{
    /// <summary>ImageNet's constants, those of torchvision's pretrained weights.</summary>
    public static Normalization ImageNet => new((0.485f, 0.456f, 0.406f), (0.229f, 0.224f, 0.225f));

    /// <summary>CIFAR-10's constants.</summary>
    public static Normalization Cifar10 => new((0.4914f, 0.4822f, 0.4465f), (0.2470f, 0.2435f, 0.2616f));

    /// <summary>Fashion-MNIST's constants, the same for all three channels.</summary>
    public static Normalization FashionMnist => Gray(0.2860f, 0.3530f);

    /// <summary>The constants, for people.</summary>
    internal string Describe() => FormattableString.Invariant($"means {Mean.R:0.####}, {Mean.G:0.####}, {Mean.B:0.####} and standard deviations {Std.R:0.####}, {Std.G:0.####}, {Std.B:0.####}");

    /// <summary>The same constants for all three channels, for single-channel data sets.</summary>
    /// <param name="mean">Mean, finite.</param>
    /// <param name="std">Standard deviation, above zero.</param>
    public static Normalization Gray(float mean, float std) => new((mean, mean, mean), (std, std, std));

    /// <exception cref="WclUsageException">A mean is not finite, or a deviation not above zero.</exception>
    internal void Validate()
    {
        for (int channel = 0; channel < 3; channel++)
        {
            if (!float.IsFinite(MeanOf(channel))) throw new WclUsageException(FormattableString.Invariant($"Means ({Mean.R}, {Mean.G}, {Mean.B}) cannot normalise; all three have to be finite."));
            if (!(StdOf(channel) > 0 && float.IsFinite(StdOf(channel)))) throw new WclUsageException(FormattableString.Invariant($"Standard deviations ({Std.R}, {Std.G}, {Std.B}) cannot normalise; all three have to be above 0."));
        }
    }

    internal float MeanOf(int channel) => channel switch { 0 => Mean.R, 1 => Mean.G, _ => Mean.B };

    internal float StdOf(int channel) => channel switch { 0 => Std.R, 1 => Std.G, _ => Std.B };
}
