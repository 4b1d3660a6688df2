using SkiaSharp;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using static WclSharp.Tests.Reporting.PicturePixels;

namespace WclSharp.Tests.Reporting;

public sealed class ConfusionPlotTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-confusion-").FullName;

    private string Png => Path.Combine(folder, "picture.png");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Confusion_NamesThatNoFontHas_AreNumbers_AndAreTold()
    {
        const string Unassigned = "\u0378"; // of no script, so no font has it
        var matrix = ConfusionMatrix.Of(["ant", Unassigned + "bee"], [0, 1], [0, 1]);
        string? warning = ConfusionPlot.Write(Png, matrix, "insects");
        Assert.StartsWith($"The picture has 1 of the 2 classes by number (class 2 is \"{Unassigned}bee\")", warning);
        byte[] numbered = File.ReadAllBytes(Png);
        Assert.Null(ConfusionPlot.Write(Png, ConfusionMatrix.Of(["ant", "class 2"], [0, 1], [0, 1]), "insects"));
        Assert.Equal(numbered, File.ReadAllBytes(Png));
        Assert.Equal("class 2", PictureNames.Of(matrix.ClassNames, 1));
        Assert.Equal("ant", PictureNames.Of(matrix.ClassNames, 0));
    }

    [Theory]
    [InlineData("shirt", true)]
    [InlineData("Käfer, жук", true)]
    [InlineData("猫", false)]
    [InlineData("🐈‍⬛", false)]
    public void Font_OfAName_HasItsLetters(string name, bool ours)
    {
        var typeface = PlotFont.For(name);
        if (ours) Assert.Equal(PlotFont.Typeface, typeface);
        else Assert.True(typeface is null || SystemFonts.Has(typeface, name)); // as the machine has it
    }

    [Fact]
    public void Confusion_ClassesThatAreTakenForOneAnother_AreDarkOffTheDiagonal()
    {
        // Every image of the first class is right, every one of the second is taken for the third.
        var matrix = ConfusionMatrix.Of(["ant", "bee", "wasp"], [0, 0, 1, 1, 1, 2], [0, 0, 2, 2, 2, 2]);
        Assert.Equal([[2, 0, 0], [0, 0, 3], [0, 0, 1]], matrix.Counts);
        ConfusionPlot.Write(Png, matrix, "insects");
        using var picture = SKBitmap.Decode(Png);

        // The darkest blue fills three of nine cells, which lie below and to the right of titles and names.
        int pixels = 0;
        for (int y = 0; y < picture.Height; y++)
            for (int x = 0; x < picture.Width; x++)
                pixels += picture.GetPixel(x, y) is { Red: < 40, Green: < 70, Blue: > 60 and < 130 } ? 1 : 0;
        Assert.InRange(pixels / (double)(picture.Width * picture.Height), 0.08, 0.34);
    }

    [Fact]
    public void Confusion_FirstClass_IsAbove_WithItsNameAndItsNumber()
    {
        // All of the first class are right, the others' are spread evenly.
        ConfusionPlot.Write(Png, ConfusionMatrix.Of(["a long name of a class", "i", "j"], [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 0, 0, 1, 2, 0, 1, 2]), "insects");
        using var picture = SKBitmap.Decode(Png);
        var pixels = picture.Pixels;
        int[] blue = [.. Enumerable.Range(0, pixels.Length).Where(i => pixels[i] == new SKColor(0x00, 0x26, 0x55))]; // the cell of 100 %
        var cell = new SKRectI(blue.Min(i => i % picture.Width), blue.Min(i => i / picture.Width), blue.Max(i => i % picture.Width) + 1, blue.Max(i => i / picture.Width) + 1);
        Assert.InRange(blue.Length, 0.9 * cell.Width * cell.Height, cell.Width * cell.Height);
        Assert.InRange(cell.Bottom, 0, picture.Height / 2);
        Assert.True(Count(picture, cell, pixel => pixel.Red > 200) > 20); // 100, in white
        int[] names = [.. ((int[])[0, 2]).Select(row => CountDark(picture, new SKRectI(40, cell.Top + row * cell.Height, cell.Left, cell.Bottom + row * cell.Height)))]; // beside the axis's own
        Assert.True(names[0] > 2 * names[1] && names[1] > 0, string.Join(' ', names));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(60, true)]
    [InlineData(200, false)] // no room for text
    public void Confusion_ClassWithoutImages_IsGrey_AndSaysSoWhereThereIsRoom(int classes, bool said)
    {
        // Of the two in the middle, one has no images and one none that is right.
        int none = classes / 2, wrong = none + 1;
        int[] truth = [.. Enumerable.Range(0, classes).Where(c => c != none)];
        ConfusionPlot.Write(Png, ConfusionMatrix.Of([.. Enumerable.Range(0, classes).Select(c => $"class {c}")], truth, [.. truth.Select(c => c == wrong ? 0 : c)]), "insects");
        using var picture = SKBitmap.Decode(Png);
        var pixels = picture.Pixels;
        int[] grey = [.. Enumerable.Range(0, picture.Height).Where(y => pixels.AsSpan(y * picture.Width, picture.Width).Count(new SKColor(0xC8, 0xC8, 0xC8)) > picture.Width / 2)];
        Assert.InRange(grey.Length * classes, picture.Height / 2, picture.Height); // one row of them
        Assert.Equal(said, CountDark(picture, new SKRectI(picture.Width / 2, grey[0], picture.Width * 3 / 4, grey[^1] + 1)) > 20);
    }
}
