using System.CommandLine;

namespace WclSharp.Cli.Commands;

/// <summary>Options that name a file to write. What cannot become one is said before the work, which can take hours, and not after it.</summary>
internal static class OutputFile
{
    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="required">Whether it has to be given.</param>
    /// <param name="makesFolder">Whether its folder is made where there is none.</param>
    public static Option<string> Option(string name, string description, bool required = false, bool makesFolder = false)
    {
        var option = new Option<string>(name) { HelpName = "FILE", Description = description, Required = required };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ProblemOf(result.Tokens[0].Value, makesFolder) is { } problem) result.AddError($"{name} \"{result.Tokens[0].Value}\" {problem}");
        });
        return option;
    }

    private static string? ProblemOf(string path, bool makesFolder)
    {
        if (string.IsNullOrWhiteSpace(path)) return "is empty; name a file.";
        if (Directory.Exists(path)) return "is a folder; name a file.";
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (makesFolder)
        {
            string? above = folder;
            while (above is not null && !Directory.Exists(above) && !File.Exists(above)) above = Path.GetDirectoryName(above);
            return File.Exists(above) ? $"cannot be: {above} is a file." : null;
        }
        return Directory.Exists(folder) ? null : $"is in no folder that is there; make {folder} first, or name another file.";
    }
}
