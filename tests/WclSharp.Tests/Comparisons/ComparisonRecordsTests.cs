using WclSharp.Comparisons;

namespace WclSharp.Tests.Comparisons;

public sealed class ComparisonRecordsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-records-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private ComparedRun Run(string method, long seed, string images, string? tests)
    {
        string name = $"runs/{ComparisonRecords.NameOf(method, seed)}";
        Directory.CreateDirectory(Path.Combine(folder, name));
        return new() { Method = method, Seed = seed, Folder = name, DatasetFingerprint = images, TestFingerprint = tests };
    }

    [Fact]
    public void Add_OtherImagesThanTheSeedsOthers_ToTrainOrToTestWith_IsRefused()
    {
        Directory.CreateDirectory(Path.Combine(folder, "runs"));
        var records = new ComparisonRecords(folder);
        records.Add(Run("wcl", 0, "images", "tests"));
        records.Add(Run("simclr", 0, "images", "tests"));
        records.Add(Run("supcon", 0, "images", null)); // nothing was tested
        records.Add(Run("wcl", 1, "others", "others"));
        records.Add(Run("wcl", 2, "images", null)); // by a version that did not say
        records.Add(Run("simclr", 2, "images", "tests"));
        foreach (var (images, tests) in ((string, string)[])[("images", "others"), ("others", "tests")])
        {
            var error = Assert.Throws<WclUsageException>(() => records.Add(Run("adpclr", 0, images, tests)));
            Assert.StartsWith("The images of runs/adpclr-seed0 are not those of runs/wcl-seed0,", error.Message, StringComparison.Ordinal);
        }
        var third = Assert.Throws<WclUsageException>(() => records.Add(Run("adpclr", 2, "images", "others")));
        Assert.StartsWith("The images of runs/adpclr-seed2 are not those of runs/simclr-seed2,", third.Message, StringComparison.Ordinal);
        Assert.Equal(6, records.Finished.Count);
        // None is recorded, so that the same command measures it again once the images are back.
        Assert.Empty(Directory.GetFiles(Path.Combine(folder, "runs/adpclr-seed0")));
        Assert.Single(Directory.GetFiles(Path.Combine(folder, "runs/wcl-seed0")));
    }
}
