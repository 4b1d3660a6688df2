using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class ListSourceTests
{
    [Theory]
    [InlineData("list.csv", "path,label\nimg/a.jpg,cat\n\nimg/b.jpg,\n\"img/c, d.jpg\",\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "img/a.jpg,cat\r\n./img/b.jpg,\r\n\"img/c, d.jpg\",\"a \"\"dog\"\"\"")]
    [InlineData("list.tsv", "image\tlabel\nimg/a.jpg\tcat\nimg\\b.jpg\t\nimg/c, d.jpg\ta \"dog\"\n")]
    [InlineData("list.csv", "image_path,Species\nimg/a.jpg,cat\nimg/b.jpg,\n\"img/c, d.jpg\",\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "\uFEFFpath,label\nimg/a.jpg,cat\nimg/b.jpg,\n\"img/c, d.jpg\",\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "path;label\nimg/a.jpg;cat\nimg/b.jpg;\nimg/c, d.jpg;\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "img/a.jpg;cat\nimg/b.jpg;\nimg/c, d.jpg;\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "\"img/a.jpg\";cat\nimg/b.jpg;\n\"img/c, d.jpg\";\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "Datei;Klasse\nimg/a.jpg;cat\nimg/b.jpg;\nimg/c, d.jpg;\"a \"\"dog\"\"\"\n")]
    [InlineData("list.csv", "photo;label\nimg/a.jpg;cat\nimg/b.jpg;\nimg/c, d.jpg;\"a \"\"dog\"\"\"\n")]
    public void Read_List_GivesItsRowsInOrder(string name, string text)
    {
        using var folder = ListedImages.Folder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write(name, text) });
        Assert.Equal(["img/a.jpg", "img/b.jpg", "img/c, d.jpg"], Enumerable.Range(0, 3).Select(data.NameOf));
        Assert.Equal(["cat", null, "a \"dog\""], ListedImages.Classes(data));
    }

    [Fact]
    public void Read_APathWhoseMarksAreApartFromTheirLetters_IsTheFileOfThatName_AndTheOtherWayRound()
    {
        using var folder = new DataFolder();
        byte[] picture = ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png);
        folder.Write("Fl\u00FCsse/Ba\u0308r 1.png", picture); // each name in another form
        string list = folder.Write("list.csv", "Flu\u0308sse/B\u00E4r 1.png,B\u00E4r\nFl\u00FCsse/Ba\u0308r 1.png,Ba\u0308r\n");
        using var data = ImageDataset.Read(new DatasetOptions { Path = list });
        Assert.Equal((2, 0), (data.Count, data.BadImages));
        Assert.Equal("Fl\u00FCsse/Ba\u0308r 1.png", data.NameOf(0));
    }

    [Fact]
    public void Quote_WhatIsReadBack_IsTheSame()
    {
        using var folder = new DataFolder();
        string[] names = [" a/1.jpg", "a /2.jpg", "b;c/3.jpg", "d,e/4 .jpg", "f\"g/5.jpg", "6.jpg "];
        string list = folder.Write("list.csv", "path,label\n" + string.Concat(names.Select(name => $"{DelimitedFile.Quote(name)},{DelimitedFile.Quote(name[..2])}\n")));
        Assert.Equal(names.Select(name => (name, (string?)name[..2])), DelimitedFile.Read(list).Select(row => (row.Path, row.Label)));
        string paths = folder.Write("paths.csv", string.Concat(names.Select(name => $"{DelimitedFile.Quote(name)}\n")));
        Assert.Equal(names, DelimitedFile.Read(paths).Select(row => row.Path));
        Assert.Equal(["b;c.jpg"], DelimitedFile.Read(folder.Write("one.csv", "b;c.jpg\n")).Select(row => row.Path));
    }

    [Theory]
    [InlineData("=1+2.jpg"), InlineData("+1.jpg"), InlineData("-1.jpg"), InlineData("@1.jpg"), InlineData("\t1.jpg")]
    public void QuotePath_WhatASpreadsheetWouldCompute_BeginsWithADot_AndIsReadBack(string name)
    {
        using var folder = new DataFolder();
        Assert.Equal($"./{name}", DelimitedFile.QuotePath(name));
        var row = Assert.Single(DelimitedFile.Read(folder.Write("list.csv", $"path,label\n{DelimitedFile.QuotePath(name)},cat\n")));
        Assert.Equal((name, "cat"), (row.Path, row.Label));
        Assert.Equal($"a/{name}", DelimitedFile.QuotePath($"a/{name}"));
    }

    [Theory]
    [InlineData("c, d.jpg;cat", "c, d.jpg", "cat")]
    [InlineData("c, d.jpg\tcat", "c, d.jpg", "cat")]
    [InlineData("\"c, d.jpg\";cat", "c, d.jpg", "cat")]
    [InlineData("\"c, \"\"d, e\"\", f.jpg\";\"cat, dog\"", "c, \"d, e\", f.jpg", "cat, dog")]
    [InlineData("a.jpg;cat, dog", "a.jpg", "cat, dog")]
    [InlineData("a.jpg,cat; dog", "a.jpg", "cat; dog")]
    [InlineData("a;b.jpg,cat", "a;b.jpg", "cat")]
    [InlineData("\"a;b.jpg\",cat", "a;b.jpg", "cat")]
    [InlineData("6\" a.jpg,cat", "6\" a.jpg", "cat")]
    [InlineData("x;y,cat", "x;y", "cat")] // no image's name: as commas have it
    [InlineData("path;label, by hand\na.jpg;cat", "a.jpg", "cat")]
    public void Read_SeparatorOfAList_IsTheOneAfterThePath(string text, string path, string label)
    {
        using var folder = new DataFolder();
        var row = Assert.Single(DelimitedFile.Read(folder.Write("list.csv", text)));
        Assert.Equal((path, label), (row.Path, row.Label));
    }

    [Fact]
    public void Read_UnknownTitlesBetweenSemicolons_AreTold_ByTheRowBelow()
    {
        using var folder = ListedImages.Folder();
        using var labelled = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = folder.Write("labels.csv", "\"Datei\";\"Klasse\"\r\n\"img/c, d.jpg\";cat\r\n") });
        Assert.Equal([null, null, "cat"], ListedImages.Classes(labelled));
        Assert.Contains("header row: 'Datei'", Assert.Single(labelled.Warnings), StringComparison.Ordinal);

        var error = Assert.Throws<WclUsageException>(() => DelimitedFile.Read(folder.Write("list.csv", "Datei;Klasse\nimg/a.jpg;cat\nimg/b.jpg;dog;3\n")).Count());
        Assert.Contains("line 3: the line has 3 columns; expected path;label", error.Message, StringComparison.Ordinal);
        Assert.Equal([(1, "1;cat"), (2, "2;dog")], DelimitedFile.Read(folder.Write("list.csv", "1;cat\n2;dog\n")).Select(row => (row.Line, row.Path))); // nothing says what these are
        Assert.Equal(["a;b", "c;d.jpg"], DelimitedFile.Read(folder.Write("list.csv", "a;b\nc;d.jpg\n")).Select(row => row.Path));
    }

    [Fact]
    public void Read_ListOfPathsOnly_IsUnlabelled()
    {
        using var folder = ListedImages.Folder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", "img/b.jpg\nimg/a.jpg\n") });
        Assert.Equal((2, false), (data.Count, data.HasLabels));
    }

    [Fact]
    public void Read_ListWithAMissingFile_CountsItAsBad()
    {
        using var folder = ListedImages.Folder();
        string csv = folder["bad.csv"];
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", "img/a.jpg,x\nimg/nowhere.jpg,y\nimg,y\n"), MaxBad = 0.7, BadImagesFile = csv });
        Assert.Equal((1, 2), (data.Count, data.BadImages));
        Assert.Equal(["path,reason", "img/nowhere.jpg,there is no such file", "img,it is a folder"], File.ReadAllLines(csv));
    }

    [Theory]
    [InlineData("img/a.jpg,x\nimg/b.jpg,x,3\n", "line 2", "3 columns")]
    [InlineData("img/a.jpg,x\n\"img/b.jpg,x\n", "line 2", "not closed")]
    [InlineData("img/a.jpg,x\n\nimg/b.jpg\n", "line 3", "1 column")]
    [InlineData("path,label\n,x\n", "line 2", "no path")]
    [InlineData("path,label\n\"img/a.jpg\"z,x\n", "line 2", "closing quotation mark")]
    public void Read_MalformedLine_IsNamed(string text, string line, string what)
    {
        using var folder = ListedImages.Folder();
        var error = Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", text) }));
        Assert.Contains(line, error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ListThatIsNoText_SaysSo()
    {
        using var folder = ListedImages.Folder();
        string path = folder.Write("list.csv", [0x61, 0xFF, 0xFE, 0x2C, 0x0A]);
        Assert.Contains("UTF-8", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyList_SaysSo()
    {
        using var folder = ListedImages.Folder();
        string path = folder.Write("list.csv", "path,label\n");
        Assert.StartsWith("No images under", Assert.Throws<WclUsageException>(() => ImageDataset.Read(new DatasetOptions { Path = path })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AListThatNamesAnImageTwice_Warns()
    {
        using var folder = ListedImages.Folder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", "img/a.jpg,x\nimg/b.jpg,y\nimg/a.jpg,x\n") });
        Assert.Equal(3, data.Count);
        Assert.Contains("as line 3 does ('img/a.jpg')", Assert.Single(data.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("id,breed")]
    [InlineData("image_path,diagnosis")]
    public void Read_UnknownColumnNames_AreNoImage(string header)
    {
        using var folder = ListedImages.Folder();
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", $"{header}\nimg/a.jpg,cat\nimg/b.jpg,dog\n") });
        Assert.Equal((2, 0), (data.Count, data.BadImages));
        Assert.Equal(["cat", "dog"], data.ClassNames);
        Assert.EndsWith($"treated as a header row: '{header[..header.IndexOf(',', StringComparison.Ordinal)]}' is no image file.", Assert.Single(data.Warnings), StringComparison.Ordinal);

        using var labelled = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = folder.Write("labels.csv", $"{header}\nimg/a.jpg,cat\n") });
        Assert.Equal(["cat"], labelled.ClassNames);
        Assert.Contains("header row", Assert.Single(labelled.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FirstImageWithoutAnEnding_IsAnImage()
    {
        using var folder = ListedImages.Folder();
        folder.Write("img/x", ListedImages.Jpeg);
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", "img/x,cat\nimg/a.jpg,dog\n") });
        Assert.Equal(["img/x", "img/a.jpg"], Enumerable.Range(0, 2).Select(data.NameOf));
        Assert.Empty(data.Warnings);
        Assert.Equal(2, LabelList.Read(folder.Write("numbers.csv", "0,cat\n1,dog\n")).Count);
        Assert.Equal(1, LabelList.Read(folder.Write("one.csv", "x,cat\n")).Count);
    }

    [Fact]
    public void Quote_LineBreaks_AreReadBack_AndLinesAreCounted()
    {
        using var folder = new DataFolder();
        string[] names = ["a\nb/1.jpg", "c\r\n\r\nd/2.jpg", "e\rf/3.jpg", "\n.jpg"];
        string list = folder.Write("list.csv", "path,label\r\n" + string.Concat(names.Select(name => $"{DelimitedFile.Quote(name)},{DelimitedFile.Quote(name + "!")}\r\n")) + "x.jpg\r\n");
        var rows = new List<ListRow>();
        var error = Assert.Throws<WclUsageException>(() =>
        {
            foreach (var row in DelimitedFile.Read(list)) rows.Add(row);
        });
        Assert.Equal(names.Select(name => (name, (string?)(name + "!"))), rows.Select(row => (row.Path, row.Label)));
        Assert.Equal([2, 5, 10, 13], rows.Select(row => row.Line));
        Assert.Contains("line 16: the line has 1 column", error.Message, StringComparison.Ordinal);

        string open = folder.Write("open.csv", "a.jpg,x\n\"b.jpg,x\n" + string.Concat(Enumerable.Repeat("c.jpg,x\n", 20_000)));
        Assert.Contains("line 2: the line has a quotation mark that is not closed", Assert.Throws<WclUsageException>(() => DelimitedFile.Read(open).Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_BlanksAroundQuotes_AreNoPartOfTheField()
    {
        using var folder = new DataFolder();
        string list = folder.Write("list.csv", "a.jpg, \"cat\"\n \"b, c.jpg\" ,\t\" dog \" \n");
        Assert.Equal([("a.jpg", "cat"), ("b, c.jpg", " dog ")], DelimitedFile.Read(list).Select(row => (row.Path, row.Label!)));
        Assert.Equal([("a.jpg", "cat"), ("b.jpg", (string?)null)], DelimitedFile.Read(folder.Write("list.tsv", "a.jpg\t \"cat\"\nb.jpg\t\n")).Select(row => (row.Path, row.Label)));
    }

    [Fact]
    public void Read_BlanksAroundFields_AreNoPartOfThem()
    {
        using var folder = new DataFolder();
        Assert.Equal([("a.jpg", "cat"), ("b c.jpg", "my dog")], DelimitedFile.Read(folder.Write("list.csv", "a.jpg , cat \n b c.jpg,\tmy dog\n")).Select(row => (row.Path, row.Label!)));
        Assert.Equal([("a.jpg", "cat")], DelimitedFile.Read(folder.Write("list.tsv", " a.jpg\tcat \n")).Select(row => (row.Path, row.Label!)));
    }

    [Fact]
    public void Read_FilesWithBackslashesInTheirNames_AreFound()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("'\\' separates folders on Windows.");
        using var folder = new DataFolder();
        File.WriteAllBytes(folder["x"][..^1] + "cat\\1.jpg", ListedImages.Jpeg);
        folder.Write("dog/2.jpg", ListedImages.Jpeg);
        using var listed = ImageDataset.Read(new DatasetOptions { Path = folder.Write("list.csv", "cat\\1.jpg,a\ndog\\2.jpg,b\n") });
        Assert.Equal(["cat\\1.jpg", "dog/2.jpg"], Enumerable.Range(0, 2).Select(listed.NameOf));
        foreach (string rows in (string[])["cat\\1.jpg,a\ndog\\2.jpg,b\n", "cat/1.jpg,a\ndog/2.jpg,b\n"])
        {
            using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path, Labels = folder.Write("labels.csv", rows) });
            Assert.Equal(["a", "b"], ListedImages.Classes(data));
            Assert.Empty(data.Warnings);
        }
    }
}
