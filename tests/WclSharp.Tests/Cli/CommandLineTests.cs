using WclSharp.Cli.Terminal;
using WclSharp.Evaluation;

namespace WclSharp.Tests.Cli;

/// <summary>What all commands have in common, in this process and as one of its own.</summary>
public sealed class CommandLineTests : StandInCommands
{
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

    [Theory]
    [InlineData("distill", "--label-mix", "from 0 to 1"), InlineData("distill", "--epochs", "from 1 to 1000000"), InlineData("finetune", "--label-fraction", "above 0 and at most 1"), InlineData("finetune", "--head-lr", "zero or more")]
    [InlineData("evaluate", "--linear-lr", "above zero"), InlineData("groups", "--copies", "above 0 and at most 1"), InlineData("suggest", "--check", "zero or more"), InlineData("export", "--calibrate", "1 or more")]
    [InlineData("search", "--count", "1 or more"), InlineData("compare", "--seeds", "from 1 to 1000"), InlineData("compare", "--epochs", "from 1 to 1000000")]
    [InlineData("bench step", "--repeat", "from 1 to 100000000"), InlineData("bench loss", "--batch", "from 2 to 1000000"), InlineData("bench loss", "--dim", "from 1 to 65536"), InlineData("bench neighbors", "--images", "from 2 to 100000000")]
    [InlineData("bench neighbors", "--count", "from 1 to 100000000"), InlineData("bench embed", "--images", "from 1 to 1000000"), InlineData("bench search", "--count", "from 1 to 100000000")]
    public void Run_Help_SaysWhatNumbersAnOptionTakes(string command, string option, string range)
    {
        Assert.Equal(0, Run([.. command.Split(' '), "--help"]));
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

    [Theory]
    [InlineData("a/b-1.png", "a/b-1.png"), InlineData("a b", "\"a b\""), InlineData("it's", "'it'\\''s'"), InlineData("a $x", "'a $x'"), InlineData("\"", "'\"'")]
    public void Quoted_APath_IsOneWordOfAShell(string path, string word)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "shells are those of Unix");
        Assert.Equal(word, RunReport.Quoted(path));
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
        Assert.Contains(nameof(StandInCommands), error.ToString());
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

    private static (int Code, string Output, string Error) Start(params string[] arguments)
    {
        using var process = ChildProcess.Start(ChildProcess.Dotnet, [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), .. arguments]);
        return process.End();
    }
}
