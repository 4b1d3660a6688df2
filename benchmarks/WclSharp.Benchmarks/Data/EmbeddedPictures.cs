using System.Buffers;
using System.Runtime.InteropServices;
using SkiaSharp;
using WclSharp.Data;

namespace WclSharp.Benchmarks.Data;

/// <summary>The first of the embedded images as PNG files in a folder per class: labelled photographs for what reads files only.</summary>
internal static class EmbeddedPictures
{
    /// <param name="arguments">Folder, and number of images.</param>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, "pictures FOLDER N", least: 2, most: 2);
        Write(given[0], given.Count(1, "N")!.Value);
    }

    private static void Write(string folder, int images)
    {
        using var source = ImageSources.Open(null);
        foreach (var image in source.Images(i => i < images).Take(images))
        {
            using var picture = new SKBitmap(image.Width, image.Height, SKColorType.Gray8, SKAlphaType.Opaque);
            for (int y = 0; y < image.Height; y++) Marshal.Copy(image.Bytes!, y * image.Width, picture.GetPixels() + y * picture.RowBytes, image.Width);
            ArrayPool<byte>.Shared.Return(image.Bytes!);
            string path = Path.Combine(folder, image.Class!.Replace('/', '-'), $"{image.Name}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var file = File.Create(path);
            picture.Encode(file, SKEncodedImageFormat.Png, 100);
        }
    }
}
