using System.Runtime.InteropServices;
using WclSharp.Checkpoints;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>What a run that cannot begin or go on leaves behind, and says.</summary>
public sealed class FailedRunTests : RunsInFolder
{
    [Fact]
    public void WhatIsWrongWhateverTheImagesAre_IsSaidBeforeTheyAreRead()
    {
        // As these images are not there, all else is said before that.
        var options = SmallRun.Options with { Limit = null, Data = Path.Combine(folder, "unread"), Out = Path.Combine(folder, "x") };
        string typo = Path.Combine(folder, "typo");
        Refused(options with { Test = typo }, $"There is no file or folder '{typo}'");
        Refused(options with { Init = typo }, $"The weights '{typo}' cannot be read");
        Refused(options with { MultiCrop = MultiCrop.Knn, Method = ContrastiveMethod.SimClr }, "--multi-crop knn needs weak labels");
        Refused(options with { MultiCrop = MultiCrop.Knn, OwnCrops = 5 }, "--own-crops 5 is more");
        Refused(options with { Epochs = 3, WarmupEpochs = 3 }, "--warmup-epochs 3 is not shorter");
        Refused(options with { Batch = 64, Accumulate = 5 }, "--accumulate 5 does not cut");
        Refused(options with { Preset = "tiney" }, "There is no preset");
        Refused(options, "unread");

        static void Refused(PretrainOptions options, string message) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => Pretraining.Run(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void InitialWeightsThatAreNotThere_LeaveTheFolderToTheCorrectedCommand()
    {
        string init = Pretraining.Run(Options("init") with { Epochs = 1 }).RunFolder;
        Assert.Throws<WclUsageException>(() => Pretraining.Run(Options("misspelt") with { Epochs = 1, Init = init + "x" }));
        Assert.Equal(1, Pretraining.Run(Options("misspelt") with { Epochs = 1, Init = init }).Summary.Epoch);
    }

    [Fact]
    public void WeightsThatALastStepRuined_AreNotSaved()
    {
        var options = Options("diverged") with { Limit = 20, Batch = 16, Epochs = 2, EvaluateEvery = 2, WarmupEpochs = 0, LearningRate = 3e38 };
        string message = Assert.Throws<DivergedException>(() => Pretraining.Run(options)).Message;
        Assert.Contains("The network's weights are no longer finite (epoch 1, step 1)", message, StringComparison.Ordinal);
        Assert.Contains("Lower --lr", message, StringComparison.Ordinal);
        Assert.Null(new CheckpointStore(Path.Combine(folder, "diverged", "checkpoints")).Last);
        Assert.Equal("diverged", RunFolder.ReadSummary(options.Out!)!.Status);
    }

    [Fact]
    public void FailedWithinALongEpoch_LeavesASummaryAndAStepOfIt_AndResumed_EndsWithTheSameBytes()
    {
        string whole = Pretraining.Run(Options("whole")).RunFolder;
        var options = Options("failed");
        using (var run = RunFolder.Create(options.Out, resume: false, DateTime.Now))
        using (var training = new PretrainingRun(options, run, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 3 }) throw new ExternalException("CUDA error: unspecified launch failure\nframe #0: c10::Error");
        }), CancellationToken.None)
        { LongestUnsaved = TimeSpan.Zero })
        {
            string message = Assert.Throws<WclException>(() => training.Execute()).Message;
            Assert.StartsWith("libtorch: CUDA error: unspecified launch failure. The last checkpoint is '", message, StringComparison.Ordinal);
            Assert.EndsWith($"; go on with --resume --out {options.Out}.", message, StringComparison.Ordinal);
        }
        Assert.Equal(2, SavedStep(options.Out!)); // of an epoch's four
        Assert.Equal("stopped", RunFolder.ReadSummary(options.Out!)!.Status);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(options with { Resume = true }).RunFolder));
    }

    /// <summary>What an epoch has learnt is saved before it is measured, where it took long; a run that goes on from there measures it.</summary>
    [Fact]
    public void FailedWhileAnEpochIsMeasured_HasTheEpoch_AndResumed_EndsWithTheSameBytes()
    {
        string whole = Pretraining.Run(Options("whole")).RunFolder;
        var options = Options("failed");
        using (var run = RunFolder.Create(options.Out, resume: false, DateTime.Now))
        using (var training = new PretrainingRun(options, run, null, CancellationToken.None)
        {
            WorthKeeping = TimeSpan.Zero,
            LargestShareOfSaving = double.PositiveInfinity, // however slow the disk is
            Measure = metrics => metrics.Epoch == 0 ? metrics : throw new ExternalException("CUDA out of memory. Tried to allocate 2 GiB.\nframe #0: c10::Error"),
        }) Assert.Contains("The last checkpoint is '", Assert.Throws<WclException>(() => training.Execute()).Message, StringComparison.Ordinal);
        Assert.Equal(4 * options.Epochs, SavedStep(options.Out!)); // an epoch has four; it is the last that is measured
        Assert.DoesNotContain(RunFolder.ReadMetrics(options.Out!), metrics => metrics.Epoch == options.Epochs);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(options with { Resume = true }).RunFolder));
        Assert.Equal(RunFolder.ReadMetrics(whole)[^1].Knn, RunFolder.ReadMetrics(options.Out!)[^1].Knn);
    }

    [Fact]
    public void FailedBeforeTheFirstCheckpoint_LeavesASummaryAndSaysHowToStartAgain()
    {
        var options = Options("failed");
        string message = Assert.Throws<WclException>(() => Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step) throw new AggregateException(new IOException("The device is gone."));
        }))).Message;
        Assert.Equal($"The device is gone. Nothing was saved before; start again with --resume --out {options.Out}.", message);
        Assert.Equal("stopped", RunFolder.ReadSummary(options.Out!)!.Status);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void OutOfMemory_SaysWhatIsPossible_SinceARunKeepsItsOptions(bool saved)
    {
        var options = Options("memory");
        string Failure(Exception error)
        {
            if (saved) Pretraining.Run(options with { Epochs = 1, EvaluateEvery = 1 });
            return RunFailure.Explained(error, new CheckpointStore(Path.Combine(options.Out!, "checkpoints")), options.Out!)!.Message;
        }

        string message = Failure(new AggregateException(new ExternalException("CUDA out of memory. Tried to allocate 2 GiB.\nframe #0: c10::Error")));
        Assert.StartsWith("libtorch: CUDA out of memory. Tried to allocate 2 GiB. ", message, StringComparison.Ordinal);
        if (saved)
        {
            Assert.Contains("goes on only where more memory is free, with --resume --out " + options.Out, message, StringComparison.Ordinal);
            Assert.DoesNotContain("--batch", message, StringComparison.Ordinal);
        }
        else
        {
            Assert.EndsWith("start anew with a smaller --batch, with --accumulate or with a smaller --image-size, and with another --out.", message, StringComparison.Ordinal);
            Assert.DoesNotContain("--resume", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ErrorOfTheProgram_NamesTheLastCheckpointToo_AndAUsageErrorIsToldAsItIs()
    {
        var options = Options("failed");
        WclException Failed(Exception error, int step) => Assert.ThrowsAny<WclException>(() => Pretraining.Run(options with { Resume = step > 1 }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step reached && reached.StepInRun == step) throw error;
        })));

        var usage = new WclUsageException("The file is damaged.");
        Assert.Same(usage, Failed(usage, 1));
        Assert.Equal("stopped", RunFolder.ReadSummary(options.Out!)!.Status);

        var error = Failed(new InvalidOperationException("odd"), 5); // of the second epoch
        Assert.StartsWith("InvalidOperationException: odd. The last checkpoint is '", error.Message, StringComparison.Ordinal);
        Assert.EndsWith($"'; go on with --resume --out {options.Out}.", error.Message, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(error.InnerException);
    }

    [Theory]
    [InlineData(null, "Raise --temperature."), InlineData("init", "Raise --temperature, or begin with other weights than those of --init.")]
    public void LossThatIsNotFiniteAtTheFirstStep_IsNotLaidToTheRate(string? init, string advice)
    {
        var options = Options("first") with { Beta = 3e38, Epochs = 1 };
        if (init is not null) options = options with { Init = Pretraining.Run(Options(init) with { Epochs = 1 }).RunFolder };
        string message = Assert.Throws<DivergedException>(() => Pretraining.Run(options)).Message;
        Assert.Contains("at step 0 ", message, StringComparison.Ordinal);
        Assert.EndsWith(advice, message, StringComparison.Ordinal);
        Assert.DoesNotContain("--lr", message, StringComparison.Ordinal);
    }

    [Fact]
    public void PicturesThatFail_AreWarningsOfARunThatIsFinished()
    {
        var options = Options("pictures") with { Epochs = 1 };
        var warnings = new List<string>();
        var result = Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Warning warning) warnings.Add(warning.Message);
            if (p is not RunProgress.Step) return;
            foreach (string name in (string[])["curves", "neighbors"])
            {
                // A folder in a picture's place cannot be replaced by it.
                string picture = Path.Combine(options.Out!, "plots", name + ".png");
                if (Directory.Exists(picture)) continue; // since the step before
                File.Delete(picture);
                Directory.CreateDirectory(Path.Combine(picture, "x"));
            }
        }));
        Assert.Equal(("finished", true), (result.Summary.Status, File.Exists(result.EncoderFile)));
        Assert.Contains(warnings, warning => warning.StartsWith("The picture neighbors.png was not drawn: Could not write", StringComparison.Ordinal));
        Assert.Contains(warnings, warning => warning.StartsWith("The picture curves.png was not drawn: Could not write", StringComparison.Ordinal));
    }

    [Fact]
    public void DamagedCheckpoint_IsRefusedByName()
    {
        var run = Pretraining.Run(Options("damaged") with { Epochs = 1 });
        string file = Directory.GetFiles(Path.Combine(run.RunFolder, "checkpoints"), "optimizer.safetensors", SearchOption.AllDirectories).Single();
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        var error = Assert.Throws<WclUsageException>(() => Pretraining.Run(Options("damaged", resume: true) with { Epochs = 1 }));
        Assert.Contains("optimizer.safetensors", error.Message, StringComparison.Ordinal);
    }
}
