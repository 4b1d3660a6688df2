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

    private PlotFont() { }

    /// <summary>The typeface. First use makes it ScottPlot's default as well.</summary>
    public static SKTypeface Typeface => Loaded.Value;

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? Typeface : null;

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Name ? Typeface : null;
}
