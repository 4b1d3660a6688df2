namespace WclSharp.Tests.Distillation;

internal static class DistilledPhotos
{
    /// <summary>Writes small pictures of one colour each into the folder "photos", whose path it gives.</summary>
    public static string Write(string folder, params string[] names)
    {
        string photos = Path.Combine(folder, "photos");
        foreach (string name in names)
        {
            string path = Path.Combine(photos, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var picture = new SkiaSharp.SKBitmap(28, 28);
            picture.Erase(new SkiaSharp.SKColor((uint)(0xFF000000 + name[^5] * 0x01_03_05)));
            using var stream = File.Create(path);
            picture.Encode(stream, SkiaSharp.SKEncodedImageFormat.Png, 100);
        }

        return photos;
    }
}
