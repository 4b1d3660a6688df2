using System.CommandLine;
using WclSharp.Configuration;

namespace WclSharp.Cli.Commands;

/// <summary>Options whose value is a real number, as <c>wcl pretrain</c> reads it: a decimal point, and no signs between thousands, so that 0,01 is an error and not 1.</summary>
internal static class NumberOption
{
    /// <summary>An option of one number; null where it is not given.</summary>
    public static Option<double?> Real(string name, string description) => new(name)
    {
        HelpName = "X",
        Description = description,
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (OptionValue.Real.TryParse(text, out double value)) return value;
            result.AddError($"{name} is \"{text}\"; expected a number.");
            return null;
        },
    };

    /// <summary>A number of a list.</summary>
    /// <exception cref="WclUsageException">It is none.</exception>
    public static double ParseReal(string text, string option) =>
        OptionValue.Real.TryParse(text, out double value) ? value : throw new WclUsageException($"{option} is \"{text}\"; expected a number.");

    /// <summary>A whole number of a list.</summary>
    /// <exception cref="WclUsageException">It is none.</exception>
    public static int ParseInteger(string text, string option) =>
        OptionValue.Integer.TryParse(text, out int value) ? value : throw new WclUsageException($"{option} is \"{text}\"; expected a whole number.");
}
