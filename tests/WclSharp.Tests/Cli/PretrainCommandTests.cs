using WclSharp.Cli.Commands;
using WclSharp.Configuration;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class PretrainCommandTests : StandInCommands
{
    [Fact]
    public void Run_PretrainHelp_HasEveryOptionWithItsDefaultInOneLine()
    {
        Assert.Equal(0, Run("pretrain", "--help"));
        string[] lines = output.ToString().ReplaceLineEndings("\n").Split('\n');
        Assert.All(PretrainOptionTable.All, option => Assert.Single(lines, line =>
            line.TrimStart().StartsWith($"--{option.Name} ", StringComparison.Ordinal) && line.Contains($"[default: {option.DefaultText}]") && line.Contains(option.Description) && line.Contains(option.Range is { } range ? $" ({range.Text}) [default" : "")));
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
    public void Run_PretrainAlone_TrainsWithDefaults()
    {
        Assert.Equal(0, Run("pretrain"));
        Assert.Equal(new PretrainOptions(), trained);
        Assert.Contains("Done: 5 epochs of wcl in 1:40 of training.", output.ToString());
        Assert.Contains("69.9% before, 82.0% now (+12.1 points)", output.ToString());
        Assert.Contains("Balanced accuracy, in which a rare class counts as much as a frequent one: 33.3% before, 51.0% now.", output.ToString());
        Assert.Contains("wcl evaluate", output.ToString());
        Assert.Contains("80 (1.0%) give 72.5% by fine-tuning, 65.0% from scratch, 73.0% by a linear classifier", output.ToString());
        Assert.DoesNotContain("Left out", output.ToString());
        Assert.Equal((folder, 1, "auto"), (finetuned!.Run, finetuned.Draws, finetuned.Device));
        Assert.Equal([0.01], finetuned.LabelFractions);
        Assert.Equal(0, Run("pretrain", "--device", "cpu"));
        Assert.Equal("cpu", finetuned.Device);
    }

    [Fact]
    public void Run_PretrainWithoutLabels_SaysSo_AndThatGroupsAreNext()
    {
        summary = summary with { Knn = null };
        Assert.Equal(0, Run("pretrain", "--limit", "400"));
        Assert.Contains("No kNN accuracy: it takes labels of training and of test images. Name classes with --labels", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Next:         wcl groups ", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("wcl evaluate", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_PretrainOfNoEpochs_SaysThatNothingWasTrained()
    {
        summary = summary with { Epoch = 0 };
        Assert.Equal(0, Run("pretrain", "--limit", "400"));
        foreach (string line in (string[])["Done: nothing was trained; the encoder is that of --init.", "kNN accuracy: 82.0%.", "Balanced accuracy, in which a rare class counts as much as a frequent one: 51.0%."])
            Assert.Contains(line, output.ToString().ReplaceLineEndings("\n").Split('\n'));
    }

    [Fact]
    public void Run_PretrainWithTestImages_SaysHowFarOthersMightLead()
    {
        summary = summary with { TestImages = 2000 };
        Assert.Equal(0, Run("pretrain", "--limit", "400"));
        Assert.Contains("82.0% now (+12.1 points); of 2,000 images, 95 % interval 80.3% to 83.6%.", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_PretrainWithImagesThatCannotBeRead_SaysHowManyAndWhichListsSayWhy()
    {
        summary = summary with { BadImages = 1234 };
        foreach (var (list, told) in ((string?, string)[])[(null, "."), ("bad_images.csv", "; bad_images.csv says why."), ("bad_test_images.csv", "; bad_images.csv and bad_test_images.csv say why.")])
        {
            if (list is not null) File.WriteAllText(Path.Combine(folder, list), "");
            Assert.Equal(0, Run("pretrain", "--limit", "400"));
            Assert.Contains($"Left out:     1,234 images that could not be read{told}", output.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--limit", "400")]
    [InlineData("--data", "images")]
    [InlineData("--stop-with-input")]
    public void Run_PretrainOnOtherImages_OrForAProgram_TrainsNoClassifier(params string[] arguments)
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

    // As where the run was fine-tuned from a checkpoint before it was gone on with.
    [Fact]
    public void Pretrain_FineTuningThatIsRefusedOrFails_IsAWarning_ForTheRunIsDone()
    {
        foreach (var why in (WclException[])[new WclUsageException("The folder holds results of something else."), new("There is no space left.")])
        {
            refusal = why;
            Assert.Equal(0, Run("pretrain"));
            Assert.Contains("82.0%", output.ToString(), StringComparison.Ordinal);
            Assert.Contains($"warning: not fine-tuned with few labels: {why.Message} wcl finetune", error.ToString(), StringComparison.Ordinal);
        }
    }
}
