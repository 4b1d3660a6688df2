using System.Globalization;
using System.Text;

namespace WclSharp.Data;

/// <summary>Counts unreadable images and lists them in a CSV file of <c>path,reason</c>, which is made when the first one comes.</summary>
/// <param name="file">The CSV file; null only counts.</param>
internal sealed class BadImageLog(string? file) : IDisposable
{
    private StreamWriter? writer;

    /// <summary>Unreadable images so far.</summary>
    public int Count { get; private set; }

    /// <summary>The first unreadable image and its reason, for messages.</summary>
    public string? First { get; private set; }

    /// <summary>Adds an image.</summary>
    public void Add(string name, string reason)
    {
        Count++;
        First ??= $"{name}: {reason}";
        if (file is null) return;
        try
        {
            if (writer is null)
            {
                if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
                writer = new StreamWriter(file, append: false, new UTF8Encoding(false)) { NewLine = "\n" };
                writer.WriteLine("path,reason");
            }
            writer.WriteLine($"{DelimitedFile.QuotePath(name)},{DelimitedFile.Quote(reason)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclException($"The list of unreadable images cannot be written to '{file}': {e.Message}", e);
        }
    }

    /// <summary>Fails where more than the allowed share of the images is unreadable.</summary>
    /// <param name="images">Images in all.</param>
    /// <param name="maxBad">The share, 0 to 1.</param>
    /// <param name="advice">What to do about it, as a sentence at the end; null for none.</param>
    public void Check(long images, double maxBad, string? advice = null)
    {
        if (Count < images && Count <= maxBad * images) return;
        writer?.Flush();
        string end = advice is null ? "" : $". {advice}";
        if (Count == images) throw new WclException($"None of the {images:N0} images can be read; {(file is null ? "the first is" : $"'{file}' lists them, the first is")} {First}{end}");
        string share = ((double)Count / images).ToString("0.##%", CultureInfo.InvariantCulture), allowed = maxBad.ToString("0.##%", CultureInfo.InvariantCulture);
        throw new WclException(string.Create(CultureInfo.InvariantCulture,
            $"{Count:N0} of {images:N0} images ({share}) cannot be read, more than the {allowed} that --max-bad allows; " +
            $"{(file is null ? "the first is" : $"'{file}' lists them, the first is")} {First}{end}"));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => writer?.Dispose();

    /// <summary>Called at the end: where every image could be read, a list of an earlier time goes.</summary>
    public void Complete()
    {
        if (Count > 0 || file is null) return;
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An old list that stays misleads, but nothing depends on it.
        }
    }
}
