using System.Diagnostics;
using System.Formats.Tar;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class TarSourceTests
{
    private static readonly byte[] Jpeg = ImageFiles.Jpeg();

    private static ImageDataset Read(string path, double maxBad = 0.01) => ImageDataset.Read(new DatasetOptions { Path = path, MaxBad = maxBad });

    private static byte[] Packed(TarEntryFormat format, params string[] names)
    {
        using var file = new MemoryStream();
        using (var writer = new TarWriter(file, format, leaveOpen: true))
            foreach (string name in names)
            {
                TarEntryType type = name.EndsWith('/') ? TarEntryType.Directory : format == TarEntryFormat.V7 ? TarEntryType.V7RegularFile : TarEntryType.RegularFile;
                System.Formats.Tar.TarEntry entry = format switch
                {
                    TarEntryFormat.Pax => new PaxTarEntry(type, name),
                    TarEntryFormat.Gnu => new GnuTarEntry(type, name),
                    TarEntryFormat.Ustar => new UstarTarEntry(type, name),
                    _ => new V7TarEntry(type, name),
                };
                if (!name.EndsWith('/')) entry.DataStream = new MemoryStream(Jpeg);
                writer.WriteEntry(entry);
            }
        return file.ToArray();
    }

    [Theory]
    [InlineData(TarEntryFormat.V7)]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public void Read_EveryTarFormat_GivesNamesAndClasses(TarEntryFormat format)
    {
        using var folder = new DataFolder();
        string longName = format == TarEntryFormat.V7 ? "short" : new string('x', 60) + "/" + new string('y', 80);
        var tar = Packed(format, "train/", "train/cat/", "train/cat/1.jpg", "train/notes.txt", $"train/dog/{longName}.jpg", "./train/dog/2.jpg", "train/.hidden.jpg");
        foreach (string path in (string[])[folder.Write("a.tar", tar), folder.Write("a.tar.gz", DataFolder.Gzip(tar)), folder.Write("b.tgz", DataFolder.Gzip(tar))])
        {
            using var data = Read(path);
            Assert.Equal(["train/cat/1.jpg", $"train/dog/{longName}.jpg", "train/dog/2.jpg"], Enumerable.Range(0, data.Count).Select(data.NameOf));
            Assert.Equal(["cat", "dog"], data.ClassNames);
            Assert.Equal([0, 1, 1], data.Labels.ToArray());
            Assert.Equal(2, data.Ignored);
        }
    }

    [Fact]
    public void Read_NamesWithDotsThatMeanNothing_AreRead()
    {
        using var folder = new DataFolder();
        var tar = new TarFile();
        foreach (string name in (string[])["photos/./a/1.jpg", "./photos/.//b/2.jpg", "../photos/b/3.jpg", "photos/./.hidden/4.jpg", "photos/..a/5.jpg", "photos//c/6.jpg"]) tar.Add(name, Jpeg);
        using var data = Read(folder.Write("x.tar", tar.ToArray()));
        Assert.Equal(["photos/a/1.jpg", "photos/b/2.jpg", "../photos/b/3.jpg", "photos/c/6.jpg"], Enumerable.Range(0, data.Count).Select(data.NameOf));
        Assert.Equal(2, data.Ignored);
    }

    [Fact]
    public void Read_TarAndFolderOfTheSame_HaveTheSamePixels()
    {
        using var folder = new DataFolder();
        var tar = new TarFile();
        string[] kinds = [.. ImageKinds.Names.Select(row => row.Data).Order(StringComparer.Ordinal)];
        foreach (string name in kinds.SelectMany(kind => (string[])[$"{kind}/1.jpg", $"{kind}/2.png"]))
        {
            byte[] file = ImageKinds.FileOf(name[..name.IndexOf('/', StringComparison.Ordinal)]);
            folder.Write($"f/{name}", file);
            tar.Add(name, file);
        }
        using var first = Read(folder.Write("x.tar", tar.ToArray()));
        using var second = Read(System.IO.Path.Combine(folder.Path, "f"));
        Assert.Equal(kinds, first.ClassNames);
        Assert.Equal(2 * kinds.Length, first.Count);
        Assert.Equal(first.Fingerprint, second.Fingerprint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_EntryThatClaimsATerabyte_IsRefusedAtOnce(bool gzipped)
    {
        using var folder = new DataFolder();
        var tar = new TarFile().Add("a/1.jpg", Jpeg).Add("b/1.jpg", Jpeg).Add("b/bomb.jpg", [1, 2, 3], claim: 1L << 40).Add("b/2.jpg", Jpeg).ToArray();
        string path = folder.Write("x.tar", gzipped ? DataFolder.Gzip(tar) : tar), csv = folder["out/bad_images.csv"];
        var clock = Stopwatch.StartNew();
        using var data = ImageDataset.Read(new DatasetOptions { Path = path, MaxBad = 0.5, BadImagesFile = csv });
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10));
        Assert.Equal((2, 1), (data.Count, data.BadImages));
        Assert.Contains("claims 1,099,511,627,776 bytes", File.ReadAllText(csv), StringComparison.Ordinal);
        Assert.Contains("bomb.jpg", Assert.Single(data.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_FoldersOfRunsAndSheetsOfSuggestions_AreLeftOut_WhereverWhatTellsThemIs(bool gzipped)
    {
        using var folder = new DataFolder();
        var tar = new TarFile();
        foreach (string name in (string[])
            [
                "photos/cat/1.jpg", "photos/runs/mine/plots/curves.png", "photos/runs/mine/config.json", "photos/runs/mine/own.jpg", "photos/runs/mine/metrics.jsonl",
                "photos/dog/plots/2.jpg", "photos/dog/config.json", "photos/suggest/suggestions.png", "photos/suggest/suggestions.csv", "photos/dog/suggestions.png", "photos/dog/3.jpg",
            ])
            tar.Add(name, Jpeg);
        string path = folder.Write("x.tar", gzipped ? DataFolder.Gzip(tar.ToArray()) : tar.ToArray());
        using var data = Read(path);
        Assert.Equal(["photos/cat/1.jpg", "photos/dog/plots/2.jpg", "photos/dog/suggestions.png", "photos/dog/3.jpg"], Enumerable.Range(0, data.Count).Select(data.NameOf));
        Assert.Equal(["cat", "dog"], data.ClassNames);
        Assert.Equal(7, data.Ignored);
        Assert.Equal($"The folder 'photos/runs/mine' in '{path}' holds results of wcl, so its pictures are left out, as are those of others like it.", Assert.Single(data.Warnings));
        using var some = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 3 });
        Assert.Equal(3, Enumerable.Range(0, 3).Select(some.NameOf).Intersect(Enumerable.Range(0, 4).Select(data.NameOf)).Count());

        // An archive of nothing but results was asked for.
        using var asked = Read(folder.Write("run.tar", new TarFile().Add("./config.json", [1]).Add("./train.log", [1]).Add("./plots/curves.png", Jpeg).ToArray()));
        Assert.Equal(1, asked.Count);
    }

    [Fact]
    public void Read_LargeEntryThatIsNoImage_IsPassedOverBySeeking()
    {
        using var folder = new DataFolder();
        // A sparse file: 3 GiB that are not on the disk.
        string path = folder["x.tar"];
        long size = 3L << 30;
        using (var file = File.Create(path))
        {
            file.Write(new TarFile().Add("movie.bin", [], claim: size).ToArray(closed: false));
            file.Position = 512 + size;
            file.Write(new TarFile().Add("a.jpg", Jpeg).ToArray());
        }
        var clock = Stopwatch.StartNew();
        using var data = Read(path);
        Assert.Equal((1, 1L), (data.Count, data.Ignored));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_CutShort_SaysSo(bool gzipped)
    {
        using var folder = new DataFolder();
        var tar = new TarFile().Add("a.jpg", Jpeg).Add("b.jpg", Jpeg).ToArray(closed: false)[..^700];
        string path = folder.Write("x.tar", gzipped ? DataFolder.Gzip(tar) : tar);
        Assert.Contains("cut short", Assert.Throws<WclUsageException>(() => Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_GzipCutShort_SaysSo()
    {
        using var folder = new DataFolder();
        var gzip = DataFolder.Gzip(new TarFile().Add("a.jpg", Jpeg).Add("b.jpg", [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * i >> 3))]).ToArray());
        string path = folder.Write("x.tar.gz", gzip[..(gzip.Length / 2)]);
        Assert.Throws<WclUsageException>(() => Read(path));
    }

    [Fact]
    public void Read_GarbageAfterAnEntry_NamesTheByte()
    {
        using var folder = new DataFolder();
        var tar = new TarFile().Add("a.jpg", Jpeg).ToArray(closed: false);
        string path = folder.Write("x.tar", [.. tar, .. Enumerable.Repeat((byte)77, 512)]);
        Assert.Contains(FormattableString.Invariant($"byte {tar.Length:N0}"), Assert.Throws<WclUsageException>(() => Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_WithoutClosingBlocks_IsFine()
    {
        using var folder = new DataFolder();
        using var data = Read(folder.Write("x.tar", new TarFile().Add("a.jpg", Jpeg).ToArray(closed: false)));
        Assert.Equal(1, data.Count);
    }

    [Fact]
    public void Read_NoImages_SaysSo()
    {
        using var folder = new DataFolder();
        string path = folder.Write("x.tar", new TarFile().Add("a.txt", Jpeg).ToArray());
        Assert.StartsWith("No images under", Assert.Throws<WclUsageException>(() => Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Limit_DoesNotReadWhatIsLeftOut()
    {
        using var folder = new DataFolder();
        var tar = new TarFile();
        for (int i = 0; i < 40; i++) tar.Add($"{(i % 2 == 0 ? "even" : "odd")}/{i:00}.jpg", Jpeg);
        string path = folder.Write("x.tar", tar.ToArray());
        using var source = new TarSource(path);
        Assert.All(source.Images(i => i == 7), image => Assert.Equal(image.Name == "odd/07.jpg", image.Bytes is not null));

        using var one = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 1, Seed = 4 });
        Assert.Equal((1, 2), (one.Count, one.ClassNames.Count)); // classes of the whole
        using var many = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 25, Seed = 4, Workers = 1 });
        using var same = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 25, Seed = 4, Workers = 5 });
        using var other = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 25, Seed = 5 });
        Assert.Equal(25, many.Count);
        Assert.Equal(many.Fingerprint, same.Fingerprint);
        Assert.NotEqual(many.Fingerprint, other.Fingerprint);
        var names = Enumerable.Range(0, 25).Select(many.NameOf).ToList();
        Assert.Equal(names.OrderBy(name => name[^6..], StringComparer.Ordinal), names); // the archive's order
        using var all = ImageDataset.Read(new DatasetOptions { Path = path, Limit = 1000 });
        Assert.Equal(40, all.Count);
    }

    [Fact]
    public void Read_Links_AreLeftOutWithAWarning()
    {
        using var folder = new DataFolder();
        using var packed = new MemoryStream();
        using (var writer = new TarWriter(packed, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a/1.jpg") { DataStream = new MemoryStream(Jpeg) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "a/2.jpg") { LinkName = "a/1.jpg" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "b/3.jpg") { LinkName = "../a/1.jpg" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "b/notes.txt") { LinkName = "x" });
        }
        using var data = Read(folder.Write("links.tar", packed.ToArray()));
        Assert.Equal(1, data.Count);
        Assert.StartsWith("2 images in", Assert.Single(data.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NamesWithBackslashesAlone_HaveFolders()
    {
        using var folder = new DataFolder();
        using var data = Read(folder.Write("x.tar", new TarFile().Add("set\\cat\\1.jpg", Jpeg).Add("set\\dog\\2.jpg", Jpeg).Add("set/dog/a\\3.jpg", Jpeg).ToArray()));
        Assert.Equal(["set/cat/1.jpg", "set/dog/2.jpg", "set/dog/a\\3.jpg"], Enumerable.Range(0, 3).Select(data.NameOf));
        Assert.Equal(["cat", "dog"], data.ClassNames);
    }

    [Fact]
    public void Read_NamesThatComeAgain_AreWarnedOf()
    {
        using var folder = new DataFolder();
        string path = folder.Write("x.tar", new TarFile().Add("a/1.jpg", Jpeg).Add("b/1.jpg", Jpeg).Add("./a/1.jpg", Jpeg).ToArray());
        foreach (int? limit in (int?[])[null, 2]) // one of which lists twice
        {
            using var data = ImageDataset.Read(new DatasetOptions { Path = path, Limit = limit });
            Assert.Equal(limit ?? 3, data.Count);
            Assert.Contains("has the name of one before, as 'a/1.jpg' has", Assert.Single(data.Warnings), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_FoldersOfSystems_AreLeftOut()
    {
        using var folder = new DataFolder();
        var tar = new TarFile();
        foreach (string name in (string[])["cat/1.jpg", "__MACOSX/cat/2.jpg", "cat/@eadir/3.jpg", "cat/my @eaDir/4.jpg"]) tar.Add(name, Jpeg);
        using var data = Read(folder.Write("x.tar", tar.ToArray()));
        Assert.Equal(["cat/1.jpg", "cat/my @eaDir/4.jpg"], Enumerable.Range(0, data.Count).Select(data.NameOf));
        Assert.Equal(2, data.Ignored);
    }

    [Fact]
    public void Read_DataSetsOfOtherKinds_AreToldHowToGive()
    {
        using var folder = new DataFolder();
        Assert.Contains("'c/data_batch_1.bin' is a CIFAR file, so unpack the archive and give the folder that it lies in", Refused("c/data_batch_1.bin"), StringComparison.Ordinal);
        Assert.Contains("'m/train-images-idx3-ubyte.gz' is an IDX file, so unpack the archive and give the file itself", Refused("m/train-images-idx3-ubyte.gz"), StringComparison.Ordinal);

        string Refused(string name) => Assert.Throws<WclUsageException>(() => Read(folder.Write("x.tar", new TarFile().Add("readme", Jpeg).Add(name, Jpeg).ToArray()))).Message;
    }

    [Theory]
    [InlineData("x.zip", new byte[] { (byte)'P', (byte)'K', 3, 4 }, "zip")]
    [InlineData("x.tar.bz2", new byte[] { (byte)'B', (byte)'Z', (byte)'h', (byte)'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59 }, "bzip2")]
    [InlineData("x.tar.xz", new byte[] { 0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0 }, "xz")]
    [InlineData("x.tar", new byte[] { 0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0 }, "xz")]
    public void Read_PackedOtherwise_SaysWhatToDo(string name, byte[] start, string packer)
    {
        using var folder = new DataFolder();
        string path = folder.Write(name, [.. start, .. new byte[600]]);
        Assert.Equal($"'{path}' is packed by {packer}, which is not read: unpack it and give the folder, or pack it as .tar.gz.", Assert.Throws<WclUsageException>(() => Read(path)).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_OddEnds_AreWarnedOf(bool gzipped)
    {
        using var folder = new DataFolder();
        var whole = new TarFile().Add("a.jpg", Jpeg).ToArray();
        Assert.Empty(Warnings(whole));
        Assert.Empty(Warnings([.. whole, .. new byte[9000]]));
        Assert.Contains("no end marker", Assert.Single(Warnings(whole[..^1024])), StringComparison.Ordinal);
        Assert.Contains("goes on after its end marker", Assert.Single(Warnings([.. whole, .. new byte[9000], .. whole])), StringComparison.Ordinal);

        string[] Warnings(byte[] tar)
        {
            using var data = Read(folder.Write("x.tar", gzipped ? DataFolder.Gzip(tar) : tar));
            Assert.Equal(1, data.Count);
            return [.. data.Warnings];
        }
    }

    /// <summary>Some writers give the linked file's size, or what they like.</summary>
    [Fact]
    public void Read_SizesOfWhatHasNoContent_AreNotSkipped()
    {
        using var folder = new DataFolder();
        var tar = new TarFile().Add("a/1.jpg", Jpeg);
        foreach (char type in "123456") tar.Add($"other-{type}", [], claim: 100_000, type: type);
        using var data = Read(folder.Write("x.tar", tar.Add("b/2.jpg", Jpeg).ToArray()));
        Assert.Equal(["a/1.jpg", "b/2.jpg"], Enumerable.Range(0, data.Count).Select(data.NameOf));
    }
}
