using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Evaluation;
using WclSharp.Grouping;

namespace WclSharp.Tests.Cli;

public sealed class GroupsCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-groups-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private GroupOptions? asked;
    private bool labels = true;
    private int copies = 3;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("groups", "r", "--groups", "7", "--copies", "0.95", "--outliers", "50", "--data", "d", "--labels", "l.csv", "--seed", "5", "--device", "cpu", "--out", "o"));
        Assert.Equal(new GroupOptions { Run = "r", Groups = 7, CopyThreshold = 0.95, Outliers = 50, Data = "d", Labels = "l.csv", Seed = 5, Device = "cpu", Out = "o" }, asked);
        Assert.Equal(0, Run("groups", "r"));
        Assert.Equal(new GroupOptions { Run = "r" }, asked);
    }

    [Fact]
    public void Run_Groups_AreATableAndJson()
    {
        string json = Path.Combine(folder, "g.json");
        Assert.Equal(0, Run("groups", "r", "--json", json));
        foreach (string text in (string[])["3 pairs of 2,000 images look like copies; the 20 that are least like any other are listed.", "Gallery:  page.html", "Groups:   groups.csv", "Medoids:  medoids.csv", "Copies:   copies.csv", "Outliers: outliers.csv"])
            Assert.Contains(text, output.ToString(), StringComparison.Ordinal);
        using (var document = JsonDocument.Parse(File.ReadAllBytes(json)))
        {
            var root = document.RootElement;
            Assert.Equal((2000, 3, 20), (root.GetProperty("images").GetInt32(), root.GetProperty("copies").GetInt32(), root.GetProperty("outliers").GetInt32()));
            Assert.Equal([400, 10], root.GetProperty("levels").EnumerateArray().Select(level => level.GetProperty("groups").GetInt32()));
            var (shown, kmeans) = (root.GetProperty("shown"), root.GetProperty("kmeans"));
            Assert.Equal((10, 0.25, 0.6, 0.5, 0.4), (shown.GetProperty("groups").GetInt32(), shown.GetProperty("largest").GetDouble(), shown.GetProperty("purity").GetDouble(),
                shown.GetProperty("nmi").GetDouble(), shown.GetProperty("ami").GetDouble()));
            var group = Assert.Single(root.GetProperty("groups").EnumerateArray());
            Assert.Equal((500, "a.jpg", 100, "cat", 0.75), (group.GetProperty("images").GetInt32(), group.GetProperty("medoid").GetString(), group.GetProperty("labelled_images").GetInt32(), group.GetProperty("class").GetString(), group.GetProperty("purity").GetDouble()));
            Assert.Equal((10, 0.125), (kmeans.GetProperty("groups").GetInt32(), kmeans.GetProperty("largest").GetDouble()));
            Assert.False(kmeans.TryGetProperty("nmi", out _)); // a class alone has none
        }

        labels = false;
        Assert.Equal(0, Run("groups", "r", "--json", json));
        using var without = JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.False(without.RootElement.TryGetProperty("kmeans", out _));
        Assert.False(Assert.Single(without.RootElement.GetProperty("groups").EnumerateArray()).TryGetProperty("class", out _));
        Assert.False(without.RootElement.GetProperty("shown").TryGetProperty("purity", out _));
    }

    [Fact]
    public void Run_ManyPairsThatLookLikeCopies_SaysThatTheyMayBeNone()
    {
        Assert.Equal(0, Run("groups", "r"));
        Assert.DoesNotContain("So many pairs", output.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("Next:     wcl suggest r", output.ToString().TrimEnd(), StringComparison.Ordinal);
        copies = 201; // of 2,000 images
        Assert.Equal(0, Run("groups", "r"));
        Assert.Contains("So many pairs may be of images that are merely alike, as photographs of one product are (pixel_difference 0 is a true copy): look before you leave any out, or raise --copies.", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--groups is \"many\"; expected a whole number.", "--groups", "many")]
    [InlineData("--copies is \"0,9\"; expected a number", "--copies", "0,9")]
    [InlineData("--seed is \"x\"", "--seed", "x")]
    [InlineData("did you mean --copies?", "--copie", "1")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(["groups", "r", .. arguments]));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Group = (options, _, stop) =>
        {
            asked = options;
            Assert.True(stop.CanBeCanceled);
            var shown = new Clustering { Groups = 10, Largest = 0.25, Agreement = labels ? new() { Purity = 0.6, Nmi = 0.5, Ami = 0.4 } : null };
            return new GroupResult
            {
                Images = 2000,
                LabelledImages = labels ? 500 : 0,
                Levels = [new() { Groups = 400, Largest = 0.01, Agreement = labels ? new() { Purity = 0.9, Nmi = 0.3, Ami = 0.1 } : null }, shown],
                Shown = shown,
                KMeans = labels ? new() { Groups = 10, Largest = 0.125, Agreement = new() { Purity = 0.55 } } : null,
                Copies = copies,
                Outliers = 20,
                GalleryFile = "page.html",
                Groups = [new() { Images = 500, Medoid = "a.jpg", LabelledImages = labels ? 100 : 0, Class = labels ? "cat" : null, Purity = labels ? 0.75 : null }],
                GroupsFile = "groups.csv",
                MedoidsFile = "medoids.csv",
                CopiesFile = "copies.csv",
                OutliersFile = "outliers.csv",
            };
        },
    }, output, error);
}
