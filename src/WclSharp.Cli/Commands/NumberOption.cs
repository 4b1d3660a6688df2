using System.CommandLine;
using System.CommandLine.Parsing;
using System.Numerics;
using WclSharp.Configuration;

namespace WclSharp.Cli.Commands;

/// <summary>
/// Options whose value is a number, as <c>wcl pretrain</c> reads it: a decimal point, and no signs between thousands, so that 0,01 is an error and not 1. What is wrong is said as there.
/// </summary>
internal static class NumberOption
{
    /// <summary>An option of one number; null where it is not given.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="range">The numbers that what it is for takes, and checks.</param>
    /// <param name="defaultText">What it is where it is not given, for help.</param>
    public static Option<double?> Real(string name, string description, NumberRange range, string defaultText) => Of<double>(name, Describe(description, range, defaultText), OptionValue.Real);

    /// <summary>An option of one whole number; null where it is not given.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="range">The numbers that what it is for takes, and checks.</param>
    /// <param name="defaultText">What it is where it is not given, for help.</param>
    public static Option<int?> Integer(string name, string description, NumberRange range, string defaultText) => Of<int>(name, Describe(description, range, defaultText), OptionValue.Integer);

    /// <summary>An option of one whole number that is checked here, by the name that the command line gives it; null where it is not given.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="range">The numbers that it takes.</param>
    /// <param name="defaultText">What it is where it is not given, for help.</param>
    public static Option<int?> Checked(string name, string description, NumberRange range, string defaultText) => Of<int>(name, Describe(description, range, defaultText), OptionValue.Integer, range);

    /// <summary>The same of an option that has a value where it is not given.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="range">The numbers that it takes.</param>
    /// <param name="standard">What it is where it is not given.</param>
    public static Option<int?> Checked(string name, string description, NumberRange range, int standard)
    {
        var option = Of<int>(name, Describe(description, range), OptionValue.Integer, range);
        option.DefaultValueFactory = _ => standard;
        return option;
    }

    /// <summary>An option's line of help.</summary>
    /// <param name="description">What it is.</param>
    /// <param name="range">The numbers that it takes; null says nothing of them.</param>
    /// <param name="defaultText">What it is where it is not given.</param>
    public static string Describe(string description, NumberRange? range, string defaultText) => $"{Describe(description, range)} [default: {defaultText}]";

    private static string Describe(string description, NumberRange? range) => range is null ? description : $"{description} ({range.Text})";

    private static Option<T?> Of<T>(string name, string description, OptionValue<T> value, NumberRange? check = null)
        where T : struct, INumber<T> => new(name)
        {
            HelpName = value.Placeholder,
            Description = description,
            CustomParser = result =>
            {
                string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                string written = (result.Parent as OptionResult)?.IdentifierToken?.Value ?? name; // may be an alias
                string? problem = value.TryParse(text, out var number) ? check?.Refusal(double.CreateChecked(number), written) : $"{written} is \"{text}\"; expected {value.ExpectedOf(text)}.";
                if (problem is null) return number;
                result.AddError(problem);
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
        OptionValue.Integer.TryParse(text, out int value) ? value : throw new WclUsageException($"{option} is \"{text}\"; expected {OptionValue.Integer.ExpectedOf(text)}.");
}
