using System.Globalization;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>
/// Progress as plain lines, for files and pipes: every epoch and warning, and a line of progress now and then.
/// No escape codes and no line that is overwritten.
/// </summary>
/// <param name="write">Takes a line.</param>
/// <param name="interval">Least time between two lines of progress.</param>
/// <param name="warn">Takes a warning; null writes it as every line.</param>
/// <param name="clock">Where the time comes from; null is the system.</param>
internal sealed class PlainProgress(Action<string> write, TimeSpan interval, Action<string>? warn = null, TimeProvider? clock = null) : IProgress<RunProgress>
{
    /// <summary>What the line of a warning begins with.</summary>
    public const string WarningStart = "warning: ";

    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private readonly Lock gate = new();
    private long lastLine, stageStart, stageBegan; // the last in units of the stage
    private string? stage;
    private bool headerWritten;

    public void Report(RunProgress value)
    {
        lock (gate)
        {
            switch (value)
            {
                case RunProgress.Started started:
                    foreach (string line in started.Lines) write(line);
                    break;
                case RunProgress.Working working:
                    ReportStage(working);
                    break;
                case RunProgress.Step step:
                    stage = null;
                    if (IsDue()) write(Line(step));
                    break;
                case RunProgress.EpochDone done:
                    ReportEpoch(done.Metrics);
                    break;
                case RunProgress.Warning warning:
                    (warn ?? write)(WarningStart + warning.Message);
                    break;
            }
        }
    }

    /// <summary>One line for a step.</summary>
    internal static string Line(RunProgress.Step step)
    {
        var (done, inEpoch) = StepInEpoch(step);
        return string.Create(CultureInfo.InvariantCulture,
            $"epoch {step.Epoch}/{step.Epochs}, step {done}/{inEpoch}, {Losses(step)}{step.ImagesPerSecond:0} images/s, {step.DataWait:0%} waiting for data, {EpochTable.Duration(step.Remaining)} left");
    }

    /// <summary>Steps of the epoch that are done, and that it has.</summary>
    internal static (long Done, long Total) StepInEpoch(RunProgress.Step step)
    {
        long total = Math.Max(1, step.StepsInRun / Math.Max(1, step.Epochs));
        return (step.StepInRun - (step.Epoch - 1) * total, total);
    }

    /// <summary>The losses of a step, with a comma behind; empty where there is none.</summary>
    internal static string Losses(RunProgress.Step step) =>
        (step.InstanceLoss is { } instance ? $"instance loss {Loss(instance)}, " : "") + (step.WeakLoss is { } weak ? $"weak loss {Loss(weak)}, " : "");

    /// <summary>A loss with three decimals; what rounds to zero has no sign.</summary>
    internal static string Loss(double loss) => loss.ToString("0.000;-0.000;0.000", CultureInfo.InvariantCulture);

    /// <summary>Time that a stage has left at its pace so far, with a comma before; empty where that cannot be told.</summary>
    /// <param name="working">Where it is.</param>
    /// <param name="began">What was done when it was first told of: work that goes on where it was stopped does not begin at 0.</param>
    /// <param name="elapsed">Time since then.</param>
    internal static string TimeLeft(RunProgress.Working working, long began, TimeSpan elapsed) =>
        working.Total is { } total && working.Done > began && working.Done < total && elapsed > TimeSpan.FromSeconds(2)
            ? $", {EpochTable.Duration(elapsed * ((total - working.Done) / (double)(working.Done - began)))} left"
            : "";

    private void ReportStage(RunProgress.Working working)
    {
        if (working.Stage != stage)
        {
            // A stage that is over within the interval needs no line; of many short ones, the one at work when it is over has one.
            (stage, stageBegan, stageStart) = (working.Stage, working.Done, clock.GetTimestamp());
            if (lastLine == 0) lastLine = stageStart;
            return;
        }

        if (!IsDue()) return;
        write(working.Total is { } total and > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{working.Stage}: {working.Done:N0} of {total:N0} ({(double)working.Done / total:0%}{TimeLeft(working, stageBegan, clock.GetElapsedTime(stageStart))})")
            : string.Create(CultureInfo.InvariantCulture, $"{working.Stage}: {working.Done:N0}"));
    }

    private void ReportEpoch(EpochMetrics metrics)
    {
        stage = null;
        if (metrics is { Epoch: 0, Knn: { } untrained }) write($"kNN accuracy before training: {EpochTable.Percent(untrained)}");
        if (!headerWritten) write(EpochTable.Header);
        headerWritten = true;
        write(EpochTable.Line(metrics));
        lastLine = clock.GetTimestamp();
    }

    private bool IsDue()
    {
        if (lastLine != 0 && clock.GetElapsedTime(lastLine) < interval) return false;
        lastLine = clock.GetTimestamp();
        return true;
    }
}
