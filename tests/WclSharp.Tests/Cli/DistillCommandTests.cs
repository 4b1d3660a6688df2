using System.Text.Json.Nodes;
using WclSharp.Cli;
using WclSharp.Distillation;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class DistillCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-distill-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private DistillOptions? asked;
    private bool tested = true;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("distill", "t", "--student", "resnet34", "--width", "8", "--data", "d", "--test", "e", "--labels", "l.csv", "--limit", "900", "--init", "i", "--epochs", "3", "--batch", "64", "--lr", "0.5",
            "--weight-decay", "0.001", "--temperature", "2", "--label-mix", "0.25", "--seed", "5", "--device", "cpu", "--out", "o"));
        Assert.Equal(new DistillOptions
        {
            Teacher = "t",
            Arch = EncoderArch.ResNet34,
            Width = 8,
            Data = "d",
            Test = "e",
            Labels = "l.csv",
            Limit = 900,
            Init = "i",
            Epochs = 3,
            Batch = 64,
            LearningRate = 0.5,
            WeightDecay = 0.001,
            Temperature = 2,
            LabelMix = 0.25,
            Seed = 5,
            Device = "cpu",
            Out = "o",
        }, asked);
    }

    [Fact]
    public void Run_Alone_TakesTheDefaults_AndPrintsBothNetworksAndJson()
    {
        string json = Path.Combine(folder, "r.json");
        Assert.Equal(0, Run("distill", "t", "--json", json));
        Assert.Equal(new DistillOptions { Teacher = "t" }, asked);
        Assert.Equal(0, Run("distill", "t", "--arch", "resnet34", "--json", json)); // as wcl pretrain has it
        Assert.Equal(new DistillOptions { Teacher = "t", Arch = EncoderArch.ResNet34 }, asked);
        Assert.Contains("Teacher: 11.17 million parameters, 80.0% of 2,000 test images right; balanced accuracy 70.0%", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Student: 0.70 million parameters, 79.5%", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("cat        2,000  100.0%     1,590  1,590 (100.0%)  99.8% to 100.0%  79.5% of 2,000", output.ToString(), StringComparison.Ordinal);
        Assert.Equal("dog", (string)JsonNode.Parse(File.ReadAllText(json))!["student_classes"]![1]!["class"]!);
        Assert.Contains("Student - teacher: -0.5 points on the same images (95 % interval -1.9 to +0.9).", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(-0.019, (double)JsonNode.Parse(File.ReadAllText(json))!["accuracy_difference_ci95_low"]!);
        Assert.Equal(0.795, (double)JsonNode.Parse(File.ReadAllText(json))!["student_accuracy"]!);
        // What summary.json holds; null is what was not measured.
        Assert.Equal(Path.Combine(folder, "c"), (string)JsonNode.Parse(File.ReadAllText(json))!["classifier_file"]!);
        tested = false;
        Assert.Equal(0, Run("distill", "t", "--json", json));
        var untested = JsonNode.Parse(File.ReadAllText(json))!.AsObject();
        Assert.True(untested.ContainsKey("student_accuracy"));
        Assert.Null(untested["student_accuracy"]);
        Assert.Contains("of the training images", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--student is \"resnet19\"; expected resnet18, resnet34, resnet50 or resnet101.", "--student", "resnet19")]
    [InlineData("--arch is \"resnet19\"; expected", "--arch", "resnet19")]
    [InlineData("--student is \"1\"; expected", "--student", "1")]
    [InlineData("--student is \"resnet34,resnet50\"; expected", "--student", "resnet34,resnet50")]
    [InlineData("did you mean --label-mix?", "--label-mi", "1")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(["distill", "t", .. arguments]));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Distill = (options, _, stop) =>
        {
            asked = options;
            Assert.True(stop.CanBeCanceled);
            var result = new DistillResult
            {
                Folder = folder,
                ClassifierFile = Path.Combine(folder, "c"),
                TrainImages = 8000,
                TestImages = 2000,
                TeacherAccuracy = 0.8,
                TeacherBalancedAccuracy = 0.7,
                StudentAccuracy = 0.795,
                StudentClasses = [new() { Name = "cat", Images = 2000, Labelled = 1590, Correct = 1590, LabelledPredicted = 2000 }, new() { Name = "dog", Images = 0, Labelled = 410 }],
                AccuracyDifference = -0.005,
                AccuracyDifferenceCi95Low = -0.019,
                AccuracyDifferenceCi95High = 0.009,
                Agreement = 0.9,
                TeacherParameters = 11_170_000,
                StudentParameters = 700_000,
                Epochs = 30,
                Loss = 0.5,
                Seconds = 100,
            };
            return tested ? result : result with { TestImages = 0, TeacherAccuracy = null, StudentAccuracy = null, StudentClasses = [], AccuracyDifference = null, AccuracyDifferenceCi95Low = null, AccuracyDifferenceCi95High = null };
        },
    }, output, error);
}
