namespace WclSharp.Evaluation;

/// <summary>How often images of one class are predicted as another.</summary>
public sealed record ConfusionMatrix
{
    /// <summary>C classes, in the order of rows and columns.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>[C, C], by row and column: images of the row's class that are predicted as the column's.</summary>
    public required IReadOnlyList<IReadOnlyList<long>> Counts { get; init; }

    /// <summary>Classes at most: a million numbers, more than anybody looks at.</summary>
    internal const int MostClasses = 1000;

    /// <summary>Counts predictions.</summary>
    /// <param name="classNames">Names of the C classes.</param>
    /// <param name="truth">Class of each image, 0 to C - 1.</param>
    /// <param name="predicted">What it is predicted as.</param>
    internal static ConfusionMatrix Of(IReadOnlyList<string> classNames, int[] truth, int[] predicted)
    {
        var counts = new long[classNames.Count][];
        for (int c = 0; c < counts.Length; c++) counts[c] = new long[classNames.Count];
        for (int i = 0; i < truth.Length; i++) counts[truth[i]][predicted[i]]++;
        return new() { ClassNames = classNames, Counts = counts };
    }
}
