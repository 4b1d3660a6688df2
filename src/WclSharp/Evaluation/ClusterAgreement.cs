namespace WclSharp.Evaluation;

/// <summary>How well groups agree with classes, each 0 to 1 (the adjusted one can be a little below 0).</summary>
public sealed record ClusterAgreement
{
    /// <summary>Share of images that belong to their group's most frequent class. Many groups raise it by themselves.</summary>
    public required double Purity { get; init; }

    /// <summary>Mutual information over the mean of both entropies. Many groups raise it, too. Null where there is nothing to agree on: one group of one class.</summary>
    public double? Nmi { get; init; }

    /// <summary>Mutual information adjusted for chance: 0 where groups are random, whatever their number (Vinh, Epps, Bailey, JMLR 2010). Null where chance does as well as it gets: one group of one class, or every image its own group and class.</summary>
    public double? Ami { get; init; }

    /// <summary>Compares groups with classes.</summary>
    /// <param name="groups">Group of each image, any number.</param>
    /// <param name="classes">Class of each image, from 0; images with a number below that do not count.</param>
    /// <returns>The figures; null where no image has a class.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static ClusterAgreement? Of(ReadOnlySpan<int> groups, ReadOnlySpan<int> classes)
    {
        if (groups.Length != classes.Length) throw new ArgumentException($"{groups.Length} groups and {classes.Length} classes are not of the same images.");
        var cells = new Dictionary<(int Group, int Class), int>();
        for (int i = 0; i < groups.Length; i++)
            if (classes[i] >= 0) cells[(groups[i], classes[i])] = cells.GetValueOrDefault((groups[i], classes[i])) + 1;
        if (cells.Count == 0) return null;

        var groupSizes = cells.GroupBy(cell => cell.Key.Group).ToDictionary(part => part.Key, part => part.Sum(cell => cell.Value));
        var classSizes = cells.GroupBy(cell => cell.Key.Class).ToDictionary(part => part.Key, part => part.Sum(cell => cell.Value));
        int total = cells.Values.Sum();
        double information = cells.Sum(cell => (double)cell.Value / total * Math.Log((double)total * cell.Value / ((double)groupSizes[cell.Key.Group] * classSizes[cell.Key.Class])));
        double mean = (Entropy(groupSizes.Values, total) + Entropy(classSizes.Values, total)) / 2;
        double chance = ExpectedInformation([.. groupSizes.Values], [.. classSizes.Values], total);
        double purity = cells.GroupBy(cell => cell.Key.Group).Sum(part => part.Max(cell => cell.Value)) / (double)total;
        return new()
        {
            Purity = purity,
            Nmi = mean < 1e-12 ? null : Math.Max(0, information / mean),
            Ami = mean - chance < 1e-12 ? null : (information - chance) / (mean - chance),
        };
    }

    private static double Entropy(IEnumerable<int> sizes, int total) => -sizes.Sum(size => (double)size / total * Math.Log((double)size / total));

    /// <summary>Mutual information of random groups and classes of these sizes: the mean over the hypergeometric distribution of every cell.</summary>
    private static double ExpectedInformation(int[] groups, int[] classes, int total)
    {
        var logFactorial = new double[total + 1];
        for (int i = 2; i <= total; i++) logFactorial[i] = logFactorial[i - 1] + Math.Log(i);
        double Cell(int a, int b)
        {
            double sum = 0;
            double fixedPart = logFactorial[a] + logFactorial[b] + logFactorial[total - a] + logFactorial[total - b] - logFactorial[total];
            for (int n = Math.Max(1, a + b - total); n <= Math.Min(a, b); n++)
            {
                double probability = Math.Exp(fixedPart - logFactorial[n] - logFactorial[a - n] - logFactorial[b - n] - logFactorial[total - a - b + n]);
                sum += (double)n / total * Math.Log((double)total * n / ((double)a * b)) * probability;
            }

            return sum;
        }

        // Groups of the same size have the same expectation, and most groups are small.
        return groups.GroupBy(size => size).Sum(same => same.Count() * classes.GroupBy(size => size).Sum(alike => alike.Count() * Cell(same.Key, alike.Key)));
    }
}
