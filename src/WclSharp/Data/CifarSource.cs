using System.Buffers;
using System.Globalization;

namespace WclSharp.Data;

/// <summary>
/// CIFAR-10 and CIFAR-100 in their binary form: records of one label byte (CIFAR-100: coarse, then fine; fine is used) and
/// 32 x 32 pixels, a plane each of red, green and blue.
/// </summary>
internal sealed class CifarSource : ImageSource
{
    private const int Side = 32, Pixels = 3 * Side * Side;
    private readonly string[] files;
    private readonly int labelBytes;
    private readonly string[] classes;
    private readonly int count;

    private CifarSource(string description, string[] files)
    {
        (Description, this.files) = (description, files);
        string folder = Path.GetDirectoryName(Path.GetFullPath(files[0]))!;
        long[] sizes = Array.ConvertAll(files, file => new FileInfo(file).Length);
        bool tenFits = AreRecords(sizes, 1), hundredFits = AreRecords(sizes, 2);
        if (!tenFits && !hundredFits)
        {
            int wrong = Array.FindIndex(sizes, size => size == 0 || (size % (Pixels + 1) != 0 && size % (Pixels + 2) != 0));
            throw new WclUsageException(FormattableString.Invariant($"'{files[Math.Max(0, wrong)]}' has {sizes[Math.Max(0, wrong)]:N0} bytes, ") +
                $"which is not a number of CIFAR-10 records ({Pixels + 1} bytes) or CIFAR-100 records ({Pixels + 2} bytes); copy or download it again.");
        }
        // A size that fits both has millions of records; then the names that lie beside it decide.
        labelBytes = hundredFits && (!tenFits || File.Exists(Path.Combine(folder, "fine_label_names.txt"))) ? 2 : 1;
        count = checked((int)sizes.Sum(size => size / (Pixels + labelBytes)));
        string names = Path.Combine(folder, labelBytes == 2 ? "fine_label_names.txt" : "batches.meta.txt");
        classes = ReadClassNames(names);
        Files = [.. files, names];
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override int? Total => count;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files { get; }

    /// <summary>One file.</summary>
    public static CifarSource FromFile(string file) => new($"CIFAR file '{file}'", [file]);

    /// <summary>
    /// A folder of CIFAR files: data_batch_*.bin or train.bin, else test_batch.bin or test.bin. Null where it has none, and where image files tell that these are
    /// something else's: beside them or, where they are no numbers of records, anywhere in the folder.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="images">Its image files.</param>
    public static CifarSource? FromFolder(string folder, FolderSource images)
    {
        foreach (string pattern in (string[])["data_batch_*.bin", "train.bin", "test_batch.bin", "test.bin"])
        {
            var files = FilesOf(folder, pattern);
            Array.Sort(files, StringComparer.Ordinal);
            if (files.Length == 0) continue;
            long[] sizes = Array.ConvertAll(files, file => new FileInfo(file).Length);
            bool whole = AreRecords(sizes, 1) || AreRecords(sizes, 2);
            if (whole ? FilesOf(folder, "*").Any(file => ImageFormats.HasImageName(file)) : images.Images(_ => false).Any()) return null;
            return new($"CIFAR files '{Path.Combine(folder, pattern)}'", files);
        }
        return null;
    }

    private static bool AreRecords(long[] sizes, int labelBytes) => sizes.All(size => size > 0 && size % (Pixels + labelBytes) == 0);

    private static string[] FilesOf(string folder, string pattern)
    {
        try
        {
            return Directory.GetFiles(folder, pattern);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The folder '{folder}' cannot be listed: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        var record = new byte[Pixels + labelBytes];
        int position = 0;
        foreach (string file in files)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 17);
            string name = Path.GetFileNameWithoutExtension(file);
            for (int i = 0; stream.ReadAtLeast(record, record.Length, throwOnEndOfStream: false) == record.Length; i++)
            {
                int label = record[labelBytes - 1];
                if (label >= classes.Length)
                    throw new WclUsageException(FormattableString.Invariant($"'{file}', record {i:N0}: label {label} where there are {classes.Length} classes; it is no CIFAR file, or a damaged one."));
                var image = new SourceImage { Name = string.Create(CultureInfo.InvariantCulture, $"{name}/{i}"), Class = classes[label], Height = Side, Width = Side };
                if (wanted(position++))
                {
                    var pixels = ArrayPool<byte>.Shared.Rent(Pixels);
                    record.AsSpan(labelBytes).CopyTo(pixels);
                    image = image with { Bytes = pixels, Length = Pixels };
                }
                yield return image;
            }
        }
    }

    private string[] ReadClassNames(string file)
    {
        if (File.Exists(file))
        {
            var names = File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0).ToArray();
            if (names.Length > 0) return names;
        }
        return [.. Enumerable.Range(0, labelBytes == 2 ? 100 : 10).Select(i => i.ToString(CultureInfo.InvariantCulture))];
    }
}
