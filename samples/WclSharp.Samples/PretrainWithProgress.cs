using WclSharp.Training;

namespace WclSharp.Samples;

/// <summary>Training that tells how it goes, can be stopped at any step, and goes on where it was stopped.</summary>
internal static class PretrainWithProgress
{
    public static int Run(string photos, string run)
    {
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true; // the process stays: the step under way is finished, and saved
            stop.Cancel();
        };

        var options = new PretrainOptions
        {
            Data = photos,
            Out = run,
            Epochs = 20,
            // The options of the first part are in the run folder; a resumed run takes them from there.
            Resume = File.Exists(Path.Combine(run, "config.json")),
        };
        try
        {
            var result = Pretraining.Run(options, new ConsoleLines(), stop.Token);
            Console.WriteLine($"{result.Summary.Epoch} epochs done; the encoder is {result.EncoderFile}.");
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"Stopped and saved; the same command goes on with {run}.");
            return 130;
        }
    }

    /// <summary>
    /// Writes a line for what matters. Reports come on the training thread, in order; <see cref="Progress{T}"/> would
    /// hand them to the thread pool, which may swap them.
    /// </summary>
    private sealed class ConsoleLines : IProgress<RunProgress>
    {
        public void Report(RunProgress value)
        {
            switch (value)
            {
                case RunProgress.Started started:
                    foreach (string line in started.Lines) Console.WriteLine(line);
                    break;
                case RunProgress.Step { StepInRun: var step } report when step % 50 == 0:
                    Console.WriteLine($"epoch {report.Epoch} of {report.Epochs}: {report.ImagesPerSecond:0} images/s, {(int)report.Remaining.TotalHours}:{report.Remaining:mm\\:ss} left");
                    break;
                case RunProgress.EpochDone { Metrics: var metrics }:
                    // Epoch 0 is the untrained network: it has no losses. kNN needs images with classes.
                    string losses = metrics.Epoch == 0 ? "" : $", instance loss {metrics.InstanceLoss:0.000}, weak loss {metrics.WeakLoss:0.000}";
                    string knn = metrics.Knn is { } accuracy ? $", kNN accuracy {accuracy:P1}" : "";
                    Console.WriteLine($"epoch {metrics.Epoch}{losses}{knn}");
                    break;
                case RunProgress.Warning warning:
                    Console.WriteLine($"warning: {warning.Message}");
                    break;
            }
        }
    }
}
