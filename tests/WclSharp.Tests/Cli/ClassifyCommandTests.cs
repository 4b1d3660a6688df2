using System.Text.Json;
using WclSharp.Classification;
using WclSharp.Cli;
using WclSharp.Evaluation;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class ClassifyCommandTests : IDisposable
{
    private readonly DataFolder folder = new();
    private readonly StringWriter output = new(), error = new();
    private ClassifyOptions? asked;
    private ClassifyResult result = new()
    {
        File = "o.csv",
        Images = 1000,
        BadImages = 2,
        Seconds = 2,
        Classes =
        [
            new() { Name = "cat", Images = 50, Labelled = 20, Correct = 4, LabelledPredicted = 16 },
            new() { Name = "dog", Images = 950, Labelled = 160, Correct = 146, LabelledPredicted = 184 },
            new() { Name = "cow", Images = 0 },
        ],
        MeanProbability = 0.9,
        Labelled = 200,
        Correct = 150,
        UnknownClasses = new Dictionary<string, long> { ["Dog"] = 20 },
        Source = "here",
    };

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Run_SaysWhatImagesArePredictedAs_WithRecallAndPrecision()
    {
        string json = folder["new/o.json"];
        Assert.Equal(0, Run("classify", "c", "--data", "d", "--out", "o.csv", "--labels", "l", "--device", "cpu", "--precision", "bf16", "--workers", "3", "--max-bad", "0.5", "--restart", "--probabilities", "--json", json));
        Assert.Equal(new ClassifyOptions { Classifier = "c", Data = "d", Out = "o.csv", Labels = "l", Device = "cpu", Precision = ComputePrecision.Bf16, Workers = 3, MaxBad = 0.5, Restart = true, AllProbabilities = true }, asked);
        Assert.Equal(
            """
            Wrote o.csv: 1,000 images, 500 images/s in 2.0 s
            Images: here
            Left out 2 images that could not be read; o.csv.bad_images.csv says why
              class  predicted  share  labelled       recall   95 % interval     precision
              dog          950  95.0%       160  146 (91.3%)  85.8% to 94.7%  79.3% of 184
              cat           50   5.0%        20    4 (20.0%)   8.1% to 41.6%   25.0% of 16
              cow            0   0.0%         0            -               -             -
            Mean probability 90.0%: how sure the classifier is, not how often it is right
            Accuracy 75.0% of 200 images whose class is known (95 % interval 68.6% to 80.5%; balanced accuracy 37.1%); those that it was trained on, if any, count too
              20 of them are of classes that it does not know (Dog), and count as wrong

            """, output.ToString(), ignoreLineEndingDifferences: true);
        using var written = JsonDocument.Parse(File.ReadAllText(json));
        var root = written.RootElement;
        Assert.Equal((1000, 2, 200, 150, 20, 0.75), (root.GetProperty("images").GetInt32(), root.GetProperty("bad_images").GetInt32(), root.GetProperty("labelled").GetInt32(),
            root.GetProperty("correct").GetInt32(), root.GetProperty("of_unknown_classes").GetInt32(), root.GetProperty("accuracy").GetDouble()));
        var unknown = Assert.Single(root.GetProperty("unknown_classes").EnumerateArray());
        Assert.Equal(("Dog", 20), (unknown.GetProperty("class").GetString(), unknown.GetProperty("images").GetInt32()));
        Assert.Equal(0.686, root.GetProperty("ci95_low").GetDouble(), 1e-3);
        Assert.Equal([("cat", 50, 20, 4, 16), ("dog", 950, 160, 146, 184), ("cow", 0, 0, 0, 0)], root.GetProperty("classes").EnumerateArray().Select(each => (each.GetProperty("class").GetString(), each.GetProperty("images").GetInt32(), each.GetProperty("labelled").GetInt32(), each.GetProperty("correct").GetInt32(), each.GetProperty("labelled_predicted").GetInt32())));
        Assert.Equal((0.2 + 0.9125 + 0) / 3, root.GetProperty("balanced_accuracy").GetDouble(), 9); // cow is not known of any
    }

    [Fact]
    public void Run_ManyClassesAndNoLabels_ShowsTheMostFrequent()
    {
        result = result with { Classes = [.. Enumerable.Range(0, 25).Select(i => new ClassifiedClass { Name = $"class {i:00}", Images = i })], Images = 300, Labelled = 0, Correct = 0, UnknownClasses = new Dictionary<string, long>(), Resumed = 100 };
        Assert.Equal(0, Run("classify", "r", "--out", "o.csv"));
        Assert.Contains("300 images, 100 images/s in 2.0 s", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("100 of them were done before", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("class 05       5", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("class 04", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("and 5 more classes", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Accuracy", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FoldersThatAreNoClasses_GiveNoAccuracy()
    {
        result = result with { Labelled = 1000, Correct = 0, Classes = [.. result.Classes.Select(each => each with { Labelled = 0, Correct = 0 })], UnknownClasses = new Dictionary<string, long> { ["2025-11-01"] = 400, ["2025-11-02"] = 600 } };
        string json = folder["o.json"];
        Assert.Equal(0, Run("classify", "c", "--out", "o.csv", "--json", json));
        Assert.Contains("No accuracy: the images' classes (2025-11-01, 2025-11-02) are not among the classifier's; name others with --labels", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Accuracy", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("found", output.ToString(), StringComparison.Ordinal);
        var root = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        Assert.False(root.TryGetProperty("accuracy", out _));
        Assert.Equal(1000, root.GetProperty("of_unknown_classes").GetInt32()); // why
    }

    [Theory]
    [InlineData("--out", "classify", "c")]
    [InlineData("does not end in .csv", "classify", "c", "--out", "o.npy")]
    [InlineData("--max-bad", "classify", "c", "--out", "o.csv", "--max-bad", "2")]
    [InlineData("is also what the command reads", "classify", "c.csv", "--out", "c.csv")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(arguments));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Classify = (options, _, _) =>
        {
            asked = options;
            return result;
        },
    }, output, error);
}
