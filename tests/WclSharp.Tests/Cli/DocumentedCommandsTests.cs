using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using WclSharp.Cli;

namespace WclSharp.Tests.Cli;

/// <summary>Every command line of <c>wcl</c> that the documents show is one that the parser takes.</summary>
public sealed partial class DocumentedCommandsTests
{
    private const int FewestCommands = 100; // there were some 130: where most are not found any more, the search is at fault

    [Fact]
    public void EveryCommandLine_IsTakenByTheParser()
    {
        string root = Root();
        string[] documents = [.. Directory.GetFiles(root, "*.md"), .. Directory.GetFiles(Path.Combine(root, "docs"), "*.md"), .. Directory.GetFiles(Path.Combine(root, "src"), "PACKAGE.md", SearchOption.AllDirectories)];
        var lines = documents.SelectMany(document => CommandLines(File.ReadAllText(document)).Select(shown => (Document: Path.GetFileName(document), shown.Line, shown.IsWhole))).Distinct().ToArray();
        string[] problems = [.. lines.Select(shown => (shown, Problem: CommandLine.Problem(Arguments(shown.Line)))).Where(each => each.Problem is not null && (each.shown.IsWhole || !each.Problem.Contains("equired", StringComparison.Ordinal))).Select(each => $"{each.shown.Document}: {each.shown.Line}: {each.Problem}")];

        Assert.True(problems.Length == 0, string.Join('\n', problems));
        Assert.True(lines.Length >= FewestCommands, $"Only {lines.Length} command lines were found.");
        TestContext.Current.SendDiagnosticMessage($"{lines.Length} command lines.");
    }

    [Fact]
    public void CommandLines_AreThoseOfBlocksAndOfSpans()
    {
        const string document = "Run `wcl evaluate RUN --linear`, or `--linear`.\n\n```\nOMP_NUM_THREADS=1 wcl pretrain --data \"a b\" \\\n    --epochs 3   # three\ncd x && wcl doctor > out.txt\nwcl\n```\n";
        string[] lines = [.. CommandLines(document).Select(shown => shown.Line)];
        Assert.Equal(["pretrain --data \"a b\" --epochs 3", "doctor", "evaluate RUN --linear"], lines);
        Assert.Equal(["pretrain", "--data", "a b", "--epochs", "3"], Arguments(lines[0]));
        Assert.Contains("--epoch", CommandLine.Problem(["pretrain", "--epoch", "3"]), StringComparison.Ordinal);
    }

    /// <summary>What follows <c>wcl</c> in code blocks, whose lines may go on after a backslash, and in spans of code that have an option; these may leave out what a command requires.</summary>
    private static IEnumerable<(string Line, bool IsWhole)> CommandLines(string document)
    {
        foreach (Match block in Block().Matches(document))
            foreach (string line in block.Groups["code"].Value.Replace("\\\n", " ").Split('\n'))
                foreach (Match command in Command().Matches(Comment().Replace(line, "")))
                    yield return (Blanks().Replace(command.Groups["rest"].Value, " ").Trim(), true);
        foreach (Match span in Span().Matches(Block().Replace(document, "")))
            yield return (span.Groups["rest"].Value, false);
    }

    /// <summary>Its words without quotation marks; a letter that stands for a number is one, and what is left out is left out.</summary>
    private static string[] Arguments(string line) =>
        [.. Word().Matches(line).Select(word => word.Value.Replace("\"", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal)).Where(word => word != "...").Select(word => word is "N" or "S" or "X" ? "2" : word)];

    [GeneratedRegex("^```[a-z]*\n(?<code>.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"(^|[;&|(] *|^(\$ )?([A-Z_]+=\S+ +)+)wcl +(?<rest>[a-z-][^;&|>)]*)")]
    private static partial Regex Command();

    [GeneratedRegex(@"\s#\s.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"`wcl (?<rest>[a-z][^`]* --?[a-z][^`]*)`")]
    private static partial Regex Span();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex("""([^\s"']+|"[^"]*"|'[^']*')+""")]
    private static partial Regex Word();

    private static string Root([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", ".."));
}
