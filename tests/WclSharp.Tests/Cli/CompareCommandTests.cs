using System.Text.Json.Nodes;
using WclSharp.Cli;
using WclSharp.Comparisons;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class CompareCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-compare-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private ComparisonOptions? compared;
    private ComparisonProgress[] reports = [];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        string config = Path.Combine(folder, "c.json");
        File.WriteAllText(config, """{ "methods": "simclr", "seeds": 5, "batch": 32, "lr": 0.3 }""");

        Assert.Equal(0, Run("compare", "--config", config, "--methods", "SimCLR, wcl", "--lr", "0.7", "--seed", "4", "--out", "d"));

        Assert.Equal([ContrastiveMethod.SimClr, ContrastiveMethod.Wcl], compared!.Methods);
        Assert.Equal((5, "d"), (compared.Seeds, compared.Out));
        Assert.Equal(new PretrainOptions { Batch = 32, LearningRate = 0.7, Seed = 4 }, compared.Training);
        Assert.NotNull(compared.Program);
        Assert.Matches(@"\nwcl +2 +50\.0% +\+2\.0 ± 1\.0 ", output.ToString());
        Assert.Contains("A method differs from simclr where the interval", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Alone_ComparesWclWithSimClr_OverThreeSeeds()
    {
        Assert.Equal(0, Run("compare"));
        Assert.Equal([ContrastiveMethod.Wcl, ContrastiveMethod.SimClr], compared!.Methods);
        Assert.Equal((3, null, new PretrainOptions()), (compared.Seeds, compared.Out, compared.Training));
    }

    [Fact]
    public void Run_ConfigFile_NamesTheFolder_ButNoMethodOfItsOwn()
    {
        string config = Path.Combine(folder, "c.json");
        File.WriteAllText(config, """{ "out": "there", "epochs": 3 }""");
        Assert.Equal(0, Run("compare", "--config", config));
        Assert.Equal(("there", 3, null), (compared!.Out, compared.Training.Epochs, compared.Training.Out));
        Assert.Equal(0, Run("compare", "--config", config, "--out", "here"));
        Assert.Equal("here", compared.Out);

        string kept = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "kept")).FullName, "config.json");
        File.Copy(config, kept);
        Assert.Equal(2, Run("compare", "--config", kept, "--out", Path.GetDirectoryName(kept)!)); // the comparison's own settings would replace it
        Assert.Contains($"--config {kept} is where the settings of the comparison", error.ToString(), StringComparison.Ordinal);

        File.WriteAllText(config, """{ "method": "supcon" }""");
        Assert.Equal(2, Run("compare", "--config", config));
        Assert.Contains("a comparison takes several", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ConfigFromAPipe_IsReadOnce()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a named pipe");
        string pipe = Path.Combine(folder, "pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
        var writing = Task.Run(() => File.WriteAllText(pipe, """{ "out": "there", "epochs": 3 }"""), TestContext.Current.CancellationToken);
        Assert.Equal(0, await Task.Run(() => Run("compare", "--config", pipe), TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        await writing;
        Assert.Equal(("there", 3), (compared!.Out, compared.Training.Epochs));
    }

    [Fact]
    public void Run_FolderOfAComparison_HasItsMethodsAndSeeds_WhereNoneAreNamed()
    {
        File.WriteAllText(Path.Combine(folder, "config.json"), """{ "methods": "supcon,wcl", "seeds": 5, "epochs": 2 }""");
        Assert.Equal(0, Run("compare", "--out", folder, "--epochs", "2"));
        Assert.Equal([ContrastiveMethod.SupCon, ContrastiveMethod.Wcl], compared!.Methods);
        Assert.Equal((5, 2), (compared.Seeds, compared.Training.Epochs));
        Assert.Equal(0, Run("compare", "--out", folder, "--seeds", "1", "--methods", "simclr"));
        Assert.Equal([ContrastiveMethod.SimClr], compared.Methods);
        Assert.Equal((1, null), (compared.Seeds, compared.Training.Epochs));
    }

    [Theory]
    [InlineData("did you mean simclr?", "--methods", "wcl,simlcr")]
    [InlineData("--batch is", "--batch", "many")]
    [InlineData("--methods is \"wcl,,simclr\", whose item 2 is empty", "--methods", "wcl,,simclr")]
    [InlineData("--methods names none; give a list", "--methods", "")]
    [InlineData("--seeds is \"few\"; expected a whole number.", "--seeds", "few")]
    [InlineData("--seeds is \"3000000000\"; expected a whole number from -2147483648 to 2147483647.", "--seeds", "3000000000")]
    [InlineData("--epochs is -1; it must be from 1 to 1000000.", "--epochs", "-1")]
    [InlineData("--methods", "--metods", "wcl")]
    [InlineData("There is no comparison in /no/such", "--resume", "--out", "/no/such")]
    [InlineData("--resume needs the comparison", "--resume")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(["compare", .. arguments]));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(compared);
    }

    [Fact]
    public void Run_AfterTheFirstRun_SaysWhatIsLeftForAll()
    {
        reports =
        [
            Turn("wcl", 0, 1, 6, RunState.Measured, 3),
            Turn("wcl", 1, 2, 6, RunState.Stopped, 3),
            new ComparisonProgress.Measured(new ComparedRun { Method = "wcl", Seed = 1, Folder = "a" }), // a part of its time only
            Turn("simclr", 0, 3, 6, RunState.New, 2),
            new ComparisonProgress.Measured(new ComparedRun { Method = "simclr", Seed = 0, Folder = "b", Knn = 0.5, Linear = 0.6, SecondsPerEpoch = 2 }),
            Turn("simclr", 1, 4, 6, RunState.New, int.MaxValue), // so many that moments add up
            Turn("supcon", 1, 5, 6, RunState.Trained, 0),
            Turn("supcon", 2, 6, 6, RunState.Diverged, 3),
        ];
        Assert.Equal(0, Run("compare"));
        string[] lines = [.. output.ToString().Split('\n').Where(line => line.StartsWith('['))];
        Assert.Equal(["[1/6] wcl, seed 0, finished already", "[2/6] wcl, seed 1, goes on", "[3/6] simclr, seed 0"], lines[..3].Select(line => line.TrimEnd()));
        Assert.Matches(@"^\[4/6\] simclr, seed 1, .* left for all", lines[3]);
        Assert.DoesNotContain(" 0:00 left", lines[3], StringComparison.Ordinal);
        Assert.Equal(["[5/6] supcon, seed 1, trained already", "[6/6] supcon, seed 2, has diverged"], lines[4..].Select(line => line.TrimEnd()));
        Assert.Contains("  simclr, seed 0: kNN 50.0%, linear 60.0%, 2.0 s an epoch", output.ToString().ReplaceLineEndings("\n").Split('\n'));
    }

    [Fact]
    public void Run_UsageErrorOfTheFirstRun_IsALineByItself()
    {
        int RunWith(params ComparisonProgress[] told) => CommandLine.Run(["compare"], CommandActions.Library with
        {
            Compare = (_, progress, _) =>
            {
                foreach (var each in told) progress.Report(each);
                throw new WclUsageException("There is nothing at /data.");
            },
        }, output, error);
        Assert.Equal(2, RunWith(new ComparisonProgress.Started(folder), Turn("wcl", 0, 1, 2, RunState.New, 2)));
        Assert.Equal("There is nothing at /data.", error.ToString().Trim());
        Assert.Empty(output.ToString());
        // A run that has said something has its heading.
        Assert.Equal(2, RunWith(Turn("wcl", 0, 1, 2, RunState.New, 2), new ComparisonProgress.Line("reading")));
        Assert.Equal(["[1/2] wcl, seed 0", "  reading"], output.ToString().ReplaceLineEndings("\n").TrimEnd().Split('\n'));
    }

    [Fact]
    public void Run_ProgressThatCannotBeWritten_EndsNothing_AndAResultThatCannotDoes()
    {
        // As where the disk of a log is full for a while, or the terminal is closed.
        reports = [Turn("wcl", 0, 1, 1, RunState.New, 1), new ComparisonProgress.Line("epoch 1"), new ComparisonProgress.Warning("odd")];
        using FullDisk disk = new(), errors = new();
        Assert.Equal(0, CommandLine.Run(["compare"], CommandActions.Library with { Compare = FullMeanwhile }, disk, errors));
        Assert.DoesNotContain("epoch 1", disk.ToString(), StringComparison.Ordinal);
        Assert.Contains("wcl", disk.ToString(), StringComparison.Ordinal);

        disk.IsFull = true;
        Assert.Equal(1, CommandLine.Run(["compare"], CommandActions.Library with { Compare = Compare }, disk, errors));
        Assert.Contains("No space left", errors.ToString(), StringComparison.Ordinal);

        ComparisonResult FullMeanwhile(ComparisonOptions options, IProgress<ComparisonProgress> progress, CancellationToken stop)
        {
            disk.IsFull = errors.IsFull = true;
            var result = Compare(options, progress, stop);
            disk.IsFull = errors.IsFull = false;
            return result;
        }
    }

    [Fact]
    public void Process_TwoMethods_TerminatedInARun_AndResumed_EndsWithATable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are sent by kill");
        string run = Path.Combine(folder, "a comparison");
        string[] command = ["compare", "--methods", "wcl,simclr", "--seeds", "1", "--epochs", "2", "--limit", "400", "--width", "4", "--head-hidden", "16", "--head-output", "8", "--device", "cpu", "--out", run];
        using (var process = Start(command))
        {
            string saved = Path.Combine(run, "runs", "wcl-seed0", "checkpoints", "last.json");
            process.Await(() => File.Exists(saved));
            process.Signal("TERM");
            Assert.Contains($"Go on with: wcl compare --resume --out \"{run}\"", process.End(expectedCode: 143), StringComparison.Ordinal);
        }

        // Only the folder is named: the rest is remembered.
        using (var process = Start(["compare", "--resume", "--out", run]))
        {
            string said = process.End(expectedCode: 0);
            Assert.Contains("[2/2] simclr, seed 0", said, StringComparison.Ordinal);
            Assert.Contains("compare.json", said, StringComparison.Ordinal);
            Assert.DoesNotContain("Next: ", said, StringComparison.Ordinal); // what follows one of several runs
        }

        var rows = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "compare.json")))!["methods"]!.AsArray();
        Assert.Equal(["wcl", "simclr"], rows.Select(row => (string)row!["method"]!));
        foreach (var row in rows)
        {
            Assert.InRange((double)row!["peak_rss_mib"]!, 50, 20_000); // each has a process of its own
            Assert.InRange((double)row["linear_mean"]!, 0.2, 1);
            Assert.Null(row["knn_ci95"]); // one seed
        }
    }

    [Fact]
    public void Process_RunThatDiverges_IsInTheTable_AndTheExitCodeIsOne()
    {
        string run = Path.Combine(folder, "d");
        using var process = Start(["compare", "--methods", "simclr", "--seeds", "1", "--epochs", "2", "--lr", "1e20", "--limit", "200", "--width", "4", "--head-hidden", "16", "--head-output", "8", "--device", "cpu", "--out", run]);
        var (code, said, complained) = process.End();
        Assert.Equal(1, code);
        Assert.Contains("warning: simclr with seed 0 has diverged: The loss is", complained, StringComparison.Ordinal);
        Assert.Contains("compare.json", said, StringComparison.Ordinal);
        Assert.Equal("simclr", (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "compare.json")))!["diverged"]![0]!["method"]!);
        Assert.True(File.Exists(Path.Combine(run, "runs", "simclr-seed0", "diverged.json")));
        Assert.Equal("diverged", (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "runs", "simclr-seed0", "summary.json")))!["status"]!);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with { Compare = Compare }, output, error);

    private static ComparisonProgress.Turn Turn(string method, long seed, int number, int total, RunState state, int toTrain) =>
        new() { Method = method, Seed = seed, Number = number, Total = total, State = state, ToTrain = toTrain };

    private ComparisonResult Compare(ComparisonOptions options, IProgress<ComparisonProgress> progress, CancellationToken stop)
    {
        compared = options;
        foreach (var report in reports) progress.Report(report);
        return new()
        {
            Folder = folder,
            Methods = [new MethodComparison { Method = "wcl", KnnMean = 0.5, Baseline = "simclr", KnnDifference = 0.02, KnnDifferenceCi95 = 0.01, Seeds = [0, 1], Runs = [] }],
            Files = [Path.Combine(folder, "compare.json")],
        };
    }

    private static ChildProcess Start(string[] command) => ChildProcess.Start(ChildProcess.Dotnet, [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), .. command]);

    private sealed class FullDisk : StringWriter
    {
        public bool IsFull { get; set; }

        public override void WriteLine(string? value)
        {
            if (IsFull) throw new IOException("No space left on device");
            base.WriteLine(value);
        }
    }
}
