using System.IO.Compression;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class IdxSourceTests
{
    [Theory]
    [InlineData("train-images-idx3-ubyte", "train-labels-idx1-ubyte", false)]
    [InlineData("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", true)]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte", false)]
    [InlineData("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", true)]
    [InlineData("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", false)]
    public void Read_LabelsBesideTheImages_AreFound(string images, string labels, bool gzipped)
    {
        using var folder = new DataFolder();
        var content = DataFolder.Idx([3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        folder.Write(images, gzipped ? DataFolder.Gzip(content) : content);
        var labelContent = DataFolder.Idx([3], [7, 0, 7]);
        folder.Write(labels, labels.EndsWith(".gz", StringComparison.Ordinal) ? DataFolder.Gzip(labelContent) : labelContent);

        using var data = ImageDataset.Read(new DatasetOptions { Path = folder[images] });
        Assert.Equal(["0", "7"], data.ClassNames);
        Assert.Equal([1, 0, 1], data.Labels.ToArray());
        Assert.Equal([5, 6, 7, 8], data.PixelsOf(1).ToArray());
        Assert.Equal((2, 2), data.SizeOf(1));
        Assert.Equal("2", data.NameOf(2));
    }

    [Fact]
    public void Read_NoLabels_IsUnlabelled()
    {
        using var folder = new DataFolder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("x-idx3-ubyte", DataFolder.Idx([2, 1, 1], [3, 4])) });
        Assert.False(data.HasLabels);
        Assert.Equal([-1, -1], data.Labels.ToArray());
    }

    [Fact]
    public void Read_CountsDiffer_NamesBoth()
    {
        using var folder = new DataFolder();
        folder.Write("a-labels-idx1-ubyte", DataFolder.Idx([3], [1, 2, 3]));
        string path = folder.Write("a-images-idx3-ubyte", DataFolder.Idx([2, 1, 1], [3, 4]));
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
        Assert.Contains("2 images", error.Message, StringComparison.Ordinal);
        Assert.Contains("3 labels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LabelsFileGiven_SaysSo()
    {
        using var folder = new DataFolder();
        string path = folder.Write("a-labels-idx1-ubyte", DataFolder.Idx([3], [1, 2, 3]));
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
        Assert.Contains("give the images file", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_DataEndsEarly_SaysSo(bool gzipped)
    {
        using var folder = new DataFolder();
        var content = DataFolder.Idx([4, 2, 2], new byte[16])[..^3];
        string path = folder.Write("a-images-idx3-ubyte", gzipped ? DataFolder.Gzip(content) : content);
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
        Assert.Contains("ends before", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedGzip_SaysSo()
    {
        using var folder = new DataFolder();
        var content = DataFolder.Gzip(DataFolder.Idx([4, 200, 200], [.. Enumerable.Range(0, 160_000).Select(i => (byte)(i * i >> 5))]));
        content.AsSpan(content.Length / 2, 40).Fill(0xFF);
        string path = folder.Write("a-images-idx3-ubyte.gz", content);
        Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
    }

    [Fact]
    public void Read_HugeClaims_AreRefused()
    {
        using var folder = new DataFolder();
        foreach (int[] shape in (int[][])[[1, 60_000, 60_000], [int.MaxValue, 1, 1]])
            foreach (bool gzipped in (bool[])[false, true])
            {
                var content = DataFolder.Idx(shape, [1, 2, 3]);
                string path = folder.Write("a-images-idx3-ubyte", gzipped ? DataFolder.Gzip(content) : content);
                var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
                Assert.Contains("ends before", error.Message, StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Read_ImagesThatPackVeryWell_AreNoHugeClaim()
    {
        using var folder = new DataFolder();
        byte[] content = DataFolder.Idx([1000, 28, 28], new byte[1000 * 28 * 28]), packed = DataFolder.Gzip(content, CompressionLevel.SmallestSize);
        Assert.InRange(content.Length / packed.Length, 500, 1032); // of 1,032 at most
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("black-idx3-ubyte.gz", packed) });
        Assert.Equal(1000, data.Count);
    }

    [Fact]
    public void Read_LargePictures_AreRefused()
    {
        using var folder = new DataFolder();
        string path = folder["a-images-idx3-ubyte"];
        using (var file = File.Create(path)) // sparse: no pixels are on the disk
        {
            file.Write(DataFolder.Idx([1, 10_000, 10_000], []));
            file.SetLength(100_000_016);
        }
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path }));
        Assert.Contains("megapixels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LargerThanStoredSide_IsShrunk()
    {
        using var folder = new DataFolder();
        string path = folder.Write("a-idx3-ubyte", DataFolder.Idx([1, 2, 4], [0, 2, 10, 20, 4, 6, 30, 40]));
        using var data = ImageDataset.Read(new DatasetOptions { Path = path, StoredSide = 1 });
        Assert.Equal((1, 2), data.SizeOf(0));
        // Columns average to 2 4 20 30; the triangle's weights are 3 3 1 and 1 3 3 of 7.
        Assert.Equal([5, 22], data.PixelsOf(0).ToArray());
    }

    [Fact]
    public void Read_VeryLongImage_KeepsItsMiddle()
    {
        using var folder = new DataFolder();
        string path = folder.Write("a-idx3-ubyte", DataFolder.Idx([1, 1, 7], [1, 2, 3, 4, 5, 6, 7]));
        using var data = ImageDataset.Read(new DatasetOptions { Path = path });
        Assert.Equal((1, 3), data.SizeOf(0));
        Assert.Equal([3, 4, 5], data.PixelsOf(0).ToArray());
    }
}
