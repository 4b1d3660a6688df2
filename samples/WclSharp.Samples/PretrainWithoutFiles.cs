using System.Formats.Tar;
using WclSharp.Training;

namespace WclSharp.Samples;

/// <summary>Training on images that are no files, from a database or a camera: packed into an archive, which training and every command after it read as they read a folder.</summary>
internal static class PretrainWithoutFiles
{
    public static int Run(string photos, string run)
    {
        run = Path.TrimEndingDirectorySeparator(Path.GetFullPath(run));
        string archive = run + ".tar";
        if (!File.Exists(archive)) Pack(Rows(photos), archive); // once: a run that goes on has to find the same images
        var result = Pretraining.Run(new PretrainOptions
        {
            Data = archive,
            Out = run,
            Epochs = 2,
            Resume = File.Exists(Path.Combine(run, "config.json")),
        });
        Console.WriteLine($"Trained on {archive}; the encoder is {result.EncoderFile}.");
        return 0;
    }

    /// <summary>Writes one image after the other: memory does not grow with their number.</summary>
    private static void Pack(IEnumerable<Row> rows, string archive)
    {
        string part = archive + ".part";
        int count = 0;
        Directory.CreateDirectory(Path.GetDirectoryName(archive)!);
        using (var writer = new TarWriter(File.Create(part)))
            foreach (var row in rows)
            {
                count++;
                // The folder is the class; images without one lie beside the folders. The format is told by the content, but only names of images are looked at.
                string name = row.Class is null ? $"{row.Id}.jpg" : $"{row.Class}/{row.Id}.jpg";
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(row.Content) });
            }
        if (count == 0) throw new WclException("There is nothing to train on: no row was found.");
        File.Move(part, archive); // whole, or not there
    }

    /// <summary>Stands for a query: here the rows are read from a folder.</summary>
    private static IEnumerable<Row> Rows(string photos)
    {
        if (!Directory.Exists(photos)) throw new WclException($"There is no folder '{photos}'.");
        foreach (var (i, file) in Directory.EnumerateFiles(photos, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Index())
            yield return new Row($"{i:000000}", Class: null, File.ReadAllBytes(file));
    }

    private sealed record Row(string Id, string? Class, byte[] Content);
}
