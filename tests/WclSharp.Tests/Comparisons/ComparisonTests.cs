using System.Text.Json.Nodes;
using SkiaSharp;
using WclSharp.Comparisons;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Comparisons;

/// <summary>Whole comparisons with tiny settings, in this process.</summary>
public sealed class ComparisonTests : IDisposable
{
    private static readonly string[] Keys = ["method", "knn_mean", "knn_ci95", "linear_mean", "linear_ci95",
        "baseline", "knn_difference", "knn_difference_ci95", "linear_difference", "linear_difference_ci95", "seconds_per_epoch", "overhead",
        "peak_rss_mib", "pair_precision", "pair_recall", "conflicts", "crop_precision", "crop_conflicts", "seeds", "runs"];

    private static readonly string[] Times = ["seconds", "seconds_per_epoch", "overhead", "peak_rss_mib"];
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-compare-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private ComparisonOptions Options(string name, int seeds = 2, int epochs = 1) => new()
    {
        Methods = [ContrastiveMethod.Wcl, ContrastiveMethod.SimClr],
        Seeds = seeds,
        Out = Path.Combine(folder, name),
        Training = SmallRun.Options with { Limit = 300, Batch = null, Epochs = epochs, Seed = 3 },
    };

    [Fact]
    public void Run_TwoMethodsAndSeeds_WritesEverythingAndAnotherRunDoesNothing()
    {
        var turns = new List<ComparisonProgress.Turn>();
        List<string> stale = []; // runs that have a record while they are trained
        var watch = new ProgressHandler<ComparisonProgress>(progress =>
        {
            if (progress is ComparisonProgress.Turn turn) turns.Add(turn);
            if (progress is ComparisonProgress.Line && turns[^1] is { State: RunState.New or RunState.Stopped } at && $"{at.Method}-seed{at.Seed}" is var name
                && File.Exists(Path.Combine(folder, "a", "runs", name, "compared.json"))) stale.Add(name);
        });
        var result = Comparison.Run(Options("a"), watch);

        Assert.Equal([("wcl", 3L), ("simclr", 3), ("wcl", 4), ("simclr", 4)], turns.Select(turn => (turn.Method, turn.Seed))); // by seed
        Assert.Equal([4, 3, 2, 1], turns.Select(turn => turn.ToTrain));
        var json = Json("a");
        var methods = json["methods"]!.AsArray();
        Assert.Equal(["wcl", "simclr"], methods.Select(row => (string)row!["method"]!));
        foreach (var row in methods)
        {
            Assert.Equal(Keys, row!.AsObject().Select(pair => pair.Key));
            double[] knn = [.. row["runs"]!.AsArray().Select(run => (double)run!["knn"]!)];
            Assert.Equal(knn.Average(), (double)row["knn_mean"]!, 12);
            // With two values: 12.7062 x |difference| / 2; two that are the same say nothing of their spread.
            if (knn[0] == knn[1]) Assert.Null(row["knn_ci95"]);
            else Assert.Equal(12.7062 * Math.Abs(knn[0] - knn[1]) / 2, (double)row["knn_ci95"]!, 1e-4);
            Assert.InRange((double)row["linear_mean"]!, 0.2, 1); // ten classes: well above chance, even from such a network
            Assert.True((double)row["seconds_per_epoch"]! > 0);
            Assert.Null(row["peak_rss_mib"]); // no process of its own
        }

        Assert.Null(json["settings"]!["beta"]); // simclr has no use for it
        Assert.Equal("1", json["differing_settings"]!["beta"]!["wcl"]!.ToString());
        Assert.Equal(1, (double)methods[1]!["overhead"]!, 12);
        Assert.Equal((double)methods[0]!["linear_mean"]! - (double)methods[1]!["linear_mean"]!, (double)methods[0]!["linear_difference"]!, 12);
        double[][] linear = [.. methods.Select(row => row!["runs"]!.AsArray().Select(run => (double)run!["linear"]!).ToArray())];
        Assert.Equal(linear[0][0] - linear[1][0] == linear[0][1] - linear[1][1], methods[0]!["linear_difference_ci95"] is null); // likewise
        Assert.Null(methods[1]!["linear_difference"]); // simclr's own
        Assert.Equal((4, 4), ((int)json["runs_finished"]!, (int)json["runs_planned"]!));
        Assert.Equal(300, (int)json["settings"]!["limit"]!);
        // The same images for both methods of a seed, others for another seed.
        string[] images = [.. methods.SelectMany(row => row!["runs"]!.AsArray()).Select(run => (string)run!["dataset_fingerprint"]!)];
        Assert.Equal((images[0], images[1]), (images[2], images[3]));
        Assert.NotEqual(images[0], images[1]);
        string[] tests = [.. methods.SelectMany(row => row!["runs"]!.AsArray()).Select(run => (string)run!["test_fingerprint"]!)];
        Assert.Equal((tests[0], tests[1]), (tests[2], tests[3]));

        // The figure of the table is that of the run's own last epoch.
        Assert.Equal(RunFolder.ReadMetrics(Path.Combine(result.Folder, "runs", "wcl-seed3"))[^1].Knn!.Value, (double)methods[0]!["runs"]![0]!["knn"]!, 12);
        // Others are an evaluation's.
        var (evaluated, first) = (RunEvaluation.Run(Comparison.Evaluation(Options("a").Training, Path.Combine(result.Folder, "runs", "wcl-seed3"))), methods[0]!["runs"]![0]!);
        Assert.Equal((evaluated.KnnBalancedAccuracy, evaluated.Linear!.Top1, evaluated.Linear.BalancedAccuracy), ((double)first["knn_balanced_accuracy"]!, (double)first["linear"]!, (double)first["linear_balanced_accuracy"]!));
        foreach (var run in methods.SelectMany(row => row!["runs"]!.AsArray()))
        {
            string path = Path.Combine(result.Folder, (string)run!["folder"]!);
            var last = RunFolder.ReadMetrics(path)[^1];
            Assert.Equal((last.PairPrecision, last.PairRecall, last.Conflicts), ((double?)run["pair_precision"], (double?)run["pair_recall"], (double?)run["conflicts"]));
            Assert.Equal(RunFolder.ReadSummary(path)!.Seconds, (double?)run["seconds"]); // without what is no training
        }

        string page = File.ReadAllText(Path.Combine(result.Folder, "compare.md"));
        Assert.Contains("| wcl | 2 |", page, StringComparison.Ordinal);
        Assert.Contains("Student's t", page, StringComparison.Ordinal);
        Assert.Contains("| kNN - simclr | linear | linear - simclr |", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Not complete", page, StringComparison.Ordinal);
        Assert.DoesNotContain("crop precision", page, StringComparison.OrdinalIgnoreCase); // no local crops from other images
        foreach (string plot in (string[])["accuracy_over_epochs.png", "accuracy_over_time.png"])
        {
            using var picture = SKBitmap.Decode(Path.Combine(result.Folder, "plots", plot));
            int least = plot.Contains("time", StringComparison.Ordinal) ? 30 : 100; // over time a line is short where the other method's runs were slow
            Assert.True(picture.Pixels.Count(pixel => pixel == new SKColor(0x00, 0x72, 0xB2)) > least, plot); // the first method's line
            Assert.True(picture.Pixels.Count(pixel => pixel == new SKColor(0xD5, 0x5E, 0x00)) > least, plot);
        }

        // Once more: nothing is trained, nothing changes.
        string before = File.ReadAllText(Path.Combine(result.Folder, "compare.json"));
        turns.Clear();
        Comparison.Run(Options("a"), watch);
        Assert.All(turns, turn => Assert.Equal((RunState.Measured, 0), (turn.State, turn.ToTrain)));
        Assert.Equal(before, File.ReadAllText(Path.Combine(result.Folder, "compare.json")));

        // A run that lost its record is measured again, one that lost its encoder goes on from its checkpoint, and one that lost everything is made anew.
        File.Delete(Path.Combine(result.Folder, "runs", "wcl-seed3", "compared.json"));
        File.Delete(Path.Combine(result.Folder, "runs", "simclr-seed3", "encoder.safetensors"));
        Directory.Delete(Path.Combine(result.Folder, "runs", "simclr-seed4"), recursive: true);
        turns.Clear();
        Comparison.Run(Options("a"), watch);
        Assert.Equal([RunState.Trained, RunState.Stopped, RunState.Measured, RunState.New], turns.Select(turn => turn.State));
        Assert.Empty(stale);
        Assert.Equal([2, 2, 1, 1], turns.Select(turn => turn.ToTrain)); // what is only to be measured, or finished, is no run to train
        Assert.Equal(WithoutTimes(JsonNode.Parse(before)!).ToJsonString(), WithoutTimes(Json("a")).ToJsonString());

        // More seeds are added to what is there; other settings are refused.
        var error = Assert.Throws<WclUsageException>(() => Comparison.Run(Options("a") with { Training = Options("a").Training with { Temperature = 0.3 } }));
        Assert.Contains("--temperature 0.3 is not what the comparison", error.Message, StringComparison.Ordinal);
        turns.Clear();
        var more = Comparison.Run(Options("a", seeds: 3), watch);
        Assert.Equal(2, turns.Count(turn => turn.State == RunState.New));
        Assert.All(more.Methods, row => Assert.Equal([3, 4, 5], row.Seeds));
    }

    [Fact]
    public void Run_LocalCropsFromOtherImages_HaveTheirPrecisionAndConflicts()
    {
        var result = Comparison.Run(Options("crops", seeds: 1, epochs: 2) with { Methods = MethodNames.Parse("wcl+knn,simclr") });
        var last = RunFolder.ReadMetrics(Path.Combine(result.Folder, "runs", "wcl+knn-seed3"))[^1];
        Assert.NotNull(last.CropPrecision);
        Assert.InRange(last.CropConflicts!.Value, 0.05, 0.95);
        var methods = Json("crops")["methods"]!.AsArray();
        foreach (var figures in new[] { methods[0]!, methods[0]!["runs"]![0]! })
            Assert.Equal((last.CropPrecision, last.CropConflicts), ((double?)figures["crop_precision"], (double?)figures["crop_conflicts"]));
        Assert.Equal(RunFolder.ReadSummary(Path.Combine(result.Folder, "runs", "wcl+knn-seed3"))!.Seconds / 2, (double)methods[0]!["runs"]![0]!["seconds_per_epoch"]!);
        Assert.True(methods[1]!.AsObject().ContainsKey("crop_conflicts"));
        Assert.Null(methods[1]!["crop_conflicts"]);

        string page = File.ReadAllText(Path.Combine(result.Folder, "compare.md"));
        Assert.Equal(2, page.Split('\n').Count(line => line.EndsWith("| conflicts | crop precision | crop conflicts |", StringComparison.Ordinal)));
        Assert.Contains(FormattableString.Invariant($"| {100 * last.CropPrecision.Value:0.0}% | {100 * last.CropConflicts.Value:0.0}% |"), page, StringComparison.Ordinal);
        Assert.Contains("Crop precision and crop conflicts are those of", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OtherMethodsAndFewerSeeds_AddToWhatIsThere()
    {
        Comparison.Run(Options("grown") with { Methods = [ContrastiveMethod.SimClr] });
        List<RunState> states = [];
        int meanwhile = 0;
        var watch = new ProgressHandler<ComparisonProgress>(progress =>
        {
            if (progress is not ComparisonProgress.Turn turn) return;
            states.Add(turn.State);
            meanwhile = (int)Json("grown")["runs_finished"]!;
        });
        var result = Comparison.Run(Options("grown", seeds: 1) with { Methods = [ContrastiveMethod.Wcl] }, watch);
        Assert.Equal(["simclr", "wcl"], result.Methods.Select(row => row.Method));
        Assert.All(result.Methods, row => Assert.Equal([3, 4], row.Seeds));
        Assert.Equal([RunState.Measured, RunState.New, RunState.Measured, RunState.New], states);
        Assert.Equal(3, meanwhile); // before the last run the table had all that was finished, of whatever seed
        var config = ComparisonFolder.ReadConfig(result.Folder);
        Assert.Equal((2, 2), (config.Methods.Count, config.Seeds));

        // A run that nobody asks for any more is shown all the same.
        string file = Path.Combine(result.Folder, "config.json"), before = File.ReadAllText(Path.Combine(result.Folder, "compare.json"));
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"simclr,wcl\"", "\"simclr\"", StringComparison.Ordinal).Replace("\"seeds\": 2", "\"seeds\": 1", StringComparison.Ordinal));
        states.Clear();
        Comparison.Run(Options("grown", seeds: 1) with { Methods = [ContrastiveMethod.SimClr] }, watch);
        Assert.Equal([RunState.Measured], states);
        Assert.Equal(before, File.ReadAllText(Path.Combine(result.Folder, "compare.json")));
    }

    [Fact]
    public void Run_CancelledInARun_HasATableOfWhatIsThere_AndEndsWithTheSame()
    {
        Comparison.Run(Options("whole", seeds: 1, epochs: 2));
        using var stop = new CancellationTokenSource();
        int lines = 0;
        var options = Options("stopped", seeds: 1, epochs: 2);
        Assert.ThrowsAny<OperationCanceledException>(() => Comparison.Run(options, new ProgressHandler<ComparisonProgress>(progress =>
        {
            // In the second run, after its first line of epochs.
            if (progress is ComparisonProgress.Turn { Number: 2 }) lines = 1;
            if (progress is ComparisonProgress.Line { Text: var text } && lines > 0 && text.TrimStart().StartsWith("1 ", StringComparison.Ordinal)) stop.Cancel();
        }), stop.Token));
        Assert.Equal((1, 2), ((int)Json("stopped")["runs_finished"]!, (int)Json("stopped")["runs_planned"]!));
        Assert.Contains("Not complete", File.ReadAllText(Path.Combine(folder, "stopped", "compare.md")), StringComparison.Ordinal);

        var states = new List<RunState>();
        Comparison.Run(options, new ProgressHandler<ComparisonProgress>(progress =>
        {
            if (progress is ComparisonProgress.Turn turn) states.Add(turn.State);
        }));
        Assert.Equal([RunState.Measured, RunState.Stopped], states);
        Assert.Equal(WithoutTimes(Json("whole")).ToJsonString(), WithoutTimes(Json("stopped")).ToJsonString());
    }

    [Fact]
    public void Run_RunsThatDiverge_AreNamed_AndLeaveTheOthersAlone()
    {
        List<RunState> states = [];
        List<string> warnings = [];
        var watch = new ProgressHandler<ComparisonProgress>(progress =>
        {
            if (progress is ComparisonProgress.Turn turn) states.Add(turn.State);
            if (progress is ComparisonProgress.Warning { Text: var text }) warnings.Add(text);
        });
        var options = Options("diverging");
        options = options with { Training = options.Training with { Beta = 3e38 } }; // only wcl's loss has this weight
        var result = Comparison.Run(options, watch);
        Assert.Equal([("wcl", 3L, "runs/wcl-seed3"), ("wcl", 4, "runs/wcl-seed4")], result.Diverged.Select(run => (run.Method, run.Seed, run.Folder)));
        Assert.Contains("The loss is", result.Diverged[0].Message, StringComparison.Ordinal);
        Assert.Equal((0, 2), (result.Methods[0].Seeds.Count, result.Methods[1].Seeds.Count));
        Assert.Contains(warnings, text => text.StartsWith("wcl with seed 3 has diverged: The loss is", StringComparison.Ordinal));
        Assert.Contains("They are in no mean", warnings[^1], StringComparison.Ordinal);
        string page = File.ReadAllText(Path.Combine(result.Folder, "compare.md"));
        Assert.Contains("**Diverged**: wcl with seed 3: The loss is", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Not complete", page, StringComparison.Ordinal);
        Assert.Equal((2, 4, 2), ((int)Json("diverging")["runs_finished"]!, (int)Json("diverging")["runs_planned"]!, Json("diverging")["diverged"]!.AsArray().Count));

        // They would diverge again, so they are trained anew only where their folder is gone.
        Directory.Delete(Path.Combine(result.Folder, "runs", "wcl-seed4"), recursive: true);
        string before = File.ReadAllText(Path.Combine(result.Folder, "compare.json"));
        states.Clear();
        Comparison.Run(options, watch);
        Assert.Equal([RunState.Diverged, RunState.Measured, RunState.New, RunState.Measured], states);
        Assert.Equal(before, File.ReadAllText(Path.Combine(result.Folder, "compare.json")));
    }

    [Fact]
    public void Run_ARunThatFailsOtherwise_EndsTheComparison()
    {
        var full = new ProgressHandler<ComparisonProgress>(progress =>
        {
            if (progress is ComparisonProgress.Line) throw new WclException("The disk is full.");
        });
        Assert.Equal("The disk is full.", Assert.Throws<WclException>(() => Comparison.Run(Options("full"), full)).Message);
        Assert.False(File.Exists(Path.Combine(folder, "full", "compare.json")));
    }

    [Fact]
    public void Run_ImagesThatChangedBetweenTrainingAndMeasuring_AreRefused()
    {
        string photos = Path.Combine(folder, "photos");
        Write(20);
        var options = Options("changed", seeds: 1) with { Methods = [ContrastiveMethod.SimClr] };
        options = options with { Training = options.Training with { Data = photos, Limit = null } };
        Comparison.Run(options);
        File.Delete(Path.Combine(folder, "changed", "runs", "simclr-seed3", "compared.json"));
        Write(30);
        var error = Assert.Throws<WclUsageException>(() => Comparison.Run(options));
        Assert.StartsWith("The images are not those that runs/simclr-seed3 was trained on any more", error.Message, StringComparison.Ordinal);

        void Write(int height)
        {
            for (int i = 0; i < 40; i++)
            {
                string photo = Path.Combine(photos, i % 2 == 0 ? "a" : "b", $"{i}.png");
                Directory.CreateDirectory(Path.GetDirectoryName(photo)!);
                File.WriteAllBytes(photo, Data.ImageFiles.Skia(SKEncodedImageFormat.Png, 20 + i, height));
            }
        }
    }

    [Fact]
    public void Run_FolderWithSomethingElse_IsRefused()
    {
        Directory.CreateDirectory(Path.Combine(folder, "other"));
        File.WriteAllText(Path.Combine(folder, "other", "notes.txt"), "mine");

        Assert.Contains("holds no comparison", Assert.Throws<WclUsageException>(() => Comparison.Run(Options("other"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AMethodThatCannotBe_IsRefusedBeforeTheOthersAreTrained()
    {
        var options = Options("early") with { Methods = [ContrastiveMethod.Wcl, ContrastiveMethod.AdpClr] };
        var error = Assert.Throws<WclUsageException>(() => Comparison.Run(options with { Training = options.Training with { Batch = 8, AdpClrK = 100 } }));
        Assert.Contains("--adpclr-k 100", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(options.Out));
    }

    [Fact]
    public void Run_MethodNamedTwiceOrNoSeed_IsRefused()
    {
        Assert.Contains("knn needs weak labels", Assert.Throws<WclUsageException>(() => Comparison.Run(Options("b") with { Methods = MethodNames.Parse("wcl,simclr+knn") })).Message, StringComparison.Ordinal);
        Assert.Contains("wcl twice", Assert.Throws<WclUsageException>(() => Comparison.Run(Options("b") with { Methods = [ContrastiveMethod.Wcl, ContrastiveMethod.Wcl] })).Message, StringComparison.Ordinal);
        Assert.Contains("--seeds is 0", Assert.Throws<WclUsageException>(() => Comparison.Run(Options("b") with { Seeds = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains($"--seed {long.MaxValue} leaves no room for", Assert.Throws<WclUsageException>(() => Comparison.Run(Options("b") with { Training = Options("b").Training with { Seed = long.MaxValue } })).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder, "b")));
    }

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, name, "compare.json")))!;

    private static JsonNode WithoutTimes(JsonNode node)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (string time in Times) map.Remove(time);
                foreach (var (_, value) in map) if (value is not null) WithoutTimes(value);
                break;
            case JsonArray list:
                foreach (var value in list) if (value is not null) WithoutTimes(value);
                break;
        }

        return node;
    }
}
