using WclSharp.Data;

namespace WclSharp.Reporting;

/// <summary>An image on a sheet.</summary>
/// <param name="Pixels">[C, H, W] uint8, planes one after the other, row by row.</param>
/// <param name="Channels">1 (grey) or 3 (RGB).</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Caption">Class or file; null where neither is known.</param>
internal readonly record struct SheetImage(byte[] Pixels, int Channels, int Height, int Width, string? Caption)
{
    /// <summary>A line below the caption; null is none.</summary>
    public string? SecondLine { get; init; }

    /// <summary>An image of a data set.</summary>
    public static SheetImage Of(ImageDataset images, int row, string? caption)
    {
        var (height, width) = images.SizeOf(row);
        return new(images.PixelsOf(row), images.Channels, height, width, caption);
    }
}

/// <summary>A neighbour of a row's first image.</summary>
/// <param name="Image">The neighbour.</param>
/// <param name="Similarity">Cosine similarity of the features, -1 to 1.</param>
/// <param name="Agrees">Whether its class is the first image's; null where one of them is not known.</param>
internal readonly record struct SheetNeighbor(SheetImage Image, double Similarity, bool? Agrees);

/// <summary>A held-out image and its nearest training images, nearest first.</summary>
internal sealed record SheetRow(SheetImage Query, IReadOnlyList<SheetNeighbor> Neighbors);
