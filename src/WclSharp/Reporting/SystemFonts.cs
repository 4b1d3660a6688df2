using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using SkiaSharp;

namespace WclSharp.Reporting;

/// <summary>
/// Fonts of the machine, for letters that ours has not, as Chinese ones and emoji. Where the drawing library finds none by itself, as on Linux, the files in the usual
/// folders are looked through.
/// </summary>
internal static class SystemFonts
{
    private static readonly ConcurrentDictionary<string, SKTypeface?> Found = new(StringComparer.Ordinal);
    private static readonly Lazy<SKTypeface[]> Installed = new(() => [.. Files().Select(TryOpen).OfType<SKTypeface>()]);

    /// <summary>Whether a typeface has every letter of a text.</summary>
    public static bool Has(SKTypeface typeface, string text)
    {
        using var font = new SKFont(typeface);
        return text.EnumerateRunes().All(rune => IsInvisible(rune) || font.ContainsGlyph(rune.Value));
    }

    /// <summary>The first typeface that has every letter of a text; null where none has.</summary>
    public static SKTypeface? For(string text) => Found.GetOrAdd(text, _ =>
    {
        foreach (var rune in text.EnumerateRunes().Where(rune => !Has(PlotFont.Typeface, rune.ToString())))
            if (SKFontManager.Default.MatchCharacter(rune.Value) is { } match && Has(match, text)) return match;
        return Installed.Value.FirstOrDefault(typeface => Has(typeface, text));
    });

    /// <summary>What only changes its neighbours, as the sign that joins emoji, need not be in a font.</summary>
    private static bool IsInvisible(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.Control || rune.Value is >= 0xFE00 and <= 0xFE0F;

    private static IEnumerable<string> Files()
    {
        if (!OperatingSystem.IsLinux()) return [];
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        return new[] { "/usr/share/fonts", "/usr/local/share/fonts", Path.Combine(home, ".local/share/fonts"), Path.Combine(home, ".fonts") }
            .Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*", options))
            .Where(file => Path.GetExtension(file).ToLowerInvariant() is ".ttf" or ".otf" or ".ttc").Order(StringComparer.Ordinal);
    }

    private static SKTypeface? TryOpen(string file)
    {
        try
        {
            return SKTypeface.FromFile(file);
        }
        catch (ArgumentException)
        {
            return null; // a damaged font
        }
    }
}
