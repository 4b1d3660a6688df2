using SkiaSharp;
using WclSharp.Reporting;
using static WclSharp.Tests.Reporting.PicturePixels;

namespace WclSharp.Tests.Reporting;

/// <summary>Sheets of images with captions.</summary>
public sealed class SheetTests : IDisposable
{
    private const string Title = "Images", Detail = "asked";

    private readonly string folder = Directory.CreateTempSubdirectory("wcl-sheets-").FullName;

    private string Png => Path.Combine(folder, "picture.png");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Paths_AreShownAsFarAsTheyTellApart()
    {
        string[] paths = ["cats/1.png", "dogs/1.png", "dogs/2.png", "a/owls/1.png", "b/owls/1.png", "1.png", "dogs/2.png", "x/1.png/3.png"];
        Assert.Equal(["cats/1.png", "dogs/1.png", "2.png", "a/owls/1.png", "b/owls/1.png", "1.png", "2.png", "3.png"], DistinctPaths.Of(paths));
        // On Linux '\' is a character like others, and divides nothing.
        string[] backslashed = OperatingSystem.IsWindows() ? ["a/1.png", "b/1.png"] : [@"a\1.png", @"b\1.png"];
        Assert.Equal(backslashed, DistinctPaths.Of([@"a\1.png", @"b\1.png"]));
        Assert.Equal(["1.png"], DistinctPaths.Of(["a/1.png"]));
        Assert.Equal([OperatingSystem.IsWindows() ? "1.png" : @"a\1.png"], DistinctPaths.Of([@"x/a\1.png"]));
        Assert.Equal(("1.png", "in a/owls"), DistinctPaths.Lines("a/owls/1.png"));
        Assert.Equal(("1.png", null), DistinctPaths.Lines("1.png"));
    }

    [Fact]
    public void Sheets_WithFolders_HaveALineMore()
    {
        var image = Grey(2, 2, [0, 255, 255, 0], "1.png");
        int[] heights = [.. new[] { image, image with { SecondLine = "in cats" } }.SelectMany(each =>
        {
            ContactSheet.Write(Png, [(each, "2 alike")], Title);
            using var contacts = SKBitmap.Decode(Png);
            NeighborSheet.Write(Png, [new SheetRow(each, [new(image, 0.5, null)])], Title, Detail);
            using var neighbors = SKBitmap.Decode(Png);
            return new[] { contacts.Height, neighbors.Height };
        })];
        Assert.Equal([heights[0] + 14, heights[1] + 14], heights[2..]);
    }

    [Fact]
    public void Contacts_FillRowAfterRow()
    {
        byte[] greys = [.. Enumerable.Range(0, 10).Select(i => (byte)(20 * i))];
        ContactSheet.Write(Png, [.. greys.Select(grey => (Grey(1, 1, [grey], null), "alike"))], Title);
        using var picture = SKBitmap.Decode(Png);
        Assert.Equal(greys, greys.Select((_, i) => picture.GetPixel(24 + 48 + i % 8 * (96 + 14), 64 + 48 + i / 8 * (96 + 44)).Red)); // the middles of cells, eight in a row
    }

    [Fact]
    public void Sheet_Pixels_AreSharpAndFramesTellClasses()
    {
        var checker = Grey(2, 2, [0, 255, 255, 0], "shirt");
        var red = new SheetImage([200, 10, 20], 3, 1, 1, "red");
        NeighborSheet.Write(Png, [new SheetRow(checker, [new(red, 0.9, true), new(red, 0.8, false)])], Title, Detail);
        using var picture = SKBitmap.Decode(Png);

        // Four squares of 48 x 48 pixels, with no grey between them.
        Assert.Equal(SKColors.Black, picture.GetPixel(24 + 46, 84 + 46));
        Assert.Equal(SKColors.White, picture.GetPixel(24 + 49, 84 + 46));
        Assert.Equal(SKColors.White, picture.GetPixel(24 + 46, 84 + 49));
        Assert.Equal(SKColors.Black, picture.GetPixel(24 + 49, 84 + 49));
        var all = picture.Info.Rect;
        Assert.True(Count(picture, all, new SKColor(200, 10, 20)) >= 2 * 96 * 96);
        var (solid, dashed) = (new SKColor(0x00, 0x72, 0xB2), new SKColor(0xC0, 0x50, 0x00));
        Assert.InRange(Count(picture, all, solid), 4 * 4 * 96, 2000);
        Assert.InRange(Count(picture, all, dashed), 2 * 4 * 96, 3 * 4 * 96); // a third of it are gaps: colour is not all that tells them apart
    }

    [Fact]
    public void Sheet_WithoutLabels_HasNoClassColours()
    {
        var image = Grey(4, 4, new byte[16], null);
        NeighborSheet.Write(Png, [new SheetRow(image, [new(image, 0.5, null)])], Title, Detail);
        using var picture = SKBitmap.Decode(Png);

        Assert.Equal(0, Count(picture, picture.Info.Rect, new SKColor(0x00, 0x72, 0xB2)));
        Assert.Equal(0, Count(picture, picture.Info.Rect, new SKColor(0xC0, 0x50, 0x00)));
    }

    [Fact]
    public void Sheet_BytesThatDoNotFitTheShape_AreRefused()
    {
        var wrong = Grey(4, 4, new byte[15], null);

        Assert.Contains("[1, 4, 4] with 15 bytes", Assert.Throws<ArgumentException>(() => NeighborSheet.Write(Png, [new SheetRow(wrong, [])], Title, Detail)).Message);
    }

    private static SheetImage Grey(int height, int width, byte[] pixels, string? caption) => new(pixels, 1, height, width, caption);

    [Fact]
    public void Captions_OfACamerasNames_StillTellThemApart()
    {
        using var font = SheetCell.Font(SheetCell.TextSize);
        string first = SheetCell.Shortened("11. IMG_20240312_0014.jpg", font), second = SheetCell.Shortened("12. IMG_20240312_0015.jpg", font);
        Assert.StartsWith("11. ", first, StringComparison.Ordinal);
        Assert.EndsWith("14.jpg", first, StringComparison.Ordinal);
        Assert.EndsWith("15.jpg", second, StringComparison.Ordinal);
        Assert.InRange(font.MeasureText(first), 1, SheetCell.Cell + SheetCell.Gap);
        Assert.Equal("cat.jpg", SheetCell.Shortened("cat.jpg", font));
    }
}
