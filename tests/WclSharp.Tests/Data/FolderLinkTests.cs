using WclSharp.Data;
using static WclSharp.Tests.Data.ListedImages;

namespace WclSharp.Tests.Data;

/// <summary>Links among the folders and files of a folder: an image is read once.</summary>
public class FolderLinkTests
{
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
        using var data = folder.Read();
        string[] names = Names(data);
        Assert.Empty(new[] { "a/1.jpg", "b/1.jpg", "cows/cow.jpg" }.Except(names));
        Assert.InRange(names.Length, 3, 12);
        using var again = folder.Read();
        Assert.Equal(data.Fingerprint, again.Fingerprint);
    }

    [Fact]
    public void Read_ALinkToAFolderAbove_ReadsWhatElseIsThere_AndNotTheImagesAgain()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        using var folder = new DataFolder();
        folder.Write("set/photos/cat/1.jpg", Jpeg);
        folder.Write("set/other/2.jpg", Jpeg);
        Directory.CreateSymbolicLink(folder["set/photos/up"], folder["set"]);
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder["set/photos"] });
        Assert.Equal(["cat/1.jpg", "up/other/2.jpg"], Names(data));
        Assert.Contains("up/photos' is passed over", Assert.Single(data.Warnings), StringComparison.Ordinal);
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
        using var inside = folder.Read();
        Assert.Equal(["cat/1.jpg", "dog/2.jpg"], Names(inside));
        Assert.Contains("kitten' is passed over", Assert.Single(inside.Warnings), StringComparison.Ordinal);

        Directory.Delete(folder["kitten"]);
        Directory.CreateSymbolicLink(folder["hidden"], "dog/.hidden"); // not read by itself
        Directory.CreateSymbolicLink(folder["outer"], elsewhere.Path);
        Directory.CreateSymbolicLink(folder["outside"], elsewhere.Path);
        Directory.CreateSymbolicLink(folder["over"], elsewhere["old"]);
        using var outside = folder.Read();
        Assert.Equal(["cat/1.jpg", "dog/2.jpg", "hidden/3.jpg", "outer/old/4.jpg"], Names(outside));
        Assert.StartsWith("2 names, as", Assert.Single(outside.Warnings), StringComparison.Ordinal);

        Directory.CreateSymbolicLink(folder["a"], elsewhere["old"]); // first the inner folder, then the one around it
        using var innerFirst = folder.Read();
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
        using var one = folder.Read();
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
        using var more = folder.Read(options => options with { MaxBad = 0.5 });
        Assert.Equal(["cat/1.jpg", "dog/2.jpg", "dog/3.jpg", "dog/4.jpg"], Names(more));
        Assert.Equal(2, more.BadImages);
        Assert.StartsWith($"2 names, as '{folder.Path}/dog/5.jpg', are passed over", more.Warnings[0], StringComparison.Ordinal);

        Directory.CreateSymbolicLink(folder["all"], elsewhere.Path); // from here on the folder outside is read, too
        using var through = folder.Read(options => options with { MaxBad = 0.5 });
        Assert.Equal(["all/4.jpg", "cat/1.jpg", "dog/2.jpg", "dog/3.jpg"], Names(through));
    }
}
