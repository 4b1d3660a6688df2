using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using WclSharp.Data;
using WclSharp.Files;

namespace WclSharp.Cli.Commands;

/// <summary>Options that name a file to write. What cannot become one is said before the work, which can take hours, and not after it.</summary>
internal static class OutputFile
{
    private const int LongestName = 240; // bytes, of 255: lists and folders beside the file have its name with more behind it

    /// <param name="name">Its name.</param>
    /// <param name="description">For help.</param>
    /// <param name="required">Whether it has to be given.</param>
    /// <param name="makesFolder">Whether its folder is made where there is none.</param>
    /// <param name="ending">What it has to end in, since what is written has one form; null for no matter what.</param>
    /// <param name="isRenamed">Whether it is written piece by piece under another name, so that it can be no device or pipe.</param>
    public static Option<string> Option(string name, string description, bool required = false, bool makesFolder = false, string? ending = null, bool isRenamed = false)
    {
        var option = new Option<string>(name) { HelpName = "FILE", Description = description, Required = required };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count != 1) return;
            string path = result.Tokens[0].Value;
            if ((ProblemOf(path, makesFolder, ending, isRenamed) ?? OtherUseOf(path, result) ?? LossOf(path, ending)) is { } problem) result.AddError($"{name} \"{path}\" {problem}");
        });
        return option;
    }

    /// <summary>What else on the command line names the same file, which would be overwritten: an image to search for, an index, another result.</summary>
    private static string? OtherUseOf(string path, OptionResult own)
    {
        if (own.Parent is not CommandResult command || path.Length == 0) return null;
        foreach (var other in command.Children.Where(other => other != own && !IsChoice(other)))
            foreach (var token in other.Tokens)
                if (token.Value.Length > 0 && SamePath.IsSameFile(path, token.Value)) return $"is also {(other is OptionResult option ? $"what {option.Option.Name} names" : "what the command reads")}; name another file.";
        return null;
    }

    /// <summary>Whether it is an option whose value is one of some words, which is no path.</summary>
    private static bool IsChoice(SymbolResult result) => result is OptionResult { Option.HelpName: "FORMAT" or "PRECISION" or "HEAD" or "ARCH" };

    /// <summary>What would be lost: a file of a run or of other results, or an image where none is written.</summary>
    private static string? LossOf(string path, string? ending) =>
        ResultNames.IsOfResults(path) ? "is a file that a run or other results hang on; name another file."
        : ending != ".png" && File.Exists(path) && ImageFormats.HasImageName(path) ? "is an image that is there; name another file."
        : null;

    /// <summary>Why nothing can be written beside the file, as it is before it gets its name; null where it can. What is no file, as /dev/stdout, is written into.</summary>
    private static string? RefusalOf(string path, string folder) =>
        !AtomicFile.IsWrittenInto(path) && OutputFolder.RefusalOf(folder) is { } refusal ? $"cannot be written: {refusal}. Name a file in another folder." : null;

    private static string? ProblemOf(string path, bool makesFolder, string? ending, bool isRenamed)
    {
        if (string.IsNullOrWhiteSpace(path)) return "is empty; name a file.";
        if (Directory.Exists(path)) return "is a folder; name a file.";
        if (isRenamed && SpecialFile.Is(path)) return "is a device or a pipe; name a file.";
        if (path == "-") return ending is null && !isRenamed ? "would be a file of that name; name another, or /dev/stdout." : "would be a file of that name; name another.";
        if (Encoding.UTF8.GetByteCount(Path.GetFileName(path)) > LongestName) return FormattableString.Invariant($"has a longer name than {LongestName} bytes, and files beside it have longer ones; name another file.");
        if (ending is not null && !path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return $"does not end in {ending}, which is what is written; name a file that does.";
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (makesFolder)
        {
            string? above = folder;
            while (above is not null && !Directory.Exists(above) && !File.Exists(above)) above = Path.GetDirectoryName(above);
            return File.Exists(above) ? $"cannot be: {above} is a file." : above is null ? null : RefusalOf(path, above);
        }
        if (!Directory.Exists(folder)) return $"is in no folder that is there; make {folder} first, or name another file.";
        return RefusalOf(path, Path.GetDirectoryName(Path.GetFullPath(FileLinks.FinalTarget(path)))!);
    }
}
