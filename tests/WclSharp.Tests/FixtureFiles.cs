using WclSharp.Checkpoints;

namespace WclSharp.Tests;

/// <summary>Numbers from the authors' published code. WCLSHARP_FIXTURES names another folder of the same form.</summary>
internal static class FixtureFiles
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("WCLSHARP_FIXTURES") is { Length: > 0 } folder
        ? folder
        : Path.Combine(AppContext.BaseDirectory, "fixtures");

    /// <summary>Files whose name matches; a test that finds none fails, since xunit refuses a theory without data.</summary>
    public static TheoryData<string> Matching(string pattern, string? not = null)
    {
        var names = Directory.GetFiles(Folder, pattern).Select(f => Path.GetFileName(f)!)
            .Where(n => not is null || !n.StartsWith(not, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        return [.. names];
    }

    /// <summary>Path of a file that tests/fixtures/pytorch/make.py wrote, which no other folder takes the place of.</summary>
    public static string PyTorch(string name) => Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch", name);

    /// <summary>Letters apart from their marks and together with them, which tests/fixtures/unicode/make.py wrote.</summary>
    public static string ComposedLetters => Path.Combine(AppContext.BaseDirectory, "fixtures", "unicode", "composed.tsv");

    public static SafetensorsContent Load(string name) => SafetensorsFile.Read(Path.Combine(Folder, name));
}
