namespace WclSharp.Data;

/// <summary>
/// Images in which nothing is to be seen. Mostly they are files of 16 bits that hold the values of a camera of 12 or fewer, of which the upper eight bits are all but empty:
/// a network cannot tell them apart, and takes them for copies of one another.
/// </summary>
internal sealed class NearlyBlackImages
{
    private const byte Darkest = 15; // the most that 12 bits come to in 16
    private const int OneIn = 100;
    private const int BrightOneIn = 1000; // values that may be brighter: those of hot pixels
    private int count;
    private string first = "";

    /// <summary>Whether no value, or but one in 1,000, is above <see cref="Darkest"/>; looks no further than it takes to know.</summary>
    public static bool IsOne(ReadOnlySpan<byte> pixels)
    {
        for (int left = pixels.Length / BrightOneIn; ; left--)
        {
            int bright = pixels.IndexOfAnyExceptInRange((byte)0, Darkest);
            if (bright < 0) return true;
            if (left == 0) return false;
            pixels = pixels[(bright + 1)..];
        }
    }

    /// <summary>Counts one.</summary>
    public void Add(string name)
    {
        if (count++ == 0) first = name;
    }

    /// <summary>A warning where they are a hundredth of all images or more; null otherwise.</summary>
    public string? Warning(long images) => count == 0 || count < images / (double)OneIn ? null : FormattableString.Invariant(
        $"{count:N0} of {images:N0} images {(count == 1 ? "is" : "are")} nearly black (hardly a value above {Darkest} of 255); the first is '{first}'. Files of 16 bits that hold 12 or fewer look so: scale their values to the whole range, or leave them out.");
}
