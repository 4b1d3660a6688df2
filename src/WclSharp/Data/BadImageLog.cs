using System.Globalization;
using System.Text;

namespace WclSharp.Data;

/// <summary>
/// Counts unreadable images and lists them in a CSV file of <c>path,reason</c>. The list appears whole, when all images were looked at (<see cref="Complete"/>) or too many were unreadable
/// (<see cref="Check"/>); until then that of an earlier time stays.
/// </summary>
/// <param name="file">The CSV file; null only counts.</param>
internal sealed class BadImageLog(string? file) : IDisposable
{
    private const double RoundingOfShare = 1e-9; // 0.29 of 100 is a little less than 29 in binary

    private const string Header = "path,reason";

    private PendingFile? pending;
    private StreamWriter? writer;

    /// <summary>Unreadable images so far.</summary>
    public int Count { get; private set; }

    /// <summary>The first unreadable image and its reason, for messages.</summary>
    public string? First { get; private set; }

    /// <summary>Adds an image.</summary>
    /// <exception cref="WclException">The list cannot be written.</exception>
    public void Add(string name, string reason)
    {
        Count++;
        First ??= $"{name}: {reason}";
        if (file is null) return;
        Write(() =>
        {
            if (writer is null)
            {
                if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
                pending = new PendingFile(file);
                writer = new StreamWriter(pending.Stream, new UTF8Encoding(false)) { NewLine = "\n" };
                writer.WriteLine(Header);
            }
            writer.WriteLine($"{DelimitedFile.QuotePath(name)},{DelimitedFile.Quote(reason)}");
        });
    }

    /// <summary>Fails where more than the allowed share of the images is unreadable.</summary>
    /// <param name="images">Images in all.</param>
    /// <param name="maxBad">The share, 0 to 1.</param>
    /// <param name="advice">What to do about it, as a sentence at the end; null for none.</param>
    /// <exception cref="WclException">It is; the list is there.</exception>
    public void Check(long images, double maxBad, string? advice = null)
    {
        if (Count < images && Count <= maxBad * images + RoundingOfShare * images) return;
        string which = $"{(IsKept() ? $"'{file}' lists them, the first is" : "the first is")} {First}{(advice is null ? "" : $". {advice}")}";
        if (Count == images) throw new NoImageReadException(FormattableString.Invariant($"None of the {images:N0} images can be read; {which}"));
        string share = ((double)Count / images).ToString("0.##%", CultureInfo.InvariantCulture), allowed = maxBad.ToString("0.##%", CultureInfo.InvariantCulture);
        throw new WclException(string.Create(CultureInfo.InvariantCulture,
            $"{Count:N0} of {images:N0} images ({share}) cannot be read, more than the {allowed} that --max-bad allows; {which}"));
    }

    /// <summary>Called at the end: the list gets its name; where every image could be read, one of an earlier time goes, but no other file of that name.</summary>
    /// <exception cref="WclException">The list cannot be written.</exception>
    public void Complete()
    {
        if (file is null) return;
        if (Count > 0)
        {
            Keep();
            return;
        }
        try
        {
            if (File.Exists(file) && File.ReadLines(file).FirstOrDefault() == Header) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An old list that stays misleads, but nothing depends on it.
        }
    }

    /// <summary>Where the list was not kept, nothing is left of it.</summary>
    public void Dispose() => pending?.Dispose();

    private bool IsKept()
    {
        if (file is null) return false;
        try
        {
            Keep();
            return true;
        }
        catch (WclException)
        {
            return false; // the images are what to tell of
        }
    }

    private void Keep() => Write(() =>
    {
        writer!.Flush();
        pending!.Keep();
    });

    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            throw new WclException($"The list of unreadable images cannot be written to '{file}': {WriteAdvice.Reason(e)}. {WriteAdvice.For(e)}.", e);
        }
    }
}
