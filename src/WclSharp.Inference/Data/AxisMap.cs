namespace WclSharp.Data;

/// <summary>
/// How output positions of one axis map to source positions: output pixel i (0-based) is centred at
/// <c>Origin + Step * (i + 0.5)</c> of the source, where pixel j covers [j, j + 1), and sees only the pixels of
/// <c>[Start, Start + Extent)</c>. A negative step mirrors the axis.
/// </summary>
internal readonly record struct AxisMap(float Origin, float Step, int Start, int Extent)
{
    /// <summary>Number of floats that <see cref="Write"/> writes.</summary>
    public const int Length = 4;

    /// <summary>The part [start, start + extent) of an axis stretched over all of the output.</summary>
    public static AxisMap Crop(int start, int extent, int outputSize, bool mirror = false)
    {
        float step = (float)extent / outputSize;
        return mirror ? new AxisMap(start + extent, -step, start, extent) : new AxisMap(start, step, start, extent);
    }

    /// <summary>
    /// As <see cref="Crop"/>, of a part that may begin and end between pixels of an axis of <paramref name="side"/> pixels. What lies beyond its ends
    /// is seen as far as the filter reaches.
    /// </summary>
    public static AxisMap SubpixelCrop(double start, double extent, int side, int outputSize, bool mirror = false)
    {
        double step = extent / outputSize, reach = Math.Max(1, step) - step / 2; // of the outermost output pixels, beyond the ends
        int first = Math.Max(0, (int)Math.Floor(start - reach)), end = Math.Min(side, (int)Math.Ceiling(start + extent + reach));
        return mirror ? new AxisMap((float)(start + extent), (float)-step, first, end - first) : new AxisMap((float)start, (float)step, first, end - first);
    }

    /// <summary>The whole axis resized to <paramref name="resized"/> pixels, of which those from <paramref name="offset"/> on are kept.</summary>
    public static AxisMap Window(int extent, int resized, int offset)
    {
        double step = (double)extent / resized;
        return new AxisMap((float)(offset * step), (float)step, 0, extent);
    }

    /// <summary>Writes origin, step and the two ends of the part that is seen.</summary>
    public void Write(Span<float> target)
    {
        target[0] = Origin;
        target[1] = Step;
        target[2] = Start;
        target[3] = Start + Extent;
    }
}
