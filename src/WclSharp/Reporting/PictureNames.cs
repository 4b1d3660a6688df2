using System.Globalization;
using SkiaSharp;

namespace WclSharp.Reporting;

/// <summary>Names of classes in pictures: as they are where a font has their letters, by number where none has, and not as empty boxes.</summary>
internal static class PictureNames
{
    /// <summary>A class's name, where one picture may use several fonts.</summary>
    public static string Of(IReadOnlyList<string> names, int label) => PlotFont.For(names[label]) is null ? Number(label) : names[label];

    /// <summary>All classes' names in a single font: that which has most of them.</summary>
    public static (IReadOnlyList<string> Names, SKTypeface Typeface) InOneFont(IReadOnlyList<string> names)
    {
        SKTypeface[] typefaces = [PlotFont.Typeface, .. names.Select(PlotFont.For).OfType<SKTypeface>()];
        var typeface = typefaces.Distinct().MaxBy(each => names.Count(name => SystemFonts.Has(each, name)))!;
        return ([.. names.Select((name, label) => SystemFonts.Has(typeface, name) ? name : Number(label))], typeface);
    }

    /// <summary>What to tell a person of names that are not shown as they are; null where all are.</summary>
    public static string? Warning(IReadOnlyList<string> names, IEnumerable<string> shown)
    {
        var (numbered, first) = (0, "");
        foreach (var (name, other) in names.Zip(shown).Where(pair => pair.First != pair.Second))
            if (numbered++ == 0) first = $"{other} is \"{PlainText.Line(name)}\"";
        return numbered == 0 ? null
            : string.Create(CultureInfo.InvariantCulture, $"The picture has {numbered:N0} of the {names.Count:N0} classes by number ({first}): no one font on this machine has the letters of all names. Install one that has, as of the Noto family.");
    }

    /// <summary>Counted from 1 in the order of the names.</summary>
    private static string Number(int label) => string.Create(CultureInfo.InvariantCulture, $"class {label + 1}");
}
