using System.Formats.Tar;
using SkiaSharp;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>Images that reading is compared on; what has to be made lies in a folder that goes with this.</summary>
internal sealed class ComparedData : IDisposable
{
    // As many photographs, tiles a side, as give 2000 x 1500 pixels with the detail of the originals.
    private const int LargeImages = 48, Tiles = 4, TileWidth = 500, TileHeight = 375, Quality = 90;
    private readonly Lazy<string> made = new(() => Directory.CreateTempSubdirectory("wcl-compare-").FullName);
    private string? large, unpacked;

    /// <summary>Folder with cifar10-train.tar and imagenet-sample-160.tar; null where none was given.</summary>
    public string? Folder { get; set; }

    /// <summary>A tar file of photographs.</summary>
    public string Photographs => Find("imagenet-sample-160.tar");

    /// <summary>A tar file of small JPEGs.</summary>
    public string SmallImages => Find("cifar10-train.tar");

    /// <summary>The small JPEGs as files.</summary>
    public string SmallImageFolder
    {
        get
        {
            if (unpacked is not null) return unpacked;
            string folder = Path.Combine(made.Value, "small");
            Directory.CreateDirectory(folder);
            TarFile.ExtractToDirectory(SmallImages, folder, overwriteFiles: false);
            return unpacked = folder;
        }
    }

    /// <summary>A tar file of large JPEGs: each shows sixteen of the photographs side by side.</summary>
    public string LargePhotographs => large ??= MakeLarge(Photographs, Path.Combine(made.Value, "large.tar"));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (made.IsValueCreated) Directory.Delete(made.Value, recursive: true);
    }

    private string Find(string name)
    {
        if (Folder is null) throw new WclUsageException($"Reading is compared on {name}; name its folder with --data or the variable WCLSHARP_DATA.");
        string path = Path.Combine(Folder, name);
        return File.Exists(path) ? path : throw new WclUsageException($"There is no '{path}'.");
    }

    private static string MakeLarge(string photographs, string target)
    {
        var tiles = new List<SKImage>();
        using (var reader = new TarReader(File.OpenRead(photographs)))
            while (reader.GetNextEntry() is { } entry)
                if (entry.DataStream is not null) tiles.Add(SKImage.FromEncodedData(entry.DataStream));

        using var writer = new TarWriter(File.Create(target));
        using var surface = SKSurface.Create(new SKImageInfo(Tiles * TileWidth, Tiles * TileHeight, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int number = 0; number < LargeImages; number++)
        {
            for (int tile = 0; tile < Tiles * Tiles; tile++)
            {
                var place = SKRect.Create(tile % Tiles * TileWidth, tile / Tiles * TileHeight, TileWidth, TileHeight);
                surface.Canvas.DrawImage(tiles[(number * 3 + tile) % tiles.Count], place, new SKSamplingOptions(SKCubicResampler.Mitchell));
            }
            using var picture = surface.Snapshot();
            using var jpeg = picture.Encode(SKEncodedImageFormat.Jpeg, Quality);
            using var content = jpeg.AsStream();
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"{number:000}.jpg") { DataStream = content });
        }
        foreach (var tile in tiles) tile.Dispose();
        return target;
    }
}
