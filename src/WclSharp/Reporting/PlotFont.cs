using System.Collections.Concurrent;
using ScottPlot;
using SkiaSharp;

namespace WclSharp.Reporting;

/// <summary>
/// The font of our pictures, embedded: the drawing library is built without fontconfig so that nothing needs to be
/// installed, and then it finds no font of the system's.
/// </summary>
internal sealed class PlotFont : IFontResolver
{
    public const string Name = "DejaVu Sans";

    private static readonly Lazy<SKTypeface> Loaded = new(() =>
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        using var data = SKData.Create(stream);
        var typeface = SKTypeface.FromData(data);
        Fonts.FontResolvers.Add(new PlotFont());
        Fonts.Default = Name;
        return typeface;
    });

    private static readonly ConcurrentDictionary<string, SKTypeface> Others = new(StringComparer.Ordinal);

    private PlotFont() { }

    /// <summary>The typeface. First use makes it ScottPlot's default as well.</summary>
    public static SKTypeface Typeface => Loaded.Value;

    /// <summary>The typeface of a text: ours, or one of the machine's that has its letters; null where there is none.</summary>
    public static SKTypeface? For(string text) => SystemFonts.Has(Typeface, text) ? Typeface : SystemFonts.For(text);

    /// <summary>By which ScottPlot finds a typeface.</summary>
    public static string NameOf(SKTypeface typeface)
    {
        if (typeface == Typeface) return Name;
        string name = $"machine's {typeface.FamilyName}";
        Others.TryAdd(name, typeface);
        return name;
    }

    private static SKTypeface? Find(string fontName) => fontName == Name ? Typeface : Others.GetValueOrDefault(fontName);

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => Find(fontName);

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => Find(fontName);
}
