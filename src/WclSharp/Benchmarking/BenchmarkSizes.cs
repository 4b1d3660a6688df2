namespace WclSharp.Benchmarking;

/// <summary>Refuses sizes that no benchmark here can make, in terms of the options that ask for them.</summary>
internal static class BenchmarkSizes
{
    /// <summary>Of numbers that are made at once.</summary>
    /// <param name="what">What they are, in the options' words.</param>
    /// <param name="sizes">Sizes whose product they are.</param>
    /// <exception cref="WclUsageException">There are too many.</exception>
    public static void RequireNumbers(string what, params ReadOnlySpan<long> sizes)
    {
        Int128 numbers = 1;
        foreach (long size in sizes) numbers *= size;
        if (numbers > Array.MaxLength) throw new WclUsageException(FormattableString.Invariant($"{what} are {numbers:N0} numbers, more than a benchmark makes at once ({Array.MaxLength:N0}); use less of one of them."));
    }

    /// <summary>Of nearest images: no more than there are others.</summary>
    /// <exception cref="WclUsageException">There are too many.</exception>
    public static void RequireNeighbors(int k, int images)
    {
        if (k > images) throw new WclUsageException(FormattableString.Invariant($"-k is {k:N0}, and there are {images:N0} images to find; use fewer."));
    }
}
