using WclSharp.Checkpoints;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Signals that a run is not saved at, or that come twice, and an input that ends; <see cref="ResumeTests"/> has those that a run is saved at.</summary>
public sealed class SignalTests : RunsInFolder
{
    [Fact]
    public void SecondSignal_EndsTheRunAtOnce_WithoutSaving()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are those of Linux");
        // Steps of some seconds, of which the first is under way when its signals come.
        var options = Options("again") with { Limit = 40, Batch = 32, Epochs = 2, Width = 64, ImageSize = 64 };
        using var process = ChildProcess.Start(ChildProcess.Dotnet, Command(options, options.Out!));
        process.Await(() => File.Exists(Path.Combine(options.Out!, "plots", "curves.png"))); // of the untrained network, the last before training
        Thread.Sleep(300);
        process.Signal("TERM");
        process.AwaitComplaint("once more stops at once, without saving");
        Thread.Sleep(300); // sooner it would be the same
        process.Signal("TERM");
        string said = process.End(expectedCode: 143);
        Assert.DoesNotContain("Stopped", said, StringComparison.Ordinal);
        Assert.Null(new CheckpointStore(Path.Combine(options.Out!, "checkpoints")).Last);
        Assert.False(File.Exists(Path.Combine(options.Out!, "summary.json")));
    }

    [Fact]
    public void SignalSentTwice_AsByTimeout_Saves()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are those of Linux");
        var options = Options("twice");
        using var process = ChildProcess.Start(ChildProcess.Dotnet, Command(options, options.Out!));
        AwaitFirstCheckpoint(process, options.Out!);
        process.Signal("TERM");
        Thread.Sleep(5); // at once they would be one
        process.Signal("TERM");
        Assert.Contains("Stopped and saved.", process.End(expectedCode: 143), StringComparison.Ordinal);
    }

    [Fact]
    public void InputThatEnds_SavesARunThatStopsWithIt()
    {
        var options = Options("input") with { Epochs = 1000, EvaluateEvery = 1000 }; // more than it gets to
        using var process = ChildProcess.Start(ChildProcess.Dotnet, [.. Command(options, options.Out!), "--stop-with-input"]);
        AwaitFirstCheckpoint(process, options.Out!);
        process.EndInput();
        Assert.Contains("Stopped and saved.", process.End(expectedCode: 143), StringComparison.Ordinal);
        Assert.InRange(SavedStep(options.Out!), 1, 1000 * 5 - 1);
    }

    [Fact]
    public void HungUp_WhereThatIsIgnored_TrainsToTheEnd()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are those of Linux");
        var options = Options("ignored") with { Limit = 1280 };
        using var process = ChildProcess.Start("bash", ["-c", "trap '' HUP; exec dotnet \"$@\"", "-", .. Command(options, options.Out!)]); // as nohup does
        AwaitFirstCheckpoint(process, options.Out!);
        process.Signal("HUP");
        process.End(expectedCode: 0);
        Assert.Contains("\"status\": \"finished\"", File.ReadAllText(Path.Combine(options.Out!, "summary.json")), StringComparison.Ordinal);
    }
}
