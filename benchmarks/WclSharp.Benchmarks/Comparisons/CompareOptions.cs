using System.Globalization;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>A file name, then pairs of <c>--name value</c>.</summary>
internal sealed class CompareOptions
{
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    private CompareOptions(string reference) => Reference = reference;

    /// <summary>The reference program.</summary>
    public string Reference { get; }

    /// <summary>An option's value; null where it was not given.</summary>
    public string? this[string name] => values.GetValueOrDefault(name);

    /// <summary>Takes arguments apart.</summary>
    /// <exception cref="WclUsageException">The file does not exist, or an option is unknown or lacks its value.</exception>
    public static CompareOptions Parse(string[] arguments, string usage, params string[] known)
    {
        if (arguments.Length == 0 || !File.Exists(arguments[0]) || arguments.Length % 2 == 0) throw new WclUsageException($"Usage: {usage}");
        var options = new CompareOptions(arguments[0]);
        for (int i = 1; i < arguments.Length; i += 2)
        {
            string name = arguments[i].StartsWith("--", StringComparison.Ordinal) ? arguments[i][2..] : "";
            if (!known.Contains(name)) throw new WclUsageException($"'{arguments[i]}' is no option. Usage: {usage}");
            options.values[name] = arguments[i + 1];
        }
        return options;
    }

    /// <summary>A whole number of 1 or more.</summary>
    public int Count(string name, int otherwise) => this[name] is not { } text ? otherwise
        : int.TryParse(text, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
        : throw new WclUsageException($"--{name} is '{text}'; it must be a whole number of 1 or more.");
}
