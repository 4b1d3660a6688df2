using System.Globalization;
using WclSharp.Losses;

namespace WclSharp.Configuration;

/// <summary>The numbers that an option takes: what help says of them, the check, and what is said of one that is refused all come from here.</summary>
/// <param name="Least">The least.</param>
/// <param name="Most">The largest; <see cref="float.MaxValue"/> and <see cref="int.MaxValue"/> are not told in help.</param>
internal sealed record NumberRange(double Least, double Most)
{
    /// <summary>Whether <see cref="Least"/> itself is too small.</summary>
    public bool AboveLeast { get; init; }

    /// <summary>Whether <see cref="Most"/> itself is too large.</summary>
    public bool BelowMost { get; init; }

    /// <summary>What a number must be a multiple of; 0 for nothing.</summary>
    public int MultipleOf { get; init; }

    public static NumberRange AtLeastOne { get; } = WholeFrom(1);

    public static NumberRange AtLeastTwo { get; } = WholeFrom(2);

    public static NumberRange WholeNotNegative { get; } = WholeFrom(0);

    public static NumberRange Positive { get; } = new(0, float.MaxValue) { AboveLeast = true };

    public static NumberRange NotNegative { get; } = new(0, float.MaxValue);

    public static NumberRange Share { get; } = new(0, 1);

    public static NumberRange ShareAboveZero { get; } = new(0, 1) { AboveLeast = true };

    /// <summary>Of epochs where there have to be some.</summary>
    public static NumberRange Epochs { get; } = new(1, 1_000_000);

    /// <summary>Of a network's first stage; a larger one has weights of more than 2 GiB.</summary>
    public static NumberRange Width { get; } = new(4, 512) { MultipleOf = 4 };

    /// <summary>Of a loss.</summary>
    public static NumberRange Temperature { get; } = new(LossArguments.LeastTemperature, LossArguments.LargestTemperature);

    /// <summary>What a number must be, as in "it must be 1 or more".</summary>
    public string Text
    {
        get
        {
            string least = Shown(Least), zero = Least == 0 ? "zero" : least;
            if (Most is float.MaxValue or int.MaxValue) return AboveLeast ? $"above {zero}" : $"{zero} or more";
            return MultipleOf > 0 ? $"a multiple of {MultipleOf} from {least} to {Shown(Most)}"
                : AboveLeast ? $"above {least} and at most {Shown(Most)}"
                : $"from {least} to {(BelowMost ? "below " : "")}{Shown(Most)}";
        }
    }

    /// <summary>Null for a number that is within, else what it must be.</summary>
    public string? Problem(double value)
    {
        if ((AboveLeast ? value > Least : value >= Least) && (BelowMost ? value < Most : value <= Most) && (MultipleOf == 0 || value % MultipleOf == 0)) return null;
        return value > Most && Most is float.MaxValue ? "must be within float32's range, 3.4E+38 at most" : $"must be {Text}";
    }

    /// <summary>Refuses a number that is not within.</summary>
    /// <param name="value">The number; null for none.</param>
    /// <param name="option">The option's name.</param>
    /// <param name="advice">What else to say, in brackets.</param>
    /// <exception cref="WclUsageException">It is not.</exception>
    public void Require(double? value, string option, string? advice = null)
    {
        if (value is { } given && Refusal(given, option, advice) is { } refusal) throw new WclUsageException(refusal);
    }

    /// <summary>Null for a number that is within, else what to say of it.</summary>
    /// <param name="value">The number.</param>
    /// <param name="option">The option's name.</param>
    /// <param name="advice">What else to say, in brackets.</param>
    public string? Refusal(double value, string option, string? advice = null) =>
        Problem(value) is { } problem ? FormattableString.Invariant($"{option} is {value}; it {problem}{(advice is null ? "" : $" ({advice})")}.") : null;

    private static NumberRange WholeFrom(int least) => new(least, int.MaxValue);

    // As it can be typed.
    private static string Shown(double bound) => bound.ToString("0.######", CultureInfo.InvariantCulture);
}
