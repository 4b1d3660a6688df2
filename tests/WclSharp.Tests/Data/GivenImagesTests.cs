using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class GivenImagesTests
{
    private static readonly EncodedImage[] Few = [.. Enumerable.Range(0, 30).Select(i => new EncodedImage($"db/{i:00}", ImageFiles.Jpeg(16 + i % 5, 24 + i % 7), i % 3 == 2 ? null : $"class {i % 3}"))];

    [Fact]
    public void Read_IsWhatFilesOfTheSameBytesAre()
    {
        using var folder = new DataFolder();
        foreach (var image in Few) folder.Write($"{image.Name}.jpg", image.Content.ToArray());
        using var files = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        using var given = ImageDataset.Read(Few, new DatasetOptions { Workers = 3 });
        Assert.Equal((30, "db/07"), (given.Count, given.NameOf(7)));
        for (int i = 0; i < given.Count; i++) Assert.True(files.PixelsOf(i).SequenceEqual(given.PixelsOf(i)));
        Assert.Equal(["class 0", "class 1"], given.ClassNames);
        Assert.Equal([0, 1, -1], given.Labels[..3].ToArray());
    }

    [Fact]
    public void Read_ALimit_DrawsAsFromFiles()
    {
        using var all = ImageDataset.Read(Few);
        using var some = ImageDataset.Read(Few, new DatasetOptions { Limit = 10, Seed = 3 });
        Assert.Equal(10, some.Count);
        string[] drawn = [.. Enumerable.Range(0, 10).Select(some.NameOf)];
        Assert.Equal(drawn.Order(StringComparer.Ordinal).Distinct(), drawn);
        int of = Array.FindIndex(Few, image => image.Name == drawn[4]);
        Assert.True(all.PixelsOf(of).SequenceEqual(some.PixelsOf(4)));
    }

    [Fact]
    public void Read_WhatCannotBeRead_IsSaid()
    {
        Assert.Contains("No images were given", Assert.Throws<WclUsageException>(() => ImageDataset.Read([])).Message, StringComparison.Ordinal);
        Assert.Contains("'photos'", Assert.Throws<WclUsageException>(() => ImageDataset.Read(Few, new DatasetOptions { Path = "photos" })).Message, StringComparison.Ordinal);
        Assert.Contains("Image 30", Assert.Throws<WclUsageException>(() => ImageDataset.Read([.. Few, null!])).Message, StringComparison.Ordinal);
        Assert.Contains("Image 30 of those given has a name that is null", Assert.Throws<WclUsageException>(() => ImageDataset.Read([.. Few, Few[0] with { Name = null! }])).Message, StringComparison.Ordinal);
        EncodedImage[] damaged = [.. Few, new("no image", "text"u8.ToArray()), new("empty", default)];
        Assert.Throws<WclException>(() => ImageDataset.Read(damaged));
        using var rest = ImageDataset.Read(damaged, new DatasetOptions { MaxBad = 0.1 });
        Assert.Equal((30, 2), (rest.Count, rest.BadImages));
    }
}
