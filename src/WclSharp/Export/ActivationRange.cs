namespace WclSharp.Export;

/// <summary>Between what a value's numbers lie, of a network's values.</summary>
/// <param name="Low">The smallest to be told apart.</param>
/// <param name="High">The largest.</param>
internal readonly record struct ActivationRange(float Low, float High)
{
    private const float SmallestScale = 1e-18f; // a value that is always zero

    /// <summary>The scale s and the zero z of x = s (q - z), q from 0 to 255; the range is widened to hold zero.</summary>
    public (float Scale, byte Zero) Quantization
    {
        get
        {
            double low = Math.Min(Low, 0), high = Math.Max(High, 0);
            float scale = Math.Max((float)((high - low) / byte.MaxValue), SmallestScale);
            return (scale, (byte)Math.Clamp(Math.Round(-low / scale), 0, byte.MaxValue));
        }
    }
}
