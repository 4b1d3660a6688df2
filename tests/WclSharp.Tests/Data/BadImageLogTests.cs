using WclSharp.Data;

namespace WclSharp.Tests.Data;

public sealed class BadImageLogTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Add_UntilAllImagesWereLookedAt_LeavesTheListOfBefore()
    {
        string csv = folder.Write("bad_images.csv", "path,reason\nold.png,gone\n");
        using (var stopped = new BadImageLog(csv)) stopped.Add("a.jpg", "cut short");
        Assert.Equal(["path,reason", "old.png,gone"], File.ReadAllLines(csv));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path)); // nothing is left of the other

        using var log = new BadImageLog(csv);
        log.Add("b, c.jpg", "empty");
        log.Complete();
        Assert.Equal(["path,reason", "\"b, c.jpg\",empty"], File.ReadAllLines(csv)); // before it is disposed of
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Complete_NoBadImage_TakesAwayAListOfBefore_ButNoOtherFile()
    {
        string csv = folder.Write("bad_images.csv", "path,reason\nold.png,gone\n"), mine = folder.Write("mine.csv", "name,why\n");
        foreach (string file in (string[])[csv, mine])
        {
            using var log = new BadImageLog(file);
            log.Complete();
        }
        Assert.Equal([mine], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Complete_ListThatCannotBeWritten_SaysSo_AndTooManyBadImagesAreToldOfAllTheSame()
    {
        string csv = Directory.CreateDirectory(folder["bad_images.csv"]).FullName;
        using var log = new BadImageLog(csv);
        log.Add("a.jpg", "empty");
        Assert.StartsWith($"The list of unreadable images cannot be written to '{csv}': ", Assert.Throws<WclException>(log.Complete).Message, StringComparison.Ordinal);

        using var many = new BadImageLog(csv);
        many.Add("a.jpg", "empty");
        Assert.Equal("1 of 10 images (10%) cannot be read, more than the 1% that --max-bad allows; the first is a.jpg: empty. Advice",
            Assert.Throws<WclException>(() => many.Check(10, 0.01, "Advice")).Message);
    }

    [Theory]
    [InlineData(29, 100, 0.29)] // 0.29 x 100 is a little less than 29 in binary
    [InlineData(57, 100, 0.57)]
    [InlineData(58, 200, 0.29)]
    public void Check_ExactlyTheShareThatIsAllowed_Passes_AndOneMoreDoesNot(int count, int images, double maxBad)
    {
        using var log = new BadImageLog(null);
        for (int i = 0; i < count; i++) log.Add($"{i}.jpg", "empty");
        log.Check(images, maxBad);
        log.Add("more.jpg", "empty");
        Assert.Contains("more than the", Assert.Throws<WclException>(() => log.Check(images, maxBad)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TooManyBadImages_KeepsTheList()
    {
        string csv = folder["bad_images.csv"];
        using var log = new BadImageLog(csv);
        log.Add("a.jpg", "empty");
        log.Check(10, 0.1);
        Assert.False(File.Exists(csv));
        Assert.Equal($"None of the 1 images can be read; '{csv}' lists them, the first is a.jpg: empty", Assert.Throws<NoImageReadException>(() => log.Check(1, 1)).Message);
        Assert.Equal(["path,reason", "a.jpg,empty"], File.ReadAllLines(csv));
    }
}
