using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class DatasetReaderTests
{
    private static DataFolder Mixed(int count)
    {
        var folder = new DataFolder();
        for (int i = 0; i < count; i++) folder.Write($"{"abc"[i % 3]}/{i:000}.jpg", ImageFiles.Jpeg(16 + i % 5, 24 + i % 7));
        return folder;
    }

    [Fact]
    public void Read_AnyThreadsAndAnyCache_HasTheSameFingerprintAndPixels()
    {
        using var folder = Mixed(60);
        using var cache = new DataFolder();
        var options = new DatasetOptions { Path = folder.Path, CacheFolder = cache.Path };
        using var one = ImageDataset.Read(options with { Workers = 1 });
        using var many = ImageDataset.Read(options with { Workers = 7 });
        using var onDisk = ImageDataset.Read(options with { Workers = 3, CacheBytes = 0 });
        using var half = ImageDataset.Read(options with { Workers = 3, CacheBytes = one.PixelBytes / 2 });
        Assert.Equal((false, false, true, true), (one.IsMemoryMapped, many.IsMemoryMapped, onDisk.IsMemoryMapped, half.IsMemoryMapped));
        foreach (var other in (ImageDataset[])[many, onDisk, half])
        {
            Assert.Equal(one.Fingerprint, other.Fingerprint);
            for (int i = 0; i < one.Count; i++) Assert.True(one.PixelsOf(i).SequenceEqual(other.PixelsOf(i)));
        }
        // The file has no name while it is in use, so nothing is left whatever happens.
        if (!OperatingSystem.IsWindows()) Assert.Empty(Directory.GetFiles(cache.Path));
        using var subset = onDisk.Subset([1, 2]);
        using var sameSubset = one.Subset([1, 2]);
        Assert.Equal(sameSubset.Fingerprint, subset.Fingerprint);
    }

    [Fact]
    public void Fingerprint_AnythingChanged_Differs()
    {
        var seen = new HashSet<string>();
        void Add(params (string Name, byte[] Content)[] files)
        {
            using var folder = new DataFolder();
            foreach (var (name, content) in files) folder.Write(name, content);
            using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
            Assert.True(seen.Add(data.Fingerprint));
        }
        byte[] a = ImageFiles.Jpeg(), b = ImageFiles.Png16;
        Add(("x/1.jpg", a), ("y/2.jpg", a));
        Add(("x/1.jpg", a), ("y/3.jpg", a)); // name
        Add(("x/1.jpg", a), ("x/2.jpg", a)); // class
        Add(("x/1.jpg", a), ("y/2.jpg", b)); // pixels
        Add(("x/1.jpg", a));                 // number
        Add(("x/1.jpg", ImageFiles.Jpeg(16, 17)), ("y/2.jpg", a)); // size
    }

    [Fact]
    public void Fingerprint_OfTheSameFiles_DiffersByLabelsAndByNamesOfClasses()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["1.jpg", "2.jpg", "3.jpg"]) folder.Write($"photos/{name}", ImageFiles.Jpeg());
        string Of(string labels)
        {
            using var data = ImageDataset.Read(new DatasetOptions { Path = folder["photos"], Labels = folder.Write("labels.csv", labels) });
            return data.Fingerprint;
        }
        string[] all = [Of("1.jpg,a\n2.jpg,b\n"), Of("1.jpg,b\n2.jpg,a\n"), Of("1.jpg,a\n2.jpg,c\n"), Of("1.jpg,a\n3.jpg,b\n")];
        Assert.Equal(4, all.Distinct().Count());
        Assert.Equal(all[0], Of("2.jpg,b\n1.jpg,a\n"));
    }

    [Fact]
    public void Fingerprint_OfAPart_IsThatOfTheSameImagesReadAlone()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 6; i++) folder.Write($"photos/{"ab"[i % 2]}/{i}.jpg", ImageFiles.Jpeg(20 + i, 20));
        using var all = ImageDataset.Read(new DatasetOptions { Path = folder["photos"] });
        using var part = all.Subset([1, 2, 4]);
        using var alone = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", string.Concat(Enumerable.Range(0, 3).Select(i => $"photos/{part.NameOf(i)},{part.ClassNames[part.Labels[i]]}\n"))) });
        using var named = all.Subset([1, 2]);
        Assert.NotEqual(part.Fingerprint, alone.Fingerprint); // the list's names begin with its folder
        Assert.NotEqual(part.Fingerprint, named.Fingerprint);
        using var again = ImageDataset.Read(new DatasetOptions { Path = folder["photos"] });
        using var same = again.Subset([0, 1, 2, 4]);
        using var inner = same.Subset([1, 2, 3]);
        Assert.Equal(part.Fingerprint, inner.Fingerprint); // by whatever way
    }

    [Fact]
    public void Read_CacheFolderThatCannotBe_SaysSo()
    {
        using var folder = Mixed(3);
        string file = folder.Write("notes.txt", "a file where a folder should be");
        var error = Assert.Throws<WclException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Path, CacheBytes = 0, CacheFolder = System.IO.Path.Combine(file, "cache") }));
        Assert.Contains("No cache file can be made", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DiskFull_SaysSo()
    {
        if (!File.Exists("/dev/full")) Assert.Skip("There is no device that is always full here.");
        using var handle = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.Write);
        var error = Assert.Throws<WclException>(() => PixelStore.WriteTo(handle, new byte[100], 0, "/some/folder"));
        Assert.Contains("do not fit on the disk of '/some/folder'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CacheFileBeyondWhatFilesMayBe_SaysSo()
    {
        using var folder = new DataFolder();
        using var handle = File.OpenHandle(folder["pixels"], FileMode.CreateNew, FileAccess.Write);
        // For a file beyond the limit .NET has no IOException.
        var error = Record.Exception(() => PixelStore.WriteTo(handle, new byte[100], 1L << 62, "/some/folder"));
        Assert.SkipWhen(error is null, "This file system has files of 4 EiB.");
        Assert.StartsWith("The decoded images do not fit into a file in '/some/folder' (it is larger than files may be there, after 4,398,046,511,104 MiB); raise the limit on the size of files (ulimit -f), name another cache folder, ",
            Assert.IsType<WclException>(error).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_BadImages_AreListedWithTheirReasons()
    {
        using var folder = Mixed(20);
        var jpeg = ImageFiles.Jpeg(64, 64);
        folder.Write("a/empty.jpg", []);
        folder.Write("a/text, \"quoted\".jpg", "I am text");
        folder.Write("b/short.jpg", jpeg[..^40]);
        folder.Write("b/bomb.png", ImageFiles.Png(10_000, 10_000, 8, 0, []));
        string csv = folder["out/bad_images.csv"];
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, MaxBad = 0.2, BadImagesFile = csv });
        Assert.Equal((20, 4), (data.Count, data.BadImages));
        var lines = File.ReadAllLines(csv);
        Assert.Equal(
        [
            "path,reason",
            "a/empty.jpg,the file is empty",
            "\"a/text, \"\"quoted\"\".jpg\",\"not a JPEG, PNG, WebP, BMP, GIF or TIFF file\"",
            "b/bomb.png,\"10000 x 10000 is 100,000,000 pixels, over the limit of 67,108,864\"",
            "b/short.jpg,the file is cut short",
        ], lines);
    }

    [Fact]
    public void Read_NoBadImages_WritesNoList()
    {
        using var folder = Mixed(3);
        string csv = folder["out/bad_images.csv"];
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, BadImagesFile = csv });
        Assert.False(File.Exists(csv));
    }

    [Fact]
    public void Read_TooManyBadImages_StopsWithNumbersAndTheOption()
    {
        using var folder = Mixed(97);
        for (int i = 0; i < 3; i++) folder.Write($"a/bad{i}.jpg", "text");
        string csv = folder["out/bad_images.csv"];
        var error = Assert.Throws<WclException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Path, BadImagesFile = csv }));
        foreach (string part in (string[])["3 of 100 images", "3%", "--max-bad", csv, "a/bad0.jpg"]) Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Equal(4, File.ReadAllLines(csv).Length);
        using var allowed = ImageDataset.Read(new DatasetOptions { Path = folder.Path, BadImagesFile = csv, MaxBad = 0.03 });
        Assert.Equal(97, allowed.Count);
    }

    [Fact]
    public void Read_AllBad_StopsEvenIfAllowed()
    {
        using var folder = new DataFolder();
        folder.Write("a.jpg", "text");
        Assert.Throws<NoImageReadException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Path, MaxBad = 1 }));
    }

    [Fact]
    public void Read_Progress_EndsAtTheNumberOfImages()
    {
        var reports = new List<ReadingProgress>();
        using var data = ImageDataset.Read(new DatasetOptions(), new Collector(reports));
        Assert.Equal(new ReadingProgress("Reading images", 10_000, 10_000), reports[^1]);
        Assert.Equal(reports.Select(report => report.Done).Order(), reports.Select(report => report.Done));
    }

    [Theory]
    [InlineData(500_000, 0.5003, 10, 1_000_000)]
    [InlineData(123_456, 0.1, 10, 1_300_000)]
    [InlineData(999, 0.5, 10, null)] // too few to say
    [InlineData(5000, 0.005, 10, null)]
    [InlineData(5000, 0.99, 5200, 5200)]
    [InlineData(5017, 1, 10, 5017)]
    public void EstimatedTotal_IsByTheShareOfTheSource(long listed, double share, long done, object? total) =>
        Assert.Equal(total is null ? null : Convert.ToInt64(total, System.Globalization.CultureInfo.InvariantCulture), DatasetReader.EstimatedTotal(listed, share, done));

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Share_OfASource_GrowsEvenly_AndEndsWithIt(bool tar)
    {
        const int Folders = 8, Files = 50;
        using var folder = new DataFolder();
        var packed = new TarFile();
        byte[] image = ImageFiles.Jpeg();
        foreach (string name in Enumerable.Range(0, Folders * Files).Select(i => $"f/{i / Files}/{i % Files:000}.jpg"))
        {
            folder.Write(name, image);
            packed.Add(name, image);
        }

        using var source = ImageSources.Open(tar ? folder.Write("x.tar", packed.ToArray()) : Path.Combine(folder.Path, "f"));
        for (int again = 0; again < 2; again++)
        {
            double[] shares = [.. source.Images(_ => false).Select(_ => source.Share)];
            Assert.Equal(Folders * Files, shares.Length);
            Assert.Equal(shares.Order(), shares);
            foreach (int place in (int[])[0, 180, 250, 399]) Assert.InRange(shares[place], (place / 400.0) - 0.3, (place / 400.0) + 0.5); // a tar of 400 small files is read in some four pieces
            Assert.Equal(1, source.Share);
        }
    }

    [Fact]
    public void Read_Cancelled_Stops()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => ImageDataset.Read(new DatasetOptions(), null, cancel.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => ImageDataset.Read(new DatasetOptions { Limit = 3 }, null, cancel.Token));
    }

    [Theory]
    [InlineData(0, 1, 0.0)]
    [InlineData(256, 0, 0.0)]
    [InlineData(256, 1, 1.5)]
    [InlineData(4096, 1, 0.0)]
    public void Read_ImpossibleOptions_AreRefused(int side, int limit, double maxBad) =>
        Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { StoredSide = side, Limit = limit, MaxBad = maxBad }));

    [Theory]
    [InlineData(ImageBatch.LargestBuffer, 1)]
    [InlineData(5000, 2)] // six images of 1,152 to 2,160 bytes
    [InlineData(1, 6)]
    public void Batch_OfDifferentSizes_IsPackedIntoAsFewBuffersAsWillDo(int largestBuffer, int buffers)
    {
        using var folder = Mixed(6);
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        int[] indices = [5, 0, 3, 3, 1, 2];
        var given = new List<byte[]>();
        var batch = ImageBatch.Assemble(data, indices, bytes => new byte[bytes], given.Add, largestBuffer);
        Assert.False(batch.Uniform);
        Assert.Equal(buffers, batch.Buffers.Count);
        long bytes = 0;
        for (int i = 0; i < indices.Length; i++)
        {
            Assert.Equal(data.SizeOf(indices[i]), (batch.Heights[i], batch.Widths[i]));
            Assert.True(data.PixelsOf(indices[i]).SequenceEqual(batch.PixelsOf(i)));
            bytes += data.PixelsOf(indices[i]).Length;
        }
        Assert.Equal(bytes, batch.ByteCount);
        var tensor = ImageTensor.Of(batch, TorchSharp.torch.CPU);
        Assert.Equal(indices.SelectMany(i => data.PixelsOf(i).ToArray()), tensor.Pixels.data<byte>().ToArray());
        tensor.Dispose();
        var lent = batch.Buffers;
        batch.Dispose();
        batch.Dispose();
        Assert.Equal(lent, given);
    }

    [Fact]
    public void Table_ManyImages_TakesNoObjectPerImage()
    {
        const int Count = 500_000;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var table = new ImageTable();
        for (int i = 0; i < Count; i++) table.Add($"train/class{i % 1000:0000}/image{i:0000000}.jpg", 1, 1, i, (ulong)i);
        long bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(bytes / (double)Count, 45, 80); // a name of 33 bytes, 2 + 8 to find it, 4 of size, 8 of place, 8 of its pixels' hash
        Assert.Equal("train/class0999/image0499999.jpg", table.Name(Count - 1));
    }

    private sealed class Collector(List<ReadingProgress> reports) : IProgress<ReadingProgress>
    {
        public void Report(ReadingProgress value) => reports.Add(value);
    }
}
