using WclSharp.Randomness;

namespace WclSharp.Evaluation;

/// <summary>How many labels to train with.</summary>
/// <param name="Fraction">Share of the labels; null where a number per class was asked for.</param>
/// <param name="PerClass">Labels of each class; null where a share was asked for.</param>
internal sealed record LabelBudget(double? Fraction, int? PerClass)
{
    /// <summary>For people and as a key.</summary>
    public string Name => Fraction is { } share
        ? FormattableString.Invariant($"{100 * (decimal)share:0.############} % of the labels")
        : FormattableString.Invariant($"{PerClass} per class");
}

/// <summary>
/// Which labels a classifier is given: as many of each class as of any other, as far as they reach, at least one. A function of seed, draw and the images' classes
/// alone. More labels of the same seed and draw contain the fewer.
/// </summary>
internal static class LabelDraw
{
    /// <summary>Labels of a class from which on some are held out to choose by: of fewer, a fifth tells nothing.</summary>
    public const int LeastToHoldOutFrom = 25;

    /// <summary>Of a class's labels, one in so many is held out.</summary>
    public const int HeldOutOneIn = 5;

    /// <summary>That share in words.</summary>
    public const string HeldOutShare = "a fifth";

    /// <summary>Why <see cref="HoldOut"/> holds none out, for people.</summary>
    public static string TooFew => FormattableString.Invariant($"fewer than two classes have {LeastToHoldOutFrom} labels, or those that do have less than half of all");

    /// <summary>Draws.</summary>
    /// <param name="classes">Class of each image, -1 where it has none.</param>
    /// <param name="classCount">Number of classes.</param>
    /// <param name="budget">How many.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="draw">Which draw, from 0.</param>
    /// <returns>Positions of the images, class after class; within a class in the order drawn.</returns>
    public static int[] Of(ReadOnlySpan<int> classes, int classCount, LabelBudget budget, long seed, int draw)
    {
        var members = new List<int>[classCount];
        for (int c = 0; c < classCount; c++) members[c] = [];
        for (int i = 0; i < classes.Length; i++)
            if (classes[i] >= 0) members[classes[i]].Add(i);

        var random = new CounterRandom(seed, RandomPurpose.LabelDraw);
        int[] quota = Quota([.. members.Select(list => list.Count)], budget, random.Permutation(classCount, draw));
        List<int> drawn = [];
        for (int c = 0; c < classCount; c++)
        {
            // A stream for each draw and class, so that the draws of a class do not hang on how many others there are.
            var order = new CounterRandom(SeedOf(seed, draw), RandomPurpose.LabelDraw).Permutation(members[c].Count, 1 + c);
            for (int i = 0; i < quota[c]; i++) drawn.Add(members[c][order[i]]);
        }

        return [.. drawn];
    }

    /// <summary>Seed of all that is random in a draw, the seed itself in the first: so far from another's that a study with the next seed shares none of its draws.</summary>
    public static long SeedOf(long seed, int draw) => unchecked(seed + (long)draw * int.MaxValue);

    /// <summary>Takes one in <see cref="HeldOutOneIn"/> labels of each class that has <see cref="LeastToHoldOutFrom"/> away, to choose by. Rarer classes are trained on alone.</summary>
    /// <param name="drawn">What <see cref="Of"/> drew.</param>
    /// <param name="classes">Class of each image.</param>
    /// <returns>Labels to train on, and labels to choose by; none of these where fewer than two classes have enough, or those that do have less than half of all labels.</returns>
    public static (int[] Train, int[] Validation) HoldOut(int[] drawn, ReadOnlySpan<int> classes)
    {
        var sizes = new Dictionary<int, int>();
        foreach (int i in drawn) sizes[classes[i]] = sizes.GetValueOrDefault(classes[i]) + 1;
        int[] enough = [.. sizes.Values.Where(size => size >= LeastToHoldOutFrom)];
        if (enough.Length < 2 || 2 * enough.Sum() < drawn.Length) return (drawn, []);
        List<int> train = [], validation = [];
        var seen = new Dictionary<int, int>();
        foreach (int i in drawn)
        {
            int c = classes[i], place = seen[c] = seen.GetValueOrDefault(c) + 1;
            (sizes[c] >= LeastToHoldOutFrom && place > sizes[c] - sizes[c] / HeldOutOneIn ? validation : train).Add(i);
        }

        return ([.. train], [.. validation]);
    }

    private static int[] Quota(int[] sizes, LabelBudget budget, int[] order)
    {
        if (budget.PerClass is { } each) return Array.ConvertAll(sizes, size => Math.Min(size, each));
        int labelled = sizes.Sum();
        int total = Math.Clamp((int)Math.Round(budget.Fraction!.Value * labelled), Math.Min(labelled, sizes.Count(size => size > 0)), labelled);
        var quota = new int[sizes.Length];
        while (total > 0)
        {
            foreach (int c in order)
            {
                if (total == 0) break;
                if (quota[c] == sizes[c]) continue;
                quota[c]++;
                total--;
            }
        }

        return quota;
    }
}
