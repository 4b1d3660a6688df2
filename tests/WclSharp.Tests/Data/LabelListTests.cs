using WclSharp.Data;
using WclSharp.Embedding;

namespace WclSharp.Tests.Data;

public class LabelListTests
{
    [Theory]
    [InlineData("Mu\u0308nchen/e\u0301te\u0301.jpg", "M\u00FCnchen/\u00E9t\u00E9.jpg")]
    [InlineData("Tie\u0302\u0301ng Vie\u0323\u0302t.jpg", "Ti\u1EBFng Vi\u1EC7t.jpg")]
    [InlineData("\u304B\u3099\u30CF\u309A.jpg", "\u304C\u30D1.jpg")]
    [InlineData("\u1112\u1161\u11AB\u1100\u1173\u11AF\u110B\u1175.jpg", "\uD55C\uAE00\uC774.jpg")]
    [InlineData("\u0438\u0306\u0435\u0308.jpg", "\u0439\u0451.jpg")]
    public void Read_LabelsOfNamesWithMarks_AreFound_ApartOrTogether(string apart, string together)
    {
        foreach (var (file, listed) in ((string, string)[])[(apart, together), (together, apart), (apart, apart)])
        {
            using var folder = new DataFolder();
            folder.Write($"x/{file}", ListedImages.Jpeg);
            folder.Write("x/b.jpg", ListedImages.Jpeg);
            using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = folder.Write("labels.csv", $"x/{listed},cat\n") });
            Assert.Equal(1, data.Labels.ToArray().Count(label => label == 0));
            Assert.Empty(data.Warnings);
        }
    }

    [Fact]
    public void Read_ClassesWithMarksApartAndTogether_AreOne()
    {
        const string Together = "\u00C4pfel", Apart = "A\u0308pfel";
        using var folder = new DataFolder();
        foreach (string name in (string[])["photos/1", "photos/2", "photos/3", $"tests/{Apart}/4", "tests/Birnen/5", $"one/{Apart}/6"]) folder.Write(name + ".jpg", ListedImages.Jpeg);
        using var labelled = ImageDataset.Read(new DatasetOptions { Path = folder["photos"], Labels = folder.Write("labels.csv", $"1.jpg,{Together}\n2.jpg,{Apart}\n3.jpg,Birnen\n") });
        Assert.Equal(["Birnen", Together], labelled.ClassNames);
        Assert.Equal([1, 1, 0], labelled.Labels.ToArray());
        foreach (string given in (string[])[Together, Apart])
        {
            using var tests = ImageDataset.Read(new DatasetOptions { Path = folder["tests"], ClassNames = ["Birnen", given] });
            Assert.Equal(["Birnen", Together], tests.ClassNames);
            Assert.Equal([1, 0], tests.Labels.ToArray());
            Assert.Equal([1, 0], tests.LabelsAmong(["Birnen", given]));
            using var one = ImageDataset.Read(new DatasetOptions { Path = folder["one"], ClassNames = [given, "Birnen"] }); // a common folder is a class where it is a given one
            Assert.Equal([0], one.Labels.ToArray());
        }
        using var source = ImageSources.Open(folder["tests"]);
        Assert.Equal(Together, new SourceLabels(null, source, SourceListing.Of(source, [], [], null, default), null, default).Of($"{Apart}/4.jpg", null));
    }

    [Fact]
    public void Read_LabelsOfImagesThatAreNotThere_AreNoClasses()
    {
        using var folder = ListedImages.Folder();
        string labels = folder.Write("labels.csv", "path,label\nimg/a.jpg,cat\nimg/gone.jpg,dragon\n");
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = labels });
        Assert.Equal(["cat"], data.ClassNames);
        Assert.Contains("1 of the 2 paths", Assert.Single(data.Warnings), StringComparison.Ordinal);
        Assert.EndsWith("is not among the images that were read there; the first is 'img/gone.jpg'.", data.Warnings[0], StringComparison.Ordinal);
        folder.Write("labels.csv", "path,label\nimg/gone.jpg,dragon\nimg/a.jpg,cat\nimg/far.jpg,dragon\n");
        using var some = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = labels, Limit = 2 });
        Assert.EndsWith("are not among the images that were read there; the first is 'img/gone.jpg'.", Assert.Single(some.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Labels_ReplaceTheFoldersAndLeaveOthersUnlabelled()
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["set/train/x/1.jpg", "set/train/x/2.jpg", "set/train/y/3.jpg", "set/train/y/4.jpg"]) folder.Write(name, ListedImages.Jpeg);
        // Paths from the top, and from the folder that all images have in common.
        string labels = folder.Write("labels.csv", "path,label\nset/train/x/1.jpg,b\ny/3.jpg,a\n");
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = labels });
        Assert.Equal(["a", "b"], data.ClassNames);
        Assert.Equal(["b", null, "a", null], ListedImages.Classes(data));
        Assert.Empty(data.Warnings);
    }

    [Fact]
    public void Read_LabelsOfNoImage_AreAnErrorAndOfSomeAWarning()
    {
        using var folder = ListedImages.Folder();
        var options = new DatasetOptions { Path = folder["img"], Labels = folder.Write("labels.csv", "q.jpg,b\n") };
        Assert.Contains("None of the 1 paths", Assert.Throws<WclUsageException>(() => ImageDataset.Read(options)).Message, StringComparison.Ordinal);
        folder.Write("labels.csv", "q.jpg,b\na.jpg,c\n");
        using var data = ImageDataset.Read(options);
        Assert.Contains("1 of the 2 paths", Assert.Single(data.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LabelsOfNoImage_AreAnErrorOfASubsetToo()
    {
        using var folder = ListedImages.Folder();
        var options = new DatasetOptions { Path = folder["img"], Limit = 1, Labels = folder.Write("labels.csv", "q.jpg,b\n") };
        Assert.Contains("None of the 1 paths", Assert.Throws<WclUsageException>(() => ImageDataset.Read(options)).Message, StringComparison.Ordinal);
        folder.Write("labels.csv", "a.jpg,c\nb.jpg,c\n"); // one of them is not drawn, but it is there
        using var data = ImageDataset.Read(options);
        Assert.Empty(data.Warnings);
    }

    [Theory]
    [InlineData("q.jpg,b", false)]
    [InlineData("1.jpg,b", false)] // without the folder of its class
    [InlineData("set/x/1.jpg,b", true)]
    [InlineData("x/1.jpg,b", true)] // of the first image, whose folder might be the one that all are in
    [InlineData("y/3.jpg,b", true)]
    public void Read_LabelsOfNoImage_AreToldOf_BeforeAnyIsDecoded(string row, bool known)
    {
        using var folder = new DataFolder();
        foreach (string name in (string[])["x/1", "x/2", "y/3"]) folder.Write($"photos/set/{name}.jpg", "no image");
        foreach (int? limit in (int?[])[null, 2])
        {
            var options = new DatasetOptions { Path = folder["photos"], Labels = folder.Write("labels.csv", row), Limit = limit };
            Assert.StartsWith(known ? "None of the " + (limit ?? 3) + " images can be read" : "None of the 1 paths in", Assert.ThrowsAny<WclException>(() => ImageDataset.Read(options)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a.jpg,x\na.jpg,y\n", "line 2")]
    [InlineData("a.jpg,\n", "names no class")]
    public void Read_LabelsThatContradictOrSayNothing_AreRefused(string text, string what)
    {
        using var folder = ListedImages.Folder();
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = folder["img"], Labels = folder.Write("labels.csv", text) }));
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_ManyRows_AreFound()
    {
        using var folder = new DataFolder();
        string path = folder.Write("labels.csv", string.Concat(Enumerable.Range(0, 5000).Select(i => $"f/{i}.jpg,c{i % 17}\n")));
        var list = LabelList.Read(path);
        Assert.Equal(5000, list.Count);
        for (int i = 0; i < 5000; i += 7) Assert.Equal($"c{i % 17}", list.Find(System.Text.Encoding.UTF8.GetBytes($"f/{i}.jpg")));
        Assert.Null(list.Find("f/5000.jpg"u8));
    }

    [Fact]
    public void Read_ClassOfUnreadableImagesOnly_IsNone()
    {
        using var folder = ListedImages.Folder();
        string list = folder.Write("list.csv", "img/a.jpg,cat\nimg/b.jpg,cat\n\"img/c, d.jpg\",cat\nimg/gone.jpg,dragon\n");
        using var all = ImageDataset.Read(new DatasetOptions { Path = list, MaxBad = 0.5 });
        Assert.Equal(["cat"], all.ClassNames);
        Assert.Equal(["cat", "cat", "cat"], ListedImages.Classes(all));
        var seen = new HashSet<int>();
        for (int seed = 0; seed < 12; seed++)
        {
            using var some = ImageDataset.Read(new DatasetOptions { Path = list, MaxBad = 0.5, Limit = 3, Seed = seed });
            seen.Add(some.BadImages);
            Assert.Equal(some.BadImages == 1 ? ["cat"] : (string[])["cat", "dragon"], some.ClassNames); // an image that is not drawn may be readable
        }
        Assert.Equal(2, seen.Count);
    }
}
