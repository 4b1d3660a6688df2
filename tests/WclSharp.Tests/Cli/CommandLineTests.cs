using WclSharp.Cli;
using WclSharp.Cli.Commands;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class CommandLineTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-cli-").FullName;
    private readonly StringWriter output = new();
    private readonly StringWriter error = new();
    private PretrainOptions? trained;
    private RunEvaluationOptions? evaluated;
    private FineTuneOptions? finetuned;
    private Exception? failure;
    private WclUsageException? refusal;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_NoArguments_PrintsHelp()
    {
        Assert.Equal(0, Run());
        Assert.Contains("wcl pretrain", output.ToString());
    }

    [Fact]
    public void Run_Version_PrintsIt()
    {
        Assert.Equal(0, Run("--version"));
        Assert.Matches(@"^wcl \d+\.\d+\.\d+\S*\s*$", output.ToString());
        Assert.DoesNotContain('+', output.ToString());
    }

    [Fact]
    public void Run_PretrainHelp_HasEveryOptionWithItsDefaultInOneLine()
    {
        Assert.Equal(0, Run("pretrain", "--help"));
        string[] lines = output.ToString().ReplaceLineEndings("\n").Split('\n');
        Assert.All(PretrainOptionTable.All, option => Assert.Single(lines, line =>
            line.TrimStart().StartsWith($"--{option.Name} ", StringComparison.Ordinal) && line.Contains($"[default: {option.DefaultText}]") && line.Contains(option.Description) && line.Contains(option.Range is { } range ? $" ({range.Text}) [default" : "")));
    }

    [Theory]
    [InlineData("distill", "--label-mix", "from 0 to 1"), InlineData("distill", "--epochs", "from 1 to 1000000"), InlineData("finetune", "--label-fraction", "above 0 and at most 1"), InlineData("finetune", "--head-lr", "zero or more")]
    [InlineData("evaluate", "--linear-lr", "above zero"), InlineData("groups", "--copies", "above 0 and at most 1"), InlineData("suggest", "--check", "zero or more"), InlineData("export", "--calibrate", "1 or more")]
    [InlineData("search", "--count", "1 or more"), InlineData("compare", "--seeds", "from 1 to 1000"), InlineData("compare", "--epochs", "from 1 to 1000000")]
    public void Run_Help_SaysWhatNumbersAnOptionTakes(string command, string option, string range)
    {
        Assert.Equal(0, Run(command, "--help"));
        Assert.Contains($" ({range}) [default: ", Assert.Single(output.ToString().Split('\n'), line => line.Contains($"{option} <", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FlagsWithAValue_AreTaken()
    {
        Assert.Equal(0, Run("evaluate", "run", "--linear=TRUE"));
        Assert.True(evaluated!.Linear);
        Assert.Equal(0, Run("evaluate", "run", "--linear:false"));
        Assert.False(evaluated.Linear);
    }

    [Fact]
    public void Run_PretrainForAProgram_DoesNotSayWhatIsNext()
    {
        Assert.Equal(0, Run("pretrain", "--limit", "400"));
        Assert.Contains("Next: ", output.ToString(), StringComparison.Ordinal);
        output.GetStringBuilder().Clear();
        Assert.Equal(0, Run("pretrain", "--limit", "400", "--stop-with-input"));
        Assert.Contains("Run folder:", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Next: ", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AFileThatCannotBeWritten_IsSaidBeforeTheWork()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a folder that nobody may write to");
        foreach (string file in (string[])["/sys/r.json", "/sys/below/r.json"])
        {
            evaluated = null;
            Assert.Equal(2, Run("evaluate", "r", "--json", file));
            Assert.Null(evaluated);
        }
        Assert.Contains("cannot be written: ", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, error.ToString().TrimEnd().Split('\n').Length);
        Assert.Equal(0, Run("evaluate", "r", "--json", "/dev/null"));
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        Assert.Equal(0, Run("evaluate", "r", "--json", Path.Combine(folder, "r.json")));
        Assert.Single(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Run_PretrainAlone_TrainsWithDefaults()
    {
        Assert.Equal(0, Run("pretrain"));
        Assert.Equal(new PretrainOptions(), trained);
        Assert.Contains("69.9% before, 82.0% now (+12.1 points)", output.ToString());
        Assert.Contains("Balanced accuracy, in which a rare class counts as much as a frequent one: 33.3% before, 51.0% now.", output.ToString());
        Assert.Contains("wcl evaluate", output.ToString());
        Assert.Contains("80 (1.0%) give 72.5% by fine-tuning, 65.0% from scratch, 73.0% by a linear classifier", output.ToString());
        Assert.Equal((folder, 1), (finetuned!.Run, finetuned.Draws));
    }

    [Theory]
    [InlineData("--limit", "400")]
    [InlineData("--data", "images")]
    public void Run_PretrainOnOtherImages_TrainsNoClassifier(params string[] arguments)
    {
        Assert.Equal(0, Run(["pretrain", .. arguments]));
        Assert.Null(finetuned);
    }

    [Fact]
    public void Run_CommandLineAndFile_CommandLineWinsOverFileOverPreset()
    {
        string config = Path.Combine(folder, "c.json");
        File.WriteAllText(config, """{ "epochs": 5, "lr": 0.3, "preset": "cifar", "resume": false }""");

        Assert.Equal(0, Run("pretrain", "--lr", "0.7", "--config", config, "--method=simclr"));

        Assert.Equal(new PretrainOptions { Epochs = 5, LearningRate = 0.7, Preset = "cifar", Method = ContrastiveMethod.SimClr }, trained);
        var resolved = Presets.Resolve(trained!, new DataFacts(50_000, 32, Embedded: false)).Options;
        Assert.Equal((5, 0.7, 512), (resolved.Epochs, resolved.LearningRate, resolved.Batch)); // file, command line, preset
    }

    [Theory]
    [InlineData("--width 32, --lr 0.3", "--preset", "cifar")]
    [InlineData("--lr 0.3", "--preset", "cifar", "--width", "64")]
    [InlineData("--lr 0.3, --weight-decay 0.001", "--optimizer", "lars")]
    [InlineData("--lr 0.3", "--batch", "128", "--seed", "1")]
    [InlineData(null, "--batch", "128", "--lr", "0.1")]
    [InlineData(null, "--preset", "tiny", "--batch", "64")]
    public void Run_OptionOverAFileThatFixesWhatWouldFollow_BringsAWarning(string? fixedOptions, params string[] arguments)
    {
        string config = Path.Combine(folder, "c.json");
        File.WriteAllText(config, """{ "preset": "tiny", "width": 32, "optimizer": "sgd", "lr": 0.3, "weight_decay": 0.001 }""".Replace("}", arguments.Contains("cifar") ? "}" : ", \"batch\": 64 }"));

        Assert.Equal(0, Run(["pretrain", "--config", config, .. arguments]));

        if (fixedOptions is null) Assert.Empty(error.ToString());
        else Assert.StartsWith($"warning: c.json fixes what would follow from the command line: {fixedOptions}. Take out", Assert.Single(error.ToString().TrimEnd().Split('\n')).Replace(config, "c.json"), StringComparison.Ordinal);
        Assert.NotNull(trained);
    }

    [Fact]
    public async Task Run_ConfigFromAPipe_IsReadOnce()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a named pipe");
        string pipe = Path.Combine(folder, "pipe"), run = Path.Combine(folder, "run");
        using (var made = ChildProcess.Start("mkfifo", [pipe])) made.End(expectedCode: 0);
        using (var started = RunFolder.Create(run, resume: false, DateTime.Now)) started.WriteConfig(new PretrainOptions { Batch = 64, LearningRate = 0.3 });
        foreach (string[] arguments in (string[][])[["pretrain", "--batch", "128"], ["pretrain", "--resume", "--out", run]])
        {
            var writing = Task.Run(() => File.WriteAllText(pipe, """{ "batch": 64, "lr": 0.3 }"""), TestContext.Current.CancellationToken);
            // A second opening would wait for somebody to write again.
            Assert.Equal(0, await Task.Run(() => Run([.. arguments, "--config", pipe]), TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
            await writing;
        }
        Assert.Equal((64, 0.3), (trained!.Batch, trained.LearningRate)); // the resumed run
    }

    [Fact]
    public void Stopped_SaysWhatIsThereToGoOnFrom()
    {
        Assert.StartsWith("Stopped before a first checkpoint; start again with: wcl pretrain --resume --out ", PretrainCommand.Stopped(folder, trains: true), StringComparison.Ordinal);
        string checkpoint = Path.Combine(folder, "checkpoints", "step-00000001");
        Directory.CreateDirectory(checkpoint);
        File.WriteAllText(Path.Combine(checkpoint, "state.json"), "{}");
        Assert.StartsWith("Stopped and saved. Go on with: ", PretrainCommand.Stopped(folder, trains: true), StringComparison.Ordinal);
        Assert.StartsWith("Stopped. Go on with: ", PretrainCommand.Stopped(folder, trains: false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no option --bacth; did you mean --batch?", "pretrain", "--bacth", "3")]
    [InlineData("There is no option --weight_decay; did you mean --weight-decay?", "pretrain", "--weight_decay=3")]
    [InlineData("There is no command pretran; did you mean pretrain?", "pretran")]
    [InlineData("There is no command los; did you mean loss?", "bench", "los")]
    [InlineData("\"images\" belongs to no option", "pretrain", "images")]
    [InlineData("--linear is \"maybe\"; expected true or false, or no value.", "evaluate", "run", "--linear=maybe")]
    [InlineData("--linear is \"maybe\"; expected true or false, or no value.", "evaluate", "--linear=maybe")]
    [InlineData("--resume is \"1\"; expected", "pretrain", "--resume=1")]
    [InlineData("--batch", "pretrain", "--batch")]
    [InlineData("--lr is -1; it must be above zero.", "pretrain", "--lr", "-1")]
    [InlineData("Batch size 1 gives no neighbours; use 2 or more.", "pretrain", "--batch", "1")]
    [InlineData("--data cannot stand there; `wcl pretrain --help`", "pretrain", "--", "--data")]
    [InlineData("--data is empty; leave it out, or give a path.", "pretrain", "--data", "")]
    [InlineData("The path of the configuration file is empty", "pretrain", "--config", "")]
    [InlineData("There is no command help; `wcl pretrain --help` lists", "help", "pretrain")]
    [InlineData("--lr is 1E+39; it must be within float32's range", "pretrain", "--lr", "1e39")]
    [InlineData("RUN", "evaluate")]
    [InlineData("--knn-k is 0; it must be 1 or more.", "evaluate", "run", "--knn-k", "0")]
    [InlineData("such.json", "pretrain", "--config", "/no/such.json")]
    [InlineData("no run in /no/such/run", "pretrain", "--resume", "--out", "/no/such/run")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(arguments));
        Assert.Contains(message, error.ToString());
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Empty(output.ToString());
        Assert.Null(trained);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void Run_LibraryFails_IsOneLineAndItsExitCode(bool usage, int code)
    {
        failure = usage ? new WclUsageException("No images under /data.") : new WclException("The loss is not finite.");

        Assert.Equal(code, Run("pretrain"));
        Assert.Equal(failure.Message, error.ToString().TrimEnd());
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB.\nframe #0: c10::Error", "libtorch: CUDA out of memory. Tried to allocate 2.00 GiB. Use a smaller --batch, or --accumulate, or a smaller --image-size.")]
    [InlineData("required rank 4 tensor to use channels_last memory_format", "libtorch: required rank 4 tensor to use channels_last memory_format (--verbose shows where)")]
    [InlineData("shapes do not fit\nframe #0: c10::Error", "libtorch: shapes do not fit (--verbose shows where)")]
    public void Run_LibtorchFails_IsItsFirstLine(string message, string told)
    {
        failure = new System.Runtime.InteropServices.ExternalException(message);

        Assert.Equal(1, Run("pretrain"));
        Assert.Equal(told, error.ToString().TrimEnd());
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB.", "End other programs that use the GPU, or use --device cpu.")]
    [InlineData("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.", "End other programs that take memory.")]
    public void Run_OutOfMemoryInACommandWithoutABatch_NamesNoOptionThatItHasNot(string message, string advice)
    {
        failure = new System.Runtime.InteropServices.ExternalException(message);

        Assert.Equal(1, Run("evaluate", "run"));
        Assert.Equal($"libtorch: {message} {advice}", error.ToString().TrimEnd());
    }

    [Fact]
    public void Run_Verbose_AddsTheStack()
    {
        failure = new InvalidOperationException("odd");

        Assert.Equal(1, Run("pretrain", "--verbose"));
        Assert.Contains(nameof(CommandLineTests), error.ToString());
    }

    [Fact]
    public void Run_Resume_TakesTheRunsOptionsAndRefusesOthers()
    {
        string path = Path.Combine(folder, "run");
        using (var run = RunFolder.Create(path, resume: false, DateTime.Now))
            run.WriteConfig(new PretrainOptions { Epochs = 5, LearningRate = 0.3, Workers = 2 });

        Assert.Equal(0, Run("pretrain", "--resume", "--out", path, "--workers", "1", "--epochs", "5"));
        Assert.Equal(new PretrainOptions { Epochs = 5, LearningRate = 0.3, Workers = 1, Out = path, Resume = true }, trained);

        trained = null;
        Assert.Equal(2, Run("pretrain", "--resume", "--out", path, "--lr", "0.4"));
        Assert.Contains("--lr 0.4 is not what the run", error.ToString());
        Assert.Contains("(0.3)", error.ToString());
        Assert.Null(trained);
    }

    [Fact]
    public void Run_Evaluate_PassesItsOptionsAndWritesJson()
    {
        string json = Path.Combine(folder, "e.json");

        Assert.Equal(0, Run("evaluate", "runs/a", "--test", "t.tar", "--knn-k", "7", "--json", json));
        Assert.Equal(new RunEvaluationOptions { Run = "runs/a", Test = "t.tar", KnnK = 7 }, evaluated);
        Assert.Contains("82.0% of 2,000 images (95 % interval 80.3% to 83.6%; balanced accuracy 75.0%), by", output.ToString());
        string written = File.ReadAllText(json);
        Assert.Contains("\"knn\": 0.82", written);
        Assert.Contains("\"knn_ci95_low\": 0.802", written);
        Assert.Contains("\"knn_balanced_accuracy\": 0.75", written);
        Assert.Contains("\"precision\": \"bf16\"", written);

        Assert.Equal(0, Run("evaluate", "runs/a", "--linear", "--json", json));
        Assert.Contains("Linear probe: 70.0% of 100 images (95 % interval 60.4% to 78.1%), trained", output.ToString());
        Assert.Contains("\"linear_ci95_high\": 0.78", File.ReadAllText(json));
        Assert.Contains("the usual ones: fewer than two classes have 25 labels", output.ToString());
        output.GetStringBuilder().Clear();
        Assert.Equal(0, Run("evaluate", "runs/a", "--linear-lr", "0.2"));
        Assert.DoesNotContain("the usual ones", output.ToString());
    }

    [Fact]
    public void Run_EvaluateConfusionOfTooManyClasses_LeavesItOutAndSaysSo()
    {
        string json = Path.Combine(folder, "e.json"), picture = Path.Combine(folder, "c.png");

        Assert.Equal(0, Run("evaluate", "runs/a", "--linear", "--confusion", picture, "--json", json));
        Assert.True(evaluated!.LinearConfusion);
        Assert.Contains("Confusion matrix: left out, of more than 1,000 classes", output.ToString());
        Assert.False(File.Exists(picture));
        Assert.Contains("\"linear\": 0.7", File.ReadAllText(json));
        Assert.DoesNotContain("linear_confusion", File.ReadAllText(json));

        Assert.Equal(0, Run("evaluate", "runs/a", "--linear"));
        Assert.False(evaluated.LinearConfusion); // nobody would see it
    }

    [Fact]
    public void Process_UnknownOption_ExitsWithTwoAndOneLineOnStandardError()
    {
        var (code, standardOutput, standardError) = Start("pretrain", "--epoch", "3");

        Assert.Equal(2, code);
        Assert.Empty(standardOutput);
        Assert.Contains("did you mean --epochs?", standardError);
    }

    [Fact]
    public void Process_Help_ExitsWithZeroWithoutEscapeCodes()
    {
        var (code, standardOutput, standardError) = Start("--help");

        Assert.Equal(0, code);
        Assert.Contains("pretrain", standardOutput);
        Assert.DoesNotContain('\u001b', standardOutput);
        Assert.Empty(standardError);
    }

    // As where the run was fine-tuned from a checkpoint before it was gone on with.
    [Fact]
    public void Pretrain_FineTuningThatIsRefused_IsAWarning_ForTheRunIsDone()
    {
        refusal = new WclUsageException("The folder holds results of something else.");
        Assert.Equal(0, Run("pretrain"));
        Assert.Contains("82.0%", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("warning: not fine-tuned with few labels: The folder holds results of something else. wcl finetune", error.ToString(), StringComparison.Ordinal);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, new CommandActions(Pretrain, Evaluate) { Finetune = Finetune }, output, error);

    private PretrainResult Pretrain(PretrainOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        if (failure is not null) throw failure;
        trained = options;
        return new PretrainResult(folder, Path.Combine(folder, "encoder.safetensors"),
            new RunSummary { Status = "finished", Method = "wcl", Seed = 0, Epoch = 5, Seconds = 100, KnnBefore = 0.699, Knn = 0.82, KnnBalancedAccuracyBefore = 0.333, KnnBalancedAccuracy = 0.51 });
    }

    private FineTuneResult Finetune(FineTuneOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        finetuned = options;
        if (refusal is not null) throw refusal;
        return new(folder, [new FineTuneRow { Budget = "", Fraction = 0.01, Labels = 80, Draws = 1, FinetuneMean = 0.725, ScratchMean = 0.65, KnnMean = 0.6, LinearMean = 0.73 }], 2000, "", "");
    }

    private RunEvaluationResult Evaluate(RunEvaluationOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        if (failure is not null) throw failure;
        evaluated = options;
        return new(0.82, 20, 8000, 2000, 5, 1.5, options.Linear ? new LinearProbeResult { Top1 = 0.7, TestImages = 100, PerClass = [new ClassAccuracy("a", 100, 0.7)] } : null)
        {
            KnnBalancedAccuracy = 0.75,
            Precision = "bf16",
        };
    }

    private static (int Code, string Output, string Error) Start(params string[] arguments)
    {
        using var process = ChildProcess.Start("dotnet", [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), .. arguments]);
        return process.End();
    }
}
