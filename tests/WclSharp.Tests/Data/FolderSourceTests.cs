using WclSharp.Data;
using static WclSharp.Tests.Data.ListedImages;

namespace WclSharp.Tests.Data;

/// <summary>Images of a folder, their order and their classes.</summary>
public class FolderSourceTests
{
    [Fact]
    public void Read_ClassFolders_GiveClassesInOrdinalOrder()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["dog/2.jpg", "cat/deep/er/1.PNG", "cat/0.jpeg", "Zebra/x.bmp", "dog/10.jpg"])
            folder.Write(name, name.EndsWith("PNG", StringComparison.Ordinal) ? ImageFiles.Png16 : Jpeg);
        using var data = folder.Read();
        Assert.Equal(["Zebra/x.bmp", "cat/0.jpeg", "cat/deep/er/1.PNG", "dog/10.jpg", "dog/2.jpg"], Names(data));
        Assert.Equal(["Zebra", "cat", "dog"], data.ClassNames);
        Assert.Equal(["Zebra", "cat", "cat", "dog", "dog"], Classes(data));
        Assert.Equal(3, data.Channels);
    }

    [Theory]
    [InlineData("jpg"), InlineData("jpeg"), InlineData("jpe"), InlineData("jfif"), InlineData("png"), InlineData("webp"), InlineData("bmp"), InlineData("dib"), InlineData("gif"), InlineData("tif"), InlineData("tiff")]
    public void Read_EveryEndingOfAnImageFile_IsTaken_WhateverItsCase(string ending)
    {
        using var folder = new DataFolder();
        string[] names = [$"1.{ending}", $"2.{ending.ToUpperInvariant()}"];
        foreach (string name in names) folder.Write(name, Jpeg);
        folder.Write($"3.{ending}x", Jpeg);
        using var data = folder.Read();
        Assert.Equal(names, Names(data));
    }

    [Fact]
    public void Read_OneTopFolder_IsNoClass()
    {
        using var folder = new DataFolder();
        folder.Write("set/train/cat/1.jpg", Jpeg);
        folder.Write("set/train/dog/1.jpg", Jpeg);
        using var data = folder.Read();
        Assert.Equal(["cat", "dog"], Classes(data));
    }

    [Fact]
    public void Read_AllInOneFolder_IsUnlabelled()
    {
        using var folder = new DataFolder();
        folder.Write("photos/1.jpg", Jpeg);
        folder.Write("photos/2.jpg", Jpeg);
        using var data = folder.Read();
        Assert.False(data.HasLabels);
        Assert.Empty(data.ClassNames);
    }

    [Fact]
    public void Read_OneFolderNamedAsAGivenClass_IsThatClass()
    {
        using var folder = new DataFolder();
        folder.Write("test/cat/1.jpg", Jpeg);
        folder.Write("test/cat/2.jpg", Jpeg);
        using var data = folder.Read(o => o with { ClassNames = ["dog", "cat"] });
        Assert.Equal([1, 1], data.Labels.ToArray());
    }

    [Fact]
    public void Read_ImagesBesideClassFolders_AreUnlabelled()
    {
        using var folder = new DataFolder();
        folder.Write("loose.jpg", Jpeg);
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("dog/1.jpg", Jpeg);
        using var data = folder.Read();
        Assert.Equal(["cat/1.jpg", "dog/1.jpg", "loose.jpg"], Names(data));
        Assert.Equal(["cat", "dog", null], Classes(data));
    }

    [Fact]
    public void Read_NamesThatSortAroundTheSlash_AreInOrderOfTheirPaths()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["a/1.jpg", "a.jpg", "a b/1.jpg", "a0/1.jpg", "é/1.jpg"]) folder.Write(name, Jpeg);
        using var data = folder.Read();
        Assert.Equal(["a b/1.jpg", "a.jpg", "a/1.jpg", "a0/1.jpg", "é/1.jpg"], Names(data));
    }

    [Fact]
    public void Read_ManyFolders_KeepsPathOrderAcrossThem()
    {
        using var folder = new DataFolder();
        var expected = new List<string>();
        for (int i = 0; i < 60; i++)
            for (int j = 0; j < 3; j++)
            {
                string name = $"c{i % 7}/s{i}/{j}.jpg";
                folder.Write(name, Jpeg);
                expected.Add(name);
            }
        expected.Sort(StringComparer.Ordinal);
        using var data = folder.Read(o => o with { Workers = 4 });
        Assert.Equal(expected, Names(data));
        Assert.Equal(7, data.ClassNames.Count);
    }

    [Fact]
    public void Read_UnknownClassOfATestSet_IsAnError()
    {
        using var folder = new DataFolder();
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("cow/1.jpg", Jpeg);
        var error = Assert.Throws<WclUsageException>(() => folder.Read(o => o with { ClassNames = ["cat", "dog"] }));
        Assert.Contains("'cow'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyFolder_SaysWhatIsExpected()
    {
        using var folder = new DataFolder();
        folder.Write("readme.txt", "hi");
        var error = Assert.Throws<WclUsageException>(() => folder.Read());
        Assert.StartsWith($"No images under '{folder.Path}'; expected", error.Message, StringComparison.Ordinal);
        Assert.Contains("1 files there are no images", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoSuchPath_SaysSo() =>
        Assert.Contains("no file or folder", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = "/no/such/place" })).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_ASingleImage_SaysWhatToGive()
    {
        using var folder = new DataFolder();
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Write("a.jpg", Jpeg) }));
        Assert.Contains("give the folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DataSetsOfOtherKinds_AreToldHowToGive()
    {
        foreach (var (name, advice) in ((string, string)[])[("cifar-10-batches-bin/data_batch_2.bin", "is a CIFAR file, so give the folder that it lies in"), ("train-images-idx3-ubyte", "is an IDX file, so give the file itself")])
        {
            using var folder = new DataFolder();
            string file = folder.Write(name, new byte[3073]);
            Assert.Contains($"; '{file}' {advice} (1 files", Assert.Throws<WclUsageException>(() => folder.Read()).Message, StringComparison.Ordinal);
        }
    }
}
