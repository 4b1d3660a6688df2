using WclSharp.Data;
using static WclSharp.Tests.Data.ListedImages;

namespace WclSharp.Tests.Data;

/// <summary>Folders and files that cannot be read: told of, and never waited for.</summary>
public class UnreadableFolderTests
{
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
        using var data = folder.Read(options => options with { MaxBad = 0.5, BadImagesFile = csv });
        Assert.Equal(["b/1.jpg", "d/2.jpg"], Names(data));
        string warning = Assert.Single(data.Warnings);
        Assert.Contains("cannot be listed", warning, StringComparison.Ordinal);
        Assert.EndsWith("All images in it are missing; its name is not UTF-8, rename it.", warning, StringComparison.Ordinal);
        Assert.Equal(2, data.BadImages);
        Assert.EndsWith(",the folder cannot be listed: its name is not UTF-8; rename it", File.ReadAllLines(csv)[2], StringComparison.Ordinal);
        Assert.EndsWith(",its name is not UTF-8; rename it", File.ReadAllLines(csv)[1], StringComparison.Ordinal);
        Assert.StartsWith("2 of 4 images (50%) cannot be read", Assert.Throws<WclException>(() => folder.Read(options => options with { MaxBad = 0.4 })).Message, StringComparison.Ordinal); // 2 of 4
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
        using (var made = System.Diagnostics.Process.Start("mkfifo", [folder["pipe.jpg"]])) made.WaitForExit();
        string csv = folder["bad.csv"];
        using var data = folder.Read(o => o with { MaxBad = 1, BadImagesFile = csv });
        Assert.Equal((1, 1), (data.Count, data.BadImages));
        Assert.Equal("pipe.jpg,\"it is a device or a pipe, not a file\"", File.ReadAllLines(csv)[1]);
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
