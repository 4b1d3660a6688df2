using System.Text.Json.Nodes;
using WclSharp.Cli;
using WclSharp.FineTuning;

namespace WclSharp.Tests.Cli;

public sealed class FinetuneCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private FineTuneOptions? asked;
    private int chosenOn = 16, draws = 2;
    private double fraction = 0.01;
    private double? balancedAccuracy;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("finetune", "r", "--data", "d", "--test", "t", "--labels", "l.csv", "--label-fraction", "0.01, 0.1", "--labels-per-class", "1,4", "--draws", "3",
            "--epochs", "7", "--lr", "0.5", "--head-lr", "0.6", "--scratch-lr", "0.7", "--vertical-flip", "0.4", "--rotation", "0.3", "--from-head", "--no-scratch", "--seed", "5", "--device", "cpu", "--out", "o"));
        Assert.Equal((("r", "d", "t", "l.csv"), (3, 7), (0.5, 0.6, 0.7), (true, false), 5L, ("cpu", "o")),
            ((asked!.Run, asked.Data, asked.Test, asked.Labels), (asked.Draws, asked.Epochs!.Value), (asked.EncoderLearningRate!.Value, asked.HeadLearningRate, asked.ScratchLearningRate!.Value),
                (asked.FromHead, asked.Scratch), asked.Seed!.Value, (asked.Device, asked.Out)));
        Assert.Equal((0.4, 0.3), (asked.VerticalFlip, asked.Rotation));
        Assert.Equal([0.01, 0.1], asked.LabelFractions);
        Assert.Equal([1, 4], asked.LabelsPerClass);
    }

    [Fact]
    public void Run_Alone_TakesTheDefaults_AndPrintsATableAndJson()
    {
        string json = Path.Combine(folder, "r.json");
        Assert.Equal(0, Run("finetune", "r", "--json", json));
        Assert.Equal(new FineTuneOptions { Run = "r", LabelFractions = asked!.LabelFractions, LabelsPerClass = asked.LabelsPerClass }, asked);
        Assert.Empty(asked.LabelFractions);
        Assert.Matches(@"\n +80 +1\.0% +2 +72\.5% ± 3\.0 +- +60\.0% +70\.0%", output.ToString());
        var row = JsonNode.Parse(File.ReadAllText(json))!["rows"]![0]!;
        Assert.Equal((0.725, 80, 0.03), ((double)row["finetune_mean"]!, (int)row["labels"]!, (double)row["finetune_ci95"]!));
        Assert.True(row.AsObject().ContainsKey("scratch_mean"));
        Assert.Null(row["scratch_mean"]);
        Assert.Equal((0.03, 0.8), ((double)row["lr"]!, (double)row["stop_at"]!));
        Assert.True(row.AsObject().ContainsKey("scratch_difference_ci95"));
        foreach (string text in (string[])[output.ToString(), (string)JsonNode.Parse(File.ReadAllText(json))!["interval"]!])
            Assert.Contains("given one choice of rate and stop, made on the first draw", text, StringComparison.Ordinal);
        Assert.Equal(16, (int)row["validation_labels"]!);
        // What finetune.json holds.
        Assert.Equal(["rows", "test_images", "class_count", "settings", "classifier", "interval", "scratch_difference"], JsonNode.Parse(File.ReadAllText(json))!.AsObject().Select(pair => pair.Key));
        Assert.DoesNotContain("no rate or stop", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("on others of the kind the last row's 72.5% could be anywhere from 70.5% to 74.4% (Wilson's 95 % interval).", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("""
            The saved classifier, of the first draw of 80 labels, gets 71.0% of them right:
              class  predicted  share  labelled         recall   95 % interval       precision
              cat        1,500  75.0%     1,200  1,060 (88.3%)  86.4% to 90.0%  70.7% of 1,500
              dog          500  25.0%       800    360 (45.0%)  41.6% to 48.5%    72.0% of 500
            """.ReplaceLineEndings(), output.ToString(), StringComparison.Ordinal);
        var kept = JsonNode.Parse(File.ReadAllText(json))!["classifier"]!;
        Assert.Equal((80, 0.71), ((int)kept["labels"]!, (double)kept["accuracy"]!));
        Assert.Equal(["class", "images", "labelled", "correct", "labelled_predicted"], kept["classes"]![0]!.AsObject().Select(pair => pair.Key));
    }

    [Fact]
    public void Run_WhereNothingIsChosen_SaysSoAndWhy_AndOfGivenRatesOnlyTheStopIs()
    {
        string json = Path.Combine(folder, "r.json");
        chosenOn = 0;
        Assert.Equal(0, Run("finetune", "r", "--json", json));
        Assert.Contains("With 80 labels the learning rate and the stopping step are the defaults, not chosen on held-out labels: fewer than two classes have 25 labels, or those that do have less than half of all.", output.ToString(), StringComparison.Ordinal);
        foreach (string text in (string[])[output.ToString(), (string)JsonNode.Parse(File.ReadAllText(json))!["interval"]!]) Assert.DoesNotContain("given one choice", text, StringComparison.Ordinal);

        chosenOn = 16;
        Assert.Equal(0, Run("finetune", "r", "--lr", "0.01", "--no-scratch"));
        Assert.Contains("given one choice of when to stop, made on the first draw", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 0.1, "mean over draws ± half-width of", false), InlineData(2, 0.2, "mean over draws ± half-width of", true), InlineData(2, 1, "mean over draws ± half-width of", false)]
    [InlineData(1, 0.2, "of one draw of labels, from which others may be far (--draws 3 gives intervals);", false), InlineData(1, 1, "of one training on all labels, from which others may be far (--draws 3 gives intervals);", false)]
    public void Run_SaysWhatTheFiguresAreOf_AndWhereDrawsHaveLabelsInCommon(int drawn, double share, string meaning, bool common)
    {
        (draws, fraction) = (drawn, share);
        Assert.Equal(0, Run("finetune", "r"));
        Assert.Contains($"Accuracy on 2,000 test images, {meaning}", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(common, output.ToString().Contains("Draws of more than a tenth of all labels have many in common", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--label-fraction is \"many\"; expected a number", "--label-fraction", "many")]
    [InlineData("--draws is \"1.5\"", "--draws", "1.5")]
    [InlineData("--lr is \"0,01\"; expected a number", "--lr", "0,01")]
    [InlineData("is empty; name a file", "--json", "")]
    [InlineData("--labels-per-class is \",\", whose item 1 is empty; write a value there, or leave out its comma.", "--labels-per-class", ",")]
    [InlineData("--label-fraction is \"0.1,\", whose item 2 is empty", "--label-fraction", "0.1,")]
    [InlineData("--label-fraction is empty; give a list with commas.", "--label-fraction", " ")]
    [InlineData("did you mean --labels-per-class?", "--labels-per-clas", "1")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(["finetune", "r", .. arguments]));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    [Theory]
    [InlineData(null, null), InlineData(0.725, null), InlineData(0.61, "Some classes have more test images than others. Balanced accuracy, in which every class counts equally: with 80 labels fine-tuned 61.0%, kNN 40.0%, linear 50.0%.")]
    public void Run_BalancedAccuracy_IsToldWhereItIsAnother(double? overClasses, string? told)
    {
        balancedAccuracy = overClasses;
        Assert.Equal(0, Run("finetune", "r"));
        if (told is null) Assert.DoesNotContain("Balanced accuracy, in which", output.ToString(), StringComparison.Ordinal);
        else Assert.Contains(told, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_JsonInAFolderToCome_IsWritten_AndBelowAFileRefused()
    {
        string json = Path.Combine(folder, "new", "r.json");
        Assert.Equal(0, Run("finetune", "r", "--json", json));
        Assert.True(File.Exists(json));
        asked = null;
        Assert.Equal(2, Run("finetune", "r", "--json", Path.Combine(json, "x.json")));
        Assert.Contains("r.json is a file", error.ToString(), StringComparison.Ordinal);
        Assert.Null(asked);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Finetune = (options, _, stop) =>
        {
            asked = options;
            Assert.True(stop.CanBeCanceled);
            var row = new FineTuneRow { Budget = "1 %", Fraction = fraction, Labels = 80, Draws = draws, FinetuneMean = 0.725, FinetuneCi95 = 0.03, FinetuneBalancedAccuracy = balancedAccuracy, KnnBalancedAccuracy = balancedAccuracy is 0.61 ? 0.4 : null, LinearBalancedAccuracy = balancedAccuracy is 0.61 ? 0.5 : null, ValidationLabels = chosenOn, Lr = 0.03, StopAt = 0.8, KnnMean = 0.6, LinearMean = 0.7 };
            var settings = new FineTuneSettings { Encoder = "e", TrainFingerprint = "f", TestFingerprint = "g", Seed = 0, FromHead = false, Scratch = false, HeadLr = 0.1, Batch = 64, WeightDecay = 5e-4, Precision = "fp32" };
            var kept = new SavedClassifier
            {
                Labels = 80,
                Accuracy = 0.71,
                Classes = [new() { Name = "cat", Images = 1500, Labelled = 1200, Correct = 1060, LabelledPredicted = 1500 }, new() { Name = "dog", Images = 500, Labelled = 800, Correct = 360, LabelledPredicted = 500 }],
            };
            return new FineTuneResult
            {
                Folder = folder,
                Rows = [row],
                TestImages = 2000,
                ClassifierFile = Path.Combine(folder, "c"),
                PlotFile = Path.Combine(folder, "p"),
                Report = new() { Rows = [row], TestImages = 2000, ClassCount = 10, Settings = settings, Classifier = kept },
                Classifier = kept,
            };
        },
    }, output, error);
}
