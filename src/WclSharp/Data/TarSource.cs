using System.Buffers;
using System.IO.Compression;

namespace WclSharp.Data;

/// <summary>Image files of a .tar or .tar.gz, in the archive's order.</summary>
/// <remarks>
/// One pass, front to back. Entries that are not wanted are passed over: in a plain archive by seeking. An entry that claims
/// more than an image file may have counts as unreadable, without a byte of it being read. Folders that <c>wcl</c> wrote results into are left out with all that is
/// in them, and sheets of <c>wcl suggest</c>. What tells them may lie behind the pictures, so that, where a name says that there may be some, all names are gone through
/// first; without such a name the pass stays the only one. Somebody's own picture in such a folder, packed before the first such name, is read.
/// </remarks>
internal sealed class TarSource(string path) : ImageSource
{
    // What may be passed over in one entry of a gzipped archive, which has to be unpacked for that.
    private const long MaxPackedSkip = 64L << 30;

    private string? links, sparse, repeated, end, results, otherData;
    private PackedResults? packedResults; // once they were looked for

    /// <inheritdoc/>
    public override string Description => $"archive '{path}'";

    /// <inheritdoc/>
    public override bool ClassesAreFolders => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => [path];

    /// <inheritdoc/>
    public override string Expected => $"{ImageFormats.Names} files, in a folder per class where there are classes{OtherData.InArchive(otherData)}";

    /// <inheritdoc/>
    public override IEnumerable<string> Warnings => new[] { links, sparse, repeated, end, results }.OfType<string>();

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        Ignored = 0;
        links = sparse = repeated = end = results = otherData = null;
        using var archive = new Archive(path);
        var (reader, gzipped) = (archive.Reader, archive.IsGzipped);
        bool mayHoldResults = false;
        int position = 0, linkCount = 0, sparseCount = 0;
        var met = new NamesMet();
        Share = 0;
        while (reader.Next() is { } entry)
        {
            Share = archive.Share;
            if (entry.IsLink && !IsHidden(entry.Name) && ImageFormats.HasImageName(entry.Name))
                links = FormattableString.Invariant($"{++linkCount:N0} image{(linkCount == 1 ? "" : "s")} in '{path}' {(linkCount == 1 ? "is a link" : "are links")} to another file, as '{entry.Name}' is, and left out; pack them with tar --dereference --hard-dereference.");
            if (entry.IsSparse && !IsHidden(entry.Name) && ImageFormats.HasImageName(entry.Name))
                sparse = FormattableString.Invariant($"{++sparseCount:N0} image{(sparseCount == 1 ? "" : "s")} in '{path}' {(sparseCount == 1 ? "is" : "are")} packed as sparse files, as '{entry.Name}' is, and left out; pack them without tar's --sparse.");
            if (!entry.IsFile)
            {
                CheckSkip(gzipped, entry);
                continue;
            }
            mayHoldResults = mayHoldResults || PackedResults.MayBeThereBy(entry.Name);
            if (IsHidden(entry.Name) || !ImageFormats.HasImageName(entry.Name))
            {
                Ignored++;
                if (otherData is null && OtherData.Is(Path.GetFileName(entry.Name))) otherData = entry.Name;
                CheckSkip(gzipped, entry);
                continue;
            }
            if (mayHoldResults && IsOfResults(entry.Name))
            {
                Ignored++;
                CheckSkip(gzipped, entry);
                continue;
            }

            if (met.IsAgain(entry.Name))
                repeated = FormattableString.Invariant($"{met.Again:N0} image{(met.Again == 1 ? "" : "s")} in '{path}' {(met.Again == 1 ? "has" : "have")} the name of one before, as '{entry.Name}' has: it counts again, also where some images are held out to test with, though unpacking would leave one of each; pack them anew.");
            var image = new SourceImage { Name = entry.Name };
            bool read = wanted(position++);
            if (ImageFile.TooLarge(entry.Size) is { } problem)
            {
                yield return image with { Problem = problem };
                if (!reader.Holds(entry) || (gzipped && entry.Size > MaxPackedSkip))
                {
                    end = FormattableString.Invariant($"'{path}' was read up to '{entry.Name}', which claims {entry.Size:N0} bytes; what follows it, if anything, was left out.");
                    yield break;
                }
                continue;
            }
            if (read)
            {
                image = Read(reader, image, (int)entry.Size);
            }
            yield return image;
        }
        if (reader.OddEnd is { } odd) end = $"'{path}' {odd}.";
        Share = 1;
    }

    /// <summary>Whether a picture is one of results; the first such is told of.</summary>
    private bool IsOfResults(string name)
    {
        packedResults ??= new PackedResults(TellingNames());
        if (packedResults.FolderOf(name) is { } folder) results ??= $"The folder '{folder}' in '{path}' holds results of wcl, so its pictures are left out, as are those of others like it.";
        else if (packedResults.IsSheet(name)) results ??= $"'{name}' in '{path}' is a sheet of wcl suggest, so it is left out, as are others like it.";
        else return false;
        return true;
    }

    /// <summary>Names of all files by which folders of results are known, as far as the archive can be read.</summary>
    private List<string> TellingNames()
    {
        using var archive = new Archive(path);
        List<string> names = [];
        try
        {
            while (archive.Reader.Next() is { } entry && !(archive.IsGzipped && entry.Size > MaxPackedSkip))
                if (entry.IsFile && PackedResults.IsTelling(entry.Name)) names.Add(entry.Name);
        }
        catch (WclUsageException)
        {
            // Whoever reads the images up to there says what is wrong.
        }
        return names;
    }

    /// <summary>Reads an entry; of one that begins like no image only the beginning.</summary>
    private static SourceImage Read(TarReader reader, SourceImage image, int size)
    {
        Span<byte> start = stackalloc byte[Math.Min(ImageFormats.TellingBytes, size)];
        reader.ReadContent(start);
        if (size > 0 && ImageFormats.Recognise(start) == ImageFormat.Unknown) return image with { Problem = ImageFormats.NoneOfThem };
        var content = ArrayPool<byte>.Shared.Rent(Math.Max(1, size));
        start.CopyTo(content);
        reader.ReadContent(content.AsSpan(start.Length, size - start.Length));
        return image with { Bytes = content, Length = size };
    }

    private void CheckSkip(bool gzipped, TarEntry entry)
    {
        if (gzipped && entry.Size > MaxPackedSkip)
            throw new WclUsageException(FormattableString.Invariant($"'{path}': the entry '{entry.Name}' claims {entry.Size:N0} bytes, more than is unpacked to get past it; leave it out of the archive."));
    }

    /// <summary>True where the name or a folder on the way to it begins with a dot, or such a folder is a system's.</summary>
    private static bool IsHidden(string name)
    {
        foreach (var range in name.AsSpan().Split('/'))
        {
            var part = name.AsSpan(range);
            if ((part is ['.', .. var rest] && rest is not ".") || SystemFolders.Is(part)) return true;
        }
        return false;
    }

    /// <summary>The archive, opened and unpacked.</summary>
    private sealed class Archive : IDisposable
    {
        private readonly FileStream file;
        private readonly BufferedStream? unpacked;

        public Archive(string path)
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 17);
            IsGzipped = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            if (IsGzipped) unpacked = new BufferedStream(new GZipStream(file, CompressionMode.Decompress), 1 << 17);
            Reader = new TarReader(unpacked is null ? file : new ForwardOnly(unpacked), path);
        }

        public bool IsGzipped { get; }

        public TarReader Reader { get; }

        /// <summary>Share of the file that is read, 0 to below 1: of what is read at once there may be more to unpack.</summary>
        public double Share => Math.Min(0.999, file.Position / Math.Max(1.0, file.Length));

        public void Dispose()
        {
            unpacked?.Dispose();
            file.Dispose();
        }
    }

    /// <summary>Hides that a buffered stream says it can seek.</summary>
    private sealed class ForwardOnly(Stream inner) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override int Read(Span<byte> buffer) => inner.Read(buffer);
        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
