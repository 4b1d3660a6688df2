using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Terminal;

/// <summary>Progress on a terminal: a bar for the stage or epoch at work, and above it the table of epochs, line by line.</summary>
internal sealed class LiveProgress : IProgress<RunProgress>
{
    private const int BarWidth = 24, PercentageWidth = 6; // with the blanks beside them

    private static volatile LiveProgress? current;

    private readonly IAnsiConsole console;
    private readonly ProgressContext context;
    private readonly Lock gate = new();
    private ProgressTask? bar;
    private string? barName;
    private long barStart, barBegan;
    private string losses = ""; // of the last step that has any: on a GPU only some are read back
    private int tableWidth; // 0 until the table has begun

    private LiveProgress(IAnsiConsole console, ProgressContext context)
    {
        this.console = console;
        this.context = context;
    }

    /// <summary>Does work whose progress is shown; the bar is gone afterwards, the lines stay.</summary>
    public static T Run<T>(IAnsiConsole console, Func<IProgress<RunProgress>, T> work) => console.Progress()
        .AutoClear(true)
        .HideCompleted(true)
        .Columns(new ProgressBarColumn { Width = BarWidth }, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
        .Start(context =>
        {
            try
            {
                return work(current = new LiveProgress(console, context));
            }
            finally
            {
                current = null;
            }
        });

    /// <summary>Writes a line above the bar that is shown, from any thread.</summary>
    /// <returns>False where none is shown, and nothing was written.</returns>
    public static bool TrySay(string text)
    {
        if (current is not { } shown) return false;
        lock (shown.gate)
        {
            shown.ClearBar();
            shown.console.WriteLine(text);
        }

        return true;
    }

    public void Report(RunProgress value)
    {
        lock (gate)
        {
            switch (value)
            {
                case RunProgress.Started started:
                    ClearBar();
                    foreach (string line in started.Lines) console.WriteLine(PlainText.Of(line));
                    break;
                case RunProgress.Working working:
                    ShowStage(working);
                    break;
                case RunProgress.Step step:
                    ShowStep(step);
                    break;
                case RunProgress.EpochDone done:
                    ShowEpoch(done.Metrics);
                    break;
                case RunProgress.Warning warning:
                    ClearBar();
                    console.MarkupLineInterpolated($"[yellow]warning: {PlainText.Of(warning.Message)}[/]");
                    break;
            }
        }
    }

    private void ShowStage(RunProgress.Working working)
    {
        var task = Bar(working.Stage, working.Done);
        task.IsIndeterminate = working.Total is null;
        task.MaxValue = Math.Max(1, working.Total ?? 1);
        task.Value = working.Total is null ? 0 : working.Done;
        task.Description = Markup.Escape(working.Total is { } total
            ? string.Create(CultureInfo.InvariantCulture, $"{working.Stage} {working.Done:N0} of {total:N0}{PlainProgress.TimeLeft(working, barBegan, Stopwatch.GetElapsedTime(barStart))}")
            : string.Create(CultureInfo.InvariantCulture, $"{working.Stage} {working.Done:N0}"));
        if (working.Done >= working.Total) RemoveBar();
    }

    private void ShowStep(RunProgress.Step step)
    {
        var (done, total) = PlainProgress.StepInEpoch(step);
        var task = Bar(string.Create(CultureInfo.InvariantCulture, $"epoch {step.Epoch}/{step.Epochs}"));
        task.MaxValue = total;
        task.Value = done;
        if (step.InstanceLoss is not null || step.WeakLoss is not null)
            losses = $"  loss {string.Join(" + ", new[] { step.InstanceLoss, step.WeakLoss }.OfType<double>().Select(PlainProgress.Loss))}";
        string left = $"{EpochTable.Duration(step.Remaining)} left";
        string[] longestFirst =
        [
            string.Create(CultureInfo.InvariantCulture, $"{barName} step {done}/{total}{losses}  {step.ImagesPerSecond:0} images/s  wait {step.DataWait:0%}  {left}"),
            string.Create(CultureInfo.InvariantCulture, $"{barName} step {done}/{total}{losses}  {step.ImagesPerSecond:0} images/s  {left}"),
            string.Create(CultureInfo.InvariantCulture, $"{barName}{losses}  {left}"),
            string.Create(CultureInfo.InvariantCulture, $"{barName}  {left}"),
        ];
        int room = console.Profile.Width - BarWidth - PercentageWidth;
        task.Description = Markup.Escape(longestFirst.FirstOrDefault(text => text.Length <= room) ?? longestFirst[^1]);
    }

    private void ShowEpoch(EpochMetrics metrics)
    {
        ClearBar();
        if (metrics is { Epoch: 0, Knn: { } untrained })
            console.MarkupLineInterpolated($"kNN accuracy before training: [bold]{EpochTable.Percent(untrained)}[/]");
        if (tableWidth == 0)
        {
            tableWidth = console.Profile.Width; // kept, so that the columns stay where their names are
            console.MarkupLineInterpolated($"[bold]{EpochTable.HeaderOf(tableWidth)}[/]");
        }
        console.WriteLine(EpochTable.Line(metrics, tableWidth));
    }

    /// <summary>The bar of a stage or epoch; a new one takes the old one's place.</summary>
    private ProgressTask Bar(string name, long began = 0)
    {
        if (bar is not null && barName == name) return bar;
        RemoveBar();
        barName = name;
        (barStart, barBegan) = (Stopwatch.GetTimestamp(), began);
        return bar = context.AddTask(Markup.Escape(name));
    }

    /// <summary>Takes the bar off the screen, where the next line would cover a part of it only.</summary>
    private void ClearBar()
    {
        RemoveBar();
        context.Refresh();
    }

    private void RemoveBar()
    {
        if (bar is null) return;
        bar.Value = bar.MaxValue; // finished, and so hidden
        bar.StopTask();
        bar = null;
        barName = null;
    }
}
