using WclSharp.Data;
using static WclSharp.Tests.Data.ListedImages;

namespace WclSharp.Tests.Data;

/// <summary>Folders and files that are no images to train on.</summary>
public class FolderExclusionTests
{
    [Fact]
    public void Read_WhatIsNoImage_IsPassedOver()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["a.jpg", "notes.txt", "Thumbs.db", ".DS_Store", ".hidden.jpg", ".git/b.jpg", "cat/labels.csv"]) folder.Write(name, Jpeg);
        using var data = folder.Read();
        Assert.Equal(["a.jpg"], Names(data));
        Assert.Equal(3, data.Ignored); // hidden ones are not looked at
        Assert.Equal(0, data.BadImages);
    }

    [Fact]
    public void Read_FoldersOfSystems_AreLeftOut()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["cat/1.jpg", "cat/@eaDir/2.jpg", "__macosx/3.jpg", "$RECYCLE.BIN/4.jpg", "#recycle/5.jpg", "System Volume Information/6.jpg", "recycle/7.jpg"]) folder.Write(name, Jpeg);
        using var data = folder.Read();
        Assert.Equal(["cat/1.jpg", "recycle/7.jpg"], Names(data));
        Assert.Equal(5, data.Ignored);
        using var asked = ImageDataset.Read(new DatasetOptions { Path = folder["cat/@eaDir"] });
        Assert.Equal(1, asked.Count);
    }

    [Fact]
    public void Read_FoldersOfRuns_AreLeftOut_WithAWarning()
    {
        using var folder = new DataFolder();
        folder.Write("photos/1.jpg", Jpeg);
        folder.Write("photos/2.jpg", Jpeg);
        using var before = folder.Read();
        folder.Write("photos/runs/a/config.json", "{}");
        folder.Write("photos/runs/a/train.log", "");
        folder.Write("photos/runs/a/plots/curves.jpg", Jpeg);
        folder.Write("photos/compared/config.json", "{}");
        folder.Write("photos/compared/compare.json", "{}");
        folder.Write("photos/compared/plots/accuracy_over_time.jpg", Jpeg);
        using var after = folder.Read();
        Assert.Equal(Names(before), Names(after));
        Assert.Equal(before.Fingerprint, after.Fingerprint);
        Assert.Contains("holds results of wcl", Assert.Single(after.Warnings), StringComparison.Ordinal);
        // A folder that is asked for by name is read.
        using var asked = ImageDataset.Read(new DatasetOptions { Path = System.IO.Path.Combine(folder.Path, "photos", "runs", "a") });
        Assert.Equal(1, asked.Count);
    }

    [Theory]
    [InlineData("train.log"), InlineData("metrics.jsonl"), InlineData("compare.json"), InlineData("draws.jsonl")]
    public void Read_AFolderWithOptionsAndARecord_IsOneOfResults(string record)
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["1.jpg", "out/config.json", $"out/{record}", "out/plots/2.jpg", "options/config.json", "options/3.jpg", $"record/{record}", "record/4.jpg"]) folder.Write(name, Jpeg);
        using var data = folder.Read();
        Assert.Equal(["1.jpg", "options/3.jpg", "record/4.jpg"], Names(data));
    }

    [Fact]
    public void Read_SheetsOfSuggestions_AreLeftOut_WithAWarning()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["1.jpg", "suggest/suggestions.csv", "suggest/suggestions.png", "cat/suggestions.csv", "cat/suggestions.png", "cat/2.jpg", "dog/suggestions.png"]) folder.Write(name, Jpeg);
        using var data = folder.Read();
        Assert.Equal(["1.jpg", "cat/2.jpg", "dog/suggestions.png"], Names(data)); // the last has no list beside it
        Assert.Contains("is a sheet of wcl suggest", Assert.Single(data.Warnings), StringComparison.Ordinal);
        Assert.Equal(4, data.Ignored);
    }
}
