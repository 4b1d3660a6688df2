using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class CifarSourceTests
{
    private static byte[] Records(int labelBytes, params byte[] labels) =>
        [.. labels.SelectMany((label, i) => Enumerable.Repeat((byte)9, labelBytes - 1).Append(label).Concat(Enumerable.Range(0, 3072).Select(p => (byte)(p / 12 + i))))];

    [Fact]
    public void Read_Cifar10Folder_TakesTheTrainingBatchesInOrder()
    {
        using var folder = new DataFolder();
        folder.Write("data_batch_2.bin", Records(1, 1, 9));
        folder.Write("data_batch_1.bin", Records(1, 3));
        folder.Write("test_batch.bin", Records(1, 5));
        string[] names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
        folder.Write("batches.meta.txt", string.Join('\n', names) + "\n\n");
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        Assert.Equal((3, 3, (32, 32)), (data.Count, data.Channels, data.SizeOf(2)));
        Assert.Equal(["cat", "automobile", "truck"], data.Labels.ToArray().Select(label => data.ClassNames[label]));
        Assert.Equal(["data_batch_1/0", "data_batch_2/0", "data_batch_2/1"], Enumerable.Range(0, 3).Select(data.NameOf));
        Assert.Equal(Records(1, 1, 9)[(3073 + 1)..], data.PixelsOf(2).ToArray());

        using var test = ImageDataset.Read(new DatasetOptions { Path = folder["test_batch.bin"], ClassNames = names });
        Assert.Equal([5], test.Labels.ToArray());
    }

    [Fact]
    public void Read_Cifar100_TakesTheFineLabels()
    {
        using var folder = new DataFolder();
        folder.Write("fine_label_names.txt", string.Join('\n', Enumerable.Range(0, 100).Select(i => $"fine{i:00}")));
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("train.bin", Records(2, 42, 7)) });
        Assert.Equal(["fine42", "fine07"], data.Labels.ToArray().Select(label => data.ClassNames[label]));
    }

    [Fact]
    public void Read_WithoutNames_UsesTheNumbers()
    {
        using var folder = new DataFolder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("data_batch_1.bin", Records(1, 3, 0)) });
        Assert.Equal(["0", "3"], data.ClassNames);
        Assert.Equal([1, 0], data.Labels.ToArray());
        using var hundred = ImageDataset.Read(new DatasetOptions { Path = folder.Write("train.bin", Records(2, 42, 99)) });
        Assert.Equal(["42", "99"], hundred.Labels.ToArray().Select(label => hundred.ClassNames[label]));
    }

    [Fact]
    public void Read_WrongSize_SaysSo()
    {
        using var folder = new DataFolder();
        string path = folder.Write("data_batch_1.bin", new byte[5000]);
        Assert.Contains("5,000 bytes", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LabelOutOfRange_SaysSo()
    {
        using var folder = new DataFolder();
        string path = folder.Write("data_batch_1.bin", Records(1, 3, 77));
        Assert.Contains("label 77", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LargerThanStoredSide_IsShrunkInEveryPlane()
    {
        using var folder = new DataFolder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("data_batch_1.bin", Records(1, 3)), StoredSide = 16 });
        Assert.Equal((16, 16), data.SizeOf(0));
        var pixels = data.PixelsOf(0);
        Assert.InRange(pixels[8 * 16 + 8], 40, 47);                // planes go from 0 to 85, to 170, to 255
        Assert.InRange(pixels[256 + 8 * 16 + 8], 125, 132);
        Assert.InRange(pixels[512 + 8 * 16 + 8], 210, 217);
    }

    [Theory]
    [InlineData("train.bin", 5000, "cat/1.jpg")] // no number of records, images anywhere
    [InlineData("train.bin", 3073, "1.jpg")]     // a number of records, images beside
    [InlineData("test.bin", 0, "1.jpg")]
    public void Read_FolderOfImages_WithAFileOfSuchAName_IsRead(string name, int size, string image)
    {
        using var folder = new DataFolder();
        folder.Write(name, new byte[size]);
        folder.Write(image, ImageFiles.Jpeg());
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        Assert.Equal([image], Enumerable.Range(0, data.Count).Select(data.NameOf));
    }

    [Fact]
    public void Read_FolderOfDamagedFiles_SaysSo()
    {
        using var folder = new DataFolder();
        folder.Write("data_batch_1.bin", Records(1, 3));
        folder.Write("data_batch_2.bin", new byte[5000]);
        Assert.Contains("data_batch_2.bin' has 5,000 bytes", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Path })).Message, StringComparison.Ordinal);
        folder.Write("data_batch_2.bin", Records(1, 4));
        folder.Write("cat/1.jpg", ImageFiles.Jpeg()); // not beside them
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        Assert.Equal((32, 32), data.SizeOf(1));
        Assert.Equal(2, data.Count);
    }
}
