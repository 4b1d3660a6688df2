using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class FolderSourceTests
{
    private static readonly byte[] Jpeg = ImageFiles.Jpeg();

    private static string[] Names(ImageDataset data) => [.. Enumerable.Range(0, data.Count).Select(data.NameOf)];

    private static string?[] Classes(ImageDataset data) => [.. data.Labels.ToArray().Select(label => label < 0 ? null : data.ClassNames[label])];

    private static ImageDataset Read(DataFolder folder, Func<DatasetOptions, DatasetOptions>? with = null)
    {
        var options = new DatasetOptions { Path = folder.Path };
        return ImageDataset.Read(with is null ? options : with(options));
    }

    [Fact]
    public void Read_ClassFolders_GiveClassesInOrdinalOrder()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["dog/2.jpg", "cat/deep/er/1.PNG", "cat/0.jpeg", "Zebra/x.bmp", "dog/10.jpg"])
            folder.Write(name, name.EndsWith("PNG", StringComparison.Ordinal) ? ImageFiles.Png16 : Jpeg);
        using var data = Read(folder);
        Assert.Equal(["Zebra/x.bmp", "cat/0.jpeg", "cat/deep/er/1.PNG", "dog/10.jpg", "dog/2.jpg"], Names(data));
        Assert.Equal(["Zebra", "cat", "dog"], data.ClassNames);
        Assert.Equal(["Zebra", "cat", "cat", "dog", "dog"], Classes(data));
        Assert.Equal(3, data.Channels);
    }

    [Fact]
    public void Read_FoldersOfRuns_AreLeftOut_WithAWarning()
    {
        using var folder = new DataFolder();
        folder.Write("photos/1.jpg", Jpeg);
        folder.Write("photos/2.jpg", Jpeg);
        using var before = Read(folder);
        folder.Write("photos/runs/a/config.json", "{}");
        folder.Write("photos/runs/a/train.log", "");
        folder.Write("photos/runs/a/plots/curves.jpg", Jpeg);
        folder.Write("photos/compared/config.json", "{}");
        folder.Write("photos/compared/compare.json", "{}");
        folder.Write("photos/compared/plots/accuracy_over_time.jpg", Jpeg);
        using var after = Read(folder);
        Assert.Equal(Names(before), Names(after));
        Assert.Equal(before.Fingerprint, after.Fingerprint);
        Assert.Contains("holds results of wcl", Assert.Single(after.Warnings), StringComparison.Ordinal);
        // A folder that is asked for by name is read.
        using var asked = ImageDataset.Read(new DatasetOptions { Path = System.IO.Path.Combine(folder.Path, "photos", "runs", "a") });
        Assert.Equal(1, asked.Count);
    }

    [Fact]
    public void Read_InnerFolderThatCannotBeListed_IsABadImage_WithAWarning()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Elsewhere names cannot be such bytes.");
        using var folder = new DataFolder();
        folder.Write("b/1.jpg", Jpeg);
        folder.Write("d/2.jpg", Jpeg);
        // "München" in Latin-1, as old archives have it: .NET cannot name it.
        using (var shell = System.Diagnostics.Process.Start("bash", ["-c", "mkdir \"$0\"/$'c_M\\xfcnchen' && cp \"$0\"/b/1.jpg \"$0\"/$'c_M\\xfcnchen'/3.jpg && cp \"$0\"/b/1.jpg \"$0\"/d/$'\\xfc.jpg'", folder.Path])!) shell.WaitForExit();
        string csv = folder["bad.csv"];
        using var end = new Shell($"rm -r \"{folder.Path}\"/c_* \"{folder.Path}\"/d"); // before the folder goes, which .NET could not empty
        using var data = Read(folder, options => options with { MaxBad = 0.5, BadImagesFile = csv });
        Assert.Equal(["b/1.jpg", "d/2.jpg"], Names(data));
        string warning = Assert.Single(data.Warnings);
        Assert.Contains("cannot be listed", warning, StringComparison.Ordinal);
        Assert.EndsWith("All images in it are missing; its name is not UTF-8, rename it.", warning, StringComparison.Ordinal);
        Assert.Equal(2, data.BadImages);
        Assert.EndsWith(",the folder cannot be listed: its name is not UTF-8; rename it", File.ReadAllLines(csv)[2], StringComparison.Ordinal);
        Assert.EndsWith(",its name is not UTF-8; rename it", File.ReadAllLines(csv)[1], StringComparison.Ordinal);
        Assert.StartsWith("2 of 4 images (50%) cannot be read", Assert.Throws<WclException>(() => Read(folder, options => options with { MaxBad = 0.4 })).Message, StringComparison.Ordinal); // 2 of 4
        Assert.Contains("cannot be listed", Assert.Throws<WclUsageException>(() => new FolderSource(folder["nowhere"]).Images(_ => true).Count()).Message, StringComparison.Ordinal);
    }

    /// <summary>Its name is no image's: classes are what they are without it, also where all others lie in one folder beside it.</summary>
    [Fact]
    public void Read_AFolderThatCannotBeListed_BesideTheCommonFolder_LeavesTheClasses()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Elsewhere names cannot be such bytes.");
        using var folder = new DataFolder();
        foreach (string name in (string[])["cat/1", "cat/2", "dog/3", "dog/4"]) folder.Write($"set/train/{name}.jpg", Jpeg);
        folder.Write("labels.csv", "path,label\ncat/1.jpg,a\ndog/3.jpg,b\n");
        string set = folder["set"];
        using (var shell = System.Diagnostics.Process.Start("bash", ["-c", "mkdir \"$0\"/$'c_\\xfc'", set])!) shell.WaitForExit();
        using var end = new Shell($"rm -r \"{set}\"/c_*");
        foreach (int? limit in (int?[])[null, 3, 4])
        {
            using var data = ImageDataset.Read(new DatasetOptions { Path = set, MaxBad = 0.5, Limit = limit });
            Assert.Equal((limit ?? 4, 1), (data.Count, data.BadImages));
            Assert.Equal(["cat", "dog"], data.ClassNames);
        }
        using var labelled = ImageDataset.Read(new DatasetOptions { Path = set, MaxBad = 0.5, Labels = folder["labels.csv"] });
        Assert.Equal(["a", "b"], labelled.ClassNames);
        Assert.Equal(2, labelled.LabelledCount);
    }

    [Fact]
    public void Read_OneTopFolder_IsNoClass()
    {
        using var folder = new DataFolder();
        folder.Write("set/train/cat/1.jpg", Jpeg);
        folder.Write("set/train/dog/1.jpg", Jpeg);
        using var data = Read(folder);
        Assert.Equal(["cat", "dog"], Classes(data));
    }

    [Fact]
    public void Read_AllInOneFolder_IsUnlabelled()
    {
        using var folder = new DataFolder();
        folder.Write("photos/1.jpg", Jpeg);
        folder.Write("photos/2.jpg", Jpeg);
        using var data = Read(folder);
        Assert.False(data.HasLabels);
        Assert.Empty(data.ClassNames);
    }

    [Fact]
    public void Read_OneFolderNamedAsAGivenClass_IsThatClass()
    {
        using var folder = new DataFolder();
        folder.Write("test/cat/1.jpg", Jpeg);
        folder.Write("test/cat/2.jpg", Jpeg);
        using var data = Read(folder, o => o with { ClassNames = ["dog", "cat"] });
        Assert.Equal([1, 1], data.Labels.ToArray());
    }

    [Fact]
    public void Read_ImagesBesideClassFolders_AreUnlabelled()
    {
        using var folder = new DataFolder();
        folder.Write("loose.jpg", Jpeg);
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("dog/1.jpg", Jpeg);
        using var data = Read(folder);
        Assert.Equal(["cat/1.jpg", "dog/1.jpg", "loose.jpg"], Names(data));
        Assert.Equal(["cat", "dog", null], Classes(data));
    }

    [Fact]
    public void Read_NamesThatSortAroundTheSlash_AreInOrderOfTheirPaths()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["a/1.jpg", "a.jpg", "a b/1.jpg", "a0/1.jpg", "é/1.jpg"]) folder.Write(name, Jpeg);
        using var data = Read(folder);
        Assert.Equal(["a b/1.jpg", "a.jpg", "a/1.jpg", "a0/1.jpg", "é/1.jpg"], Names(data));
    }

    [Fact]
    public void Read_WhatIsNoImage_IsPassedOver()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["a.jpg", "notes.txt", "Thumbs.db", ".DS_Store", ".hidden.jpg", ".git/b.jpg", "cat/labels.csv"]) folder.Write(name, Jpeg);
        using var data = Read(folder);
        Assert.Equal(["a.jpg"], Names(data));
        Assert.Equal(3, data.Ignored); // hidden ones are not looked at
        Assert.Equal(0, data.BadImages);
    }

    [Fact]
    public void Read_UnknownClassOfATestSet_IsAnError()
    {
        using var folder = new DataFolder();
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("cow/1.jpg", Jpeg);
        var error = Assert.Throws<WclUsageException>(() => Read(folder, o => o with { ClassNames = ["cat", "dog"] }));
        Assert.Contains("'cow'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyFolder_SaysWhatIsExpected()
    {
        using var folder = new DataFolder();
        folder.Write("readme.txt", "hi");
        var error = Assert.Throws<WclUsageException>(() => Read(folder));
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
    public void Read_LinkLoops_EndAndLinkedFoldersAreRead()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        using var folder = new DataFolder();
        using var elsewhere = new DataFolder();
        elsewhere.Write("cow.jpg", Jpeg);
        folder.Write("a/1.jpg", Jpeg);
        folder.Write("b/1.jpg", Jpeg);
        Directory.CreateSymbolicLink(folder["a/up"], folder.Path);
        Directory.CreateSymbolicLink(folder["a/b"], "../b");
        Directory.CreateSymbolicLink(folder["b/a"], "../a");
        Directory.CreateSymbolicLink(folder["b/self"], ".");
        Directory.CreateSymbolicLink(folder["loop"], "loop");
        Directory.CreateSymbolicLink(folder["cows"], elsewhere.Path);
        File.CreateSymbolicLink(folder["b/2.jpg"], "1.jpg");
        using var data = Read(folder);
        string[] names = Names(data);
        Assert.Empty(new[] { "a/1.jpg", "b/1.jpg", "cows/cow.jpg" }.Except(names));
        Assert.InRange(names.Length, 3, 12);
        using var again = Read(folder);
        Assert.Equal(data.Fingerprint, again.Fingerprint);
    }

    [Fact]
    public void Read_LinksToFoldersThatAreReadAnyway_ArePassedOver_WithAWarning()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        using var folder = new DataFolder();
        using var elsewhere = new DataFolder();
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("dog/2.jpg", Jpeg);
        folder.Write("dog/.hidden/3.jpg", Jpeg);
        elsewhere.Write("old/4.jpg", Jpeg);
        Directory.CreateSymbolicLink(folder["kitten"], "cat");
        using var inside = Read(folder);
        Assert.Equal(["cat/1.jpg", "dog/2.jpg"], Names(inside));
        Assert.Contains("kitten' is passed over", Assert.Single(inside.Warnings), StringComparison.Ordinal);

        Directory.Delete(folder["kitten"]);
        Directory.CreateSymbolicLink(folder["hidden"], "dog/.hidden"); // not read by itself
        Directory.CreateSymbolicLink(folder["outer"], elsewhere.Path);
        Directory.CreateSymbolicLink(folder["outside"], elsewhere.Path);
        Directory.CreateSymbolicLink(folder["over"], elsewhere["old"]);
        using var outside = Read(folder);
        Assert.Equal(["cat/1.jpg", "dog/2.jpg", "hidden/3.jpg", "outer/old/4.jpg"], Names(outside));
        Assert.StartsWith("2 names, as", Assert.Single(outside.Warnings), StringComparison.Ordinal);

        Directory.CreateSymbolicLink(folder["a"], elsewhere["old"]); // first the inner folder, then the one around it
        using var innerFirst = Read(folder);
        Assert.Equal(["a/4.jpg", "cat/1.jpg", "dog/2.jpg", "hidden/3.jpg"], Names(innerFirst));
    }

    [Fact]
    public void Read_LinksToFilesThatAreReadAnyway_ArePassedOver_WithAWarning()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        using var folder = new DataFolder();
        using var elsewhere = new DataFolder();
        folder.Write("cat/1.jpg", Jpeg);
        folder.Write("cat/.hidden/2.jpg", Jpeg);
        folder.Write("cat/3", Jpeg);
        elsewhere.Write("4.jpg", Jpeg);
        File.CreateSymbolicLink(folder["dog/1.jpg"], "../cat/1.jpg");
        using var one = Read(folder);
        Assert.Equal(["cat/1.jpg"], Names(one));
        Assert.StartsWith($"The file '{folder.Path}/dog/1.jpg' is passed over: what it leads to, ", Assert.Single(one.Warnings), StringComparison.Ordinal);
        Assert.Equal(2, one.Ignored);

        // What is not read otherwise: hidden, without an image's name, outside, also by way of another link.
        File.CreateSymbolicLink(folder["dog/2.jpg"], "../cat/.hidden/2.jpg");
        File.CreateSymbolicLink(folder["dog/3.jpg"], "../cat/3");
        File.CreateSymbolicLink(folder["dog/4.jpg"], elsewhere["4.jpg"]);
        File.CreateSymbolicLink(elsewhere["back.jpg"], folder["cat/1.jpg"]);
        File.CreateSymbolicLink(folder["dog/5.jpg"], elsewhere["back.jpg"]); // leads back to what is
        File.CreateSymbolicLink(folder["dog/gone.jpg"], "../cat/gone.jpg");
        File.CreateSymbolicLink(folder["dog/loop.jpg"], "loop.jpg");
        using var more = Read(folder, options => options with { MaxBad = 0.5 });
        Assert.Equal(["cat/1.jpg", "dog/2.jpg", "dog/3.jpg", "dog/4.jpg"], Names(more));
        Assert.Equal(2, more.BadImages);
        Assert.StartsWith($"2 names, as '{folder.Path}/dog/5.jpg', are passed over", more.Warnings[0], StringComparison.Ordinal);

        Directory.CreateSymbolicLink(folder["all"], elsewhere.Path); // from here on the folder outside is read, too
        using var through = Read(folder, options => options with { MaxBad = 0.5 });
        Assert.Equal(["all/4.jpg", "cat/1.jpg", "dog/2.jpg", "dog/3.jpg"], Names(through));
    }

    [Fact]
    public void Read_FoldersOfSystems_AreLeftOut()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["cat/1.jpg", "cat/@eaDir/2.jpg", "__macosx/3.jpg", "$RECYCLE.BIN/4.jpg", "#recycle/5.jpg", "System Volume Information/6.jpg", "recycle/7.jpg"]) folder.Write(name, Jpeg);
        using var data = Read(folder);
        Assert.Equal(["cat/1.jpg", "recycle/7.jpg"], Names(data));
        Assert.Equal(5, data.Ignored);
        using var asked = ImageDataset.Read(new DatasetOptions { Path = folder["cat/@eaDir"] });
        Assert.Equal(1, asked.Count);
    }

    [Fact]
    public void Read_DataSetsOfOtherKinds_AreToldHowToGive()
    {
        foreach (var (name, advice) in ((string, string)[])[("cifar-10-batches-bin/data_batch_2.bin", "is a CIFAR file, so give the folder that it lies in"), ("train-images-idx3-ubyte", "is an IDX file, so give the file itself")])
        {
            using var folder = new DataFolder();
            string file = folder.Write(name, new byte[3073]);
            Assert.Contains($"; '{file}' {advice} (1 files", Assert.Throws<WclUsageException>(() => Read(folder)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_SheetsOfSuggestions_AreLeftOut_WithAWarning()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["1.jpg", "suggest/suggestions.csv", "suggest/suggestions.png", "cat/suggestions.csv", "cat/suggestions.png", "cat/2.jpg", "dog/suggestions.png"]) folder.Write(name, Jpeg);
        using var data = Read(folder);
        Assert.Equal(["1.jpg", "cat/2.jpg", "dog/suggestions.png"], Names(data)); // the last has no list beside it
        Assert.Contains("is a sheet of wcl suggest", Assert.Single(data.Warnings), StringComparison.Ordinal);
        Assert.Equal(4, data.Ignored);
    }

    /// <summary>A command gets such a name with this sign where bytes are no UTF-8.</summary>
    [Fact]
    public void Read_AFolderWhoseNameIsNotUtf8_SaysSo() =>
        Assert.Equal("There is no file or folder 'M\uFFFDnchen': its name is not UTF-8; rename it.", Assert.Throws<WclUsageException>(() => ImageSources.Open("M\uFFFDnchen")).Message);

    [Fact]
    public void Read_APipeNamedLikeAnImage_DoesNotHang()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Named pipes are files on Unix only.");
        using var folder = new DataFolder();
        folder.Write("a.jpg", Jpeg);
        using (var made = System.Diagnostics.Process.Start("mkfifo", folder["pipe.jpg"])) made.WaitForExit();
        string csv = folder["bad.csv"];
        using var data = Read(folder, o => o with { MaxBad = 1, BadImagesFile = csv });
        Assert.Equal((1, 1), (data.Count, data.BadImages));
        Assert.Equal("pipe.jpg,\"it is a device or a pipe, not a file\"", File.ReadAllLines(csv)[1]);
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
        using var data = Read(folder, o => o with { Workers = 4 });
        Assert.Equal(expected, Names(data));
        Assert.Equal(7, data.ClassNames.Count);
    }

    /// <summary>Runs a command at the end of a block.</summary>
    private sealed class Shell(string command) : IDisposable
    {
        public void Dispose()
        {
            using var shell = System.Diagnostics.Process.Start("bash", ["-c", command])!;
            shell.WaitForExit();
        }
    }
}
