using System.Globalization;
using WclSharp.Files;

namespace WclSharp.Benchmarks;

/// <summary>What was typed behind a benchmark's name: words, told apart by their places, pairs of <c>--name value</c>, and names that take no value.</summary>
internal sealed class GivenArguments
{
    /// <summary>Threads that figures in the documentation are of: a plain PyTorch program of the comparison fixes two.</summary>
    public const int UsualThreads = 2;

    private readonly List<string> words = [];
    private readonly Dictionary<string, string> options = new(StringComparer.Ordinal);
    private readonly string usage;

    private GivenArguments(string usage) => this.usage = usage;

    /// <summary>Takes arguments apart.</summary>
    /// <param name="arguments">What was typed.</param>
    /// <param name="usage">How it is called, for errors.</param>
    /// <param name="least">Words that there have to be.</param>
    /// <param name="most">Words that there may be.</param>
    /// <param name="named">Names with a value, without their dashes.</param>
    /// <param name="alone">Names without one.</param>
    /// <exception cref="WclUsageException">There are too few or too many words, or a name is unknown or lacks its value.</exception>
    public static GivenArguments Parse(string[] arguments, string usage, int least, int most, string[]? named = null, string[]? alone = null)
    {
        var given = new GivenArguments(usage);
        for (int i = 0; i < arguments.Length; i++)
        {
            string argument = arguments[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal)) given.words.Add(argument);
            else if (alone?.Contains(argument[2..]) == true) given.options[argument[2..]] = "";
            else if (named?.Contains(argument[2..]) != true) throw given.Wrong($"'{argument}' is no option");
            else if (i + 1 == arguments.Length) throw given.Wrong($"'{argument}' lacks its value");
            else given.options[argument[2..]] = arguments[++i];
        }
        if (given.words.Count < least) throw new WclUsageException($"Usage: {usage}");
        return given.words.Count <= most ? given : throw given.Wrong($"'{given.words[most]}' is one word too many");
    }

    /// <summary>The word at a place, from 0.</summary>
    public string this[int place] => words[place];

    /// <summary>An option's value; null where it was not given.</summary>
    public string? this[string name] => options.GetValueOrDefault(name);

    /// <summary>Whether there is a word at a place.</summary>
    public bool Has(int place) => place < words.Count;

    /// <summary>Whether a name without value was given.</summary>
    public bool Has(string name) => options.ContainsKey(name);

    /// <summary>The word at a place, a whole number of 1 or more; null where there is none.</summary>
    public int? Count(int place, string name) => Has(place) ? Number(name, words[place]) : null;

    /// <summary>An option's value, a whole number of 1 or more; null where it was not given.</summary>
    public int? Count(string name) => this[name] is { } text ? Number($"--{name}", text) : null;

    /// <summary>The word at a place, a file that is there.</summary>
    public string ExistingFile(int place) => Existing(words[place]);

    /// <summary>An option's value, a file that is there; null where it was not given.</summary>
    public string? ExistingFile(string name) => this[name] is { } file ? Existing(file) : null;

    /// <summary>A file that will be written, or null. That it cannot be is found before the work.</summary>
    public static string? NewFile(string? file)
    {
        if (file is null) return null;
        if (file.Length == 0 || Directory.Exists(file)) throw new WclUsageException($"'{file}' is no name of a file to write.");
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        if (!Directory.Exists(folder)) throw new WclUsageException($"'{file}' cannot be written: there is no folder {folder}.");
        return AtomicFile.IsWrittenInto(file) || OutputFolder.RefusalOf(folder) is not { } refusal ? file : throw new WclUsageException($"'{file}' cannot be written: {refusal}.");
    }

    /// <summary>What is wrong, with how to do it right.</summary>
    public WclUsageException Wrong(string what) => new($"{what}. Usage: {usage}");

    private int Number(string name, string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
        : throw Wrong($"{name} is '{text}'; it must be a whole number of 1 or more");

    private string Existing(string file) => File.Exists(file) ? file : throw Wrong($"There is no file '{file}'");
}
