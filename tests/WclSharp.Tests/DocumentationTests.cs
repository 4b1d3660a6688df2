using System.Runtime.CompilerServices;

namespace WclSharp.Tests;

/// <summary>Code in the documentation that is taken from a program that is built and run.</summary>
public sealed class DocumentationTests
{
    [Theory]
    [InlineData("docs/deployment.md", "ApplyOnnxModel", "samples/WclSharp.MLNet/Program.cs")]
    [InlineData("README.md", "WeakLoss.OfGraphs", "samples/WclSharp.Samples/TrainInYourOwnLoop.cs")]
    public void Code_IsThatOfTheProgram_LineByLine_InItsOrder(string document, string needle, string program)
    {
        string[] code = Assert.Single(Blocks(Lines(document)), block => block.Any(line => line.Contains(needle, StringComparison.Ordinal)));
        var rest = new Queue<string>(Lines(program).Select(line => line.Trim()));
        foreach (string line in code.Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            while (rest.TryPeek(out string? next) && next != line) rest.Dequeue();
            Assert.True(rest.TryDequeue(out _), $"{document} has the line \"{line}\", which {program} does not have, or not there.");
        }
    }

    private static IEnumerable<string[]> Blocks(string[] lines)
    {
        for (int start = Array.IndexOf(lines, "```csharp"); start >= 0; start = Array.IndexOf(lines, "```csharp", start + 1))
            yield return lines[(start + 1)..Array.IndexOf(lines, "```", start)];
    }

    private static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Root(), file));

    private static string Root([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", ".."));
}
