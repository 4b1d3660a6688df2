using System.CommandLine;
using WclSharp.Checkpoints;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl pretrain</c>: options from the command line, a file and a resumed run; then the library.</summary>
internal static class PretrainCommand
{
    public static Command Create(CommandActions actions, TextWriter output, TextWriter error)
    {
        var command = new Command("pretrain", "Pretrain an encoder on images; without options, on the embedded Fashion-MNIST");
        var options = new TableOptions(command).AddAll();
        var config = new Option<string>("--config")
        {
            Description = "JSON file of these options, names as here; the command line wins [default: none]",
            HelpName = "FILE",
        };
        command.Add(config);
        var stopWithInput = new Option<bool>("--stop-with-input")
        {
            Description = "Save and stop when standard input ends: for programs that start this one [default: off]",
        };
        command.Add(stopWithInput);
        command.SetAction(parsed =>
        {
            var given = options.Given(parsed);
            (string Path, string Json)? file = parsed.GetValue(config) is { } path ? (path, ConfigFile.ReadText(path)) : null;
            var asked = Resolve(given, file);
            if (file is { } fixing && FixedByFile.Warning(fixing.Json, fixing.Path, [.. given.Select(pair => pair.Entry)], asked) is { } warning) error.WriteLine(PlainProgress.WarningStart + warning);
            return Run(asked, parsed.GetValue(stopWithInput) ? Console.OpenStandardInput() : null, actions, output, error);
        });
        return command;
    }

    /// <summary>The options that a command line comes to: over those of the file, over those of the run that is resumed.</summary>
    /// <param name="given">Options and values of the command line.</param>
    /// <param name="file">Configuration file, by its name and its text; null for none.</param>
    /// <exception cref="WclUsageException">A value or the file is wrong, or a resumed run would be given other options.</exception>
    internal static PretrainOptions Resolve(IReadOnlyList<(PretrainOption Entry, string Text)> given, (string Path, string Json)? file)
    {
        PretrainOptions Apply(PretrainOptions options)
        {
            if (file is { } named) options = ConfigFile.Parse(named.Json, options, named.Path);
            return given.Aggregate(options, (current, pair) => pair.Entry.Parse(current, pair.Text));
        }

        var asked = Apply(new PretrainOptions());
        if (!asked.Resume || asked.Out is null) return asked; // the library says what --resume needs

        var run = RunFolder.ReadConfig(asked.Out);
        var resumed = Apply(run);
        resumed = resumed with { Precision = resumed.Precision == ComputePrecision.Auto ? run.Precision : Pretraining.PrecisionOf(resumed, run.Precision) }; // what it came to
        if (PretrainOptionTable.Differences(run, resumed) is [var name, ..])
            throw PretrainOptionTable.Changed(PretrainOptionTable.Find(name)!, resumed, run, asked.Out);

        return resumed;
    }

    private static int Run(PretrainOptions options, Stream? stopWith, CommandActions actions, TextWriter output, TextWriter error)
    {
        string? folder = options.Resume ? options.Out : null; // of a run that can be resumed
        bool trains = false;
        return Stoppable.Run(stop =>
        {
            var outcome = TerminalProgress.Run(output, error, progress =>
                actions.Pretrain(options, new FolderWatch(progress, started => (folder, trains) = (started, true)), stop));
            foreach (string line in RunReport.Lines(outcome, next: stopWith is null)) output.WriteLine(line);
            if (options is { Data: null, Limit: null } && stopWith is null) // a program that starts this one asks for what it wants
            {
                folder = null; // the run is over: there is nothing to resume
                var few = new FineTuneOptions { Run = outcome.RunFolder, LabelFractions = [RunReport.FewLabels], Draws = 1, Device = options.Device ?? ComputeDevice.Auto };
                try
                {
                    foreach (string line in RunReport.Lines(TerminalProgress.Run(output, error, progress => actions.Finetune(few, progress, stop)), outcome.RunFolder)) output.WriteLine(line);
                }
                catch (WclException e)
                {
                    // The run is done, whatever stops this. Its folder may hold another fine-tuning, as of a checkpoint before it was gone on with.
                    error.WriteLine($"{PlainProgress.WarningStart}not fine-tuned with few labels: {ErrorText.Of(e)}. wcl finetune {RunReport.Quoted(RunReport.Shown(outcome.RunFolder))} does that.");
                }
            }
        }, error.WriteLine, () =>
        {
            if (folder is not null) error.WriteLine(Stopped(folder, trains));
        }, stopWith);
    }

    /// <summary>What is said of a run that was told to stop.</summary>
    /// <param name="folder">The run.</param>
    /// <param name="trains">Whether it had all that it needs, and no longer read images.</param>
    internal static string Stopped(string folder, bool trains)
    {
        bool saved = new CheckpointStore(RunFolder.CheckpointsOf(folder)).Last is not null;
        return $"{(!saved ? "Stopped before a first checkpoint; start again" : trains ? "Stopped and saved. Go on" : "Stopped. Go on")} with: wcl pretrain --resume --out {RunReport.Quoted(RunReport.Shown(folder))}";
    }

    /// <summary>Passes progress on, and notes the folder of the run that starts.</summary>
    private sealed class FolderWatch(IProgress<RunProgress> next, Action<string?> started) : IProgress<RunProgress>
    {
        public void Report(RunProgress value)
        {
            if (value is RunProgress.Started { Options.Out: var folder }) started(folder);
            next.Report(value);
        }
    }
}
