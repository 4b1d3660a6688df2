using System.CommandLine;

namespace WclSharp.Cli.Commands;

/// <summary>Options that name a file to write. What cannot become one is said before the work, which can take hours, and not after it.</summary>
internal static class OutputFile
{
    public static Option<string> Option(string name, string description, bool required = false)
    {
        var option = new Option<string>(name) { HelpName = "FILE", Description = description, Required = required };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ProblemOf(result.Tokens[0].Value) is { } problem) result.AddError($"{name} \"{result.Tokens[0].Value}\" {problem}");
        });
        return option;
    }

    private static string? ProblemOf(string path)
    {
        if (string.IsNullOrWhiteSpace(path)) return "is empty; name a file.";
        if (Directory.Exists(path)) return "is a folder; name a file.";
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Directory.Exists(folder) ? null : $"is in no folder that is there; make {folder} first, or name another file.";
    }
}
