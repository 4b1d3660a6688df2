using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Evaluation;

namespace WclSharp.Tests.Cli;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-evaluate-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private RunEvaluationOptions? asked;
    private string secondClass = "dog";
    private ClassAccuracy[] moreClasses = [];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("evaluate", "r", "--data", "d", "--test", "t", "--labels", "l.csv", "--knn-k", "7", "--device", "cpu",
            "--linear-augmented", "--linear-lr", "0.5", "--linear-decay", "0.001"));
        Assert.Equal(new RunEvaluationOptions
        {
            Run = "r",
            Data = "d",
            Test = "t",
            Labels = "l.csv",
            KnnK = 7,
            Device = "cpu",
            LinearAugmented = true,
            LinearLearningRate = 0.5,
            LinearWeightDecay = 0.001,
        }, asked);
        Assert.Equal(0, Run("evaluate", "r"));
        Assert.Equal(new RunEvaluationOptions { Run = "r" }, asked);
        Assert.False(asked!.TrainsClassifier);
    }

    [Fact]
    public void Run_WhatSaysHowALinearClassifierTrains_TurnsItOn()
    {
        string picture = Path.Combine(folder, "c.png");
        foreach (var (arguments, expected) in ((string[], RunEvaluationOptions)[])
            [
                (["--linear"], new() { Run = "r", Linear = true }),
                (["--linear-augmented"], new() { Run = "r", LinearAugmented = true }),
                (["--linear-lr", "0"], new() { Run = "r", LinearLearningRate = 0 }),
                (["--linear-decay", "0.1"], new() { Run = "r", LinearWeightDecay = 0.1 }),
                (["--confusion", picture], new() { Run = "r", LinearConfusion = true }),
            ])
        {
            Assert.Equal(0, Run(["evaluate", "r", .. arguments]));
            Assert.Equal(expected, asked);
            Assert.True(asked!.TrainsClassifier);
        }
        Assert.True(new FileInfo(picture).Length > 1000);
    }

    [Fact]
    public void Run_WithoutALinearClassifier_TrainsNone()
    {
        Assert.Equal(0, Run("evaluate", "r", "--linear=false", "--linear-augmented=false"));
        Assert.False(asked!.TrainsClassifier);
    }

    [Fact]
    public void Run_SaysWhatIsNext_WithTheSameImages()
    {
        Assert.Equal(0, Run("evaluate", "r", "--data", "my images", "--labels", "l.csv", "--test", "t"));
        Assert.EndsWith("Next: wcl finetune r --data \"my images\" --labels l.csv --test t", output.ToString().TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Confusion_MakesItsFolder()
    {
        string picture = Path.Combine(folder, "new", "c.png");
        Assert.Equal(0, Run("evaluate", "r", "--confusion", picture));
        Assert.Equal(0, Run("evaluate", "r", "--confusion", picture)); // and is drawn anew
        Assert.True(new FileInfo(picture).Length > 1000);
    }

    [Fact]
    public void Run_ClassNameThatWouldChangeTheTerminal_IsPrintedWithoutThat()
    {
        secondClass = "d\u001b[31mog";
        Assert.Equal(0, Run("evaluate", "r", "--linear"));
        Assert.Contains("  d\uFFFD[31mog", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output.ToString());
    }

    [Fact]
    public void Run_Linear_IsPrintedAndInJson()
    {
        string json = Path.Combine(folder, "e.json");
        Assert.Equal(0, Run("evaluate", "r", "--linear-augmented", "--json", json));
        foreach (string text in (string[])["Linear probe: 70.0% (top-5 90.0%) of 2,000 images (", "), trained on 8,000", "learning rate 0.5, weight decay 0.001, chosen on 1,600 of them; random crops and flips", "cat  60.0% of 1,200"])
            Assert.Contains(text, output.ToString(), StringComparison.Ordinal);
        using var document = JsonDocument.Parse(File.ReadAllBytes(json));
        var root = document.RootElement;
        double Number(string name) => root.GetProperty(name).GetDouble();
        Assert.Equal((3, 70), (Number("near_duplicates"), Number("near_duplicates_checked")));
        Assert.Equal((0.82, 20, 8000, 2000), (Number("knn"), Number("knn_k"), Number("train_images"), Number("test_images")));
        Assert.Equal([("cat", 1150, 1200, 980, 1150), ("dog", 850, 800, 660, 850)], root.GetProperty("knn_per_class").EnumerateArray().Select(each => (each.GetProperty("class").GetString()!, each.GetProperty("images").GetInt32(),
            each.GetProperty("labelled").GetInt32(), each.GetProperty("correct").GetInt32(), each.GetProperty("labelled_predicted").GetInt32())));
        Assert.Equal((0.7, 0.9, 0.5, 0.001, 1600, 3), (Number("linear"), Number("linear_top5"), Number("linear_lr"), Number("linear_weight_decay"), Number("linear_validation_images"), Number("linear_seconds")));
        Assert.True(root.GetProperty("linear_augmented").GetBoolean());
        Assert.Contains("learning rate 0.5", root.GetProperty("linear_protocol").GetString(), StringComparison.Ordinal);
        Assert.Equal([("cat", 1200, 0.6), ("dog", 800, 0.85)], root.GetProperty("linear_per_class").EnumerateArray()
            .Select(each => (each.GetProperty("class").GetString()!, each.GetProperty("images").GetInt32(), each.GetProperty("accuracy").GetDouble())));
        Assert.Equal(["cat", "dog"], root.GetProperty("linear_classes").EnumerateArray().Select(name => name.GetString()!));
        Assert.Equal("[[720,480],[120,680]]", JsonSerializer.Serialize(root.GetProperty("linear_confusion")));
    }

    [Fact]
    public void Run_ManyClasses_NamesThoseThatAreToldWorst()
    {
        moreClasses = [.. Enumerable.Range(0, 25).Select(i => new ClassAccuracy { Name = $"class {i}", Images = 10, Accuracy = i / 25.0 })];
        Assert.Equal(0, Run("evaluate", "r", "--linear"));
        string text = output.ToString();
        Assert.Contains("  class 0    0.0% of 10", text, StringComparison.Ordinal);
        Assert.Contains("  cat       60.0% of 1,200", text, StringComparison.Ordinal); // worse than the last ones
        Assert.DoesNotContain("class 24", text, StringComparison.Ordinal);
        Assert.Contains("and 7 more classes, with the same or a higher accuracy; --json", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ADecayAlone_SaysThatTheRateWasChosen()
    {
        string json = Path.Combine(folder, "e.json");
        Assert.Equal(0, Run("evaluate", "r", "--linear-decay", "0.001", "--json", json));
        Assert.Contains("  learning rate 0.5, chosen on 1,600 of them; weight decay 0.001\n", output.ToString().ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.EndsWith("; rate chosen on 1600 of the training images", JsonDocument.Parse(File.ReadAllBytes(json)).RootElement.GetProperty("linear_protocol").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--linear-lr is \"0,5\"; expected a number", "--linear-lr", "0,5")]
    [InlineData("--linear-decay is \"none\"; expected a number", "--linear-decay", "none")]
    [InlineData("--confusion \"c.jpg\" does not end in .png", "--confusion", "c.jpg")]
    [InlineData("--json \".\" is a folder; name a file.", "--json", ".")]
    [InlineData("--json \"-\" would be a file of that name; name another, or /dev/stdout.", "--json", "-")]
    [InlineData("--confusion \"-\" would be a file of that name; name another.", "--confusion", "-")]
    [InlineData("did you mean --linear-augmented?", "--linear-augmentd")]
    [InlineData("--linear is false, and --linear-lr turns it on; leave one of them out.", "--linear=false", "--linear-lr", "0.1")]
    [InlineData("--linear is false, and --linear-decay turns it on", "--linear=false", "--linear-decay", "0")]
    [InlineData("--linear is false, and --confusion turns it on", "--linear=false", "--confusion", "c.png")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(["evaluate", "r", .. arguments]));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    [Fact]
    public void Run_ANameThatLeavesNoRoomForThoseOfFilesBesideIt_IsRefused()
    {
        Assert.Equal(2, Run("evaluate", "r", "--json", Path.Combine(folder, new string('ü', 121)))); // bytes count, of which these have two
        Assert.Contains("has a longer name than 240 bytes", error.ToString(), StringComparison.Ordinal);
        Assert.Null(asked);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Evaluate = (options, _, stop) =>
        {
            asked = options;
            Assert.True(stop.CanBeCanceled);
            var linear = new LinearProbeResult
            {
                Top1 = 0.7,
                Top5 = 0.9,
                PerClass = [new() { Name = "cat", Images = 1200, Accuracy = 0.6 }, new() { Name = secondClass, Images = 800, Accuracy = 0.85 }, .. moreClasses],
                Confusion = options.LinearConfusion ? new ConfusionMatrix { ClassNames = ["cat", secondClass], Counts = [[720, 480], [120, 680]] } : null,
                TrainImages = 8000,
                TestImages = 2000,
                Settings = new LinearProbeSettings { LearningRate = 0.5, WeightDecay = 0.001 },
                ValidationImages = 1600,
                Augmented = options.LinearAugmented,
                Seconds = 3,
            };
            return new RunEvaluationResult
            {
                Knn = 0.82,
                KnnPerClass = [new() { Name = "cat", Images = 1150, Labelled = 1200, Correct = 980, LabelledPredicted = 1150 }, new() { Name = secondClass, Images = 850, Labelled = 800, Correct = 660, LabelledPredicted = 850 }],
                KnnK = 20,
                TrainImages = 8000,
                TestImages = 2000,
                Epoch = 5,
                Seconds = 1,
                Linear = options.TrainsClassifier ? linear : null,
                NearDuplicates = 3,
                NearDuplicatesChecked = 70,
            };
        },
    }, output, error);
}
