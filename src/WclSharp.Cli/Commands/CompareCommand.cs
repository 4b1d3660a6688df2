using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Comparisons;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Reporting;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl compare</c>: several methods on equal terms, a process for each run; then the library.</summary>
internal static class CompareCommand
{
    private const int DefaultSeeds = 3;
    private const string DefaultMethods = "wcl,simclr";

    public static Command Create(Func<ComparisonOptions, IProgress<ComparisonProgress>, CancellationToken, ComparisonResult> compare,
        TextWriter output, TextWriter error)
    {
        var command = new Command("compare", "Train several methods on equal terms, and say which is better and by how much");
        var methods = new Option<string>("--methods") { HelpName = "A,B,C", Description = $"Methods, of {string.Join(", ", MethodNames.All)}; with +standard or +knn behind for local crops (wcl+knn) [default: {DefaultMethods}]" };
        var seeds = NumberOption.Integer("--seeds", "Runs of each method, with seeds from --seed on", ComparisonConfig.SeedsRange, DefaultSeeds.ToString(CultureInfo.InvariantCulture));
        var config = new Option<string>("--config")
        {
            Description = "JSON file of these options, names as here; the command line wins [default: none]",
            HelpName = "FILE",
        };
        command.Add(methods);
        command.Add(seeds);
        var options = new TableOptions(command);
        foreach (var entry in PretrainOptionTable.All)
        {
            switch (entry.Name)
            {
                case "method": break;
                case "epochs": options.Add(entry.Name, entry.DefaultText, "Passes over the training images", NumberRange.Epochs); break;
                case "seed": options.Add(entry.Name, entry.DefaultText, "First seed; the others follow it"); break;
                case "out": options.Add(entry.Name, "runs/compare- and the time of the start", "Folder of the comparison; the same command resumes it"); break;
                case "resume": options.Add(entry.Name, entry.DefaultText, "Go on with the comparison in --out, with its options"); break;
                default: options.Add(entry.Name, entry.DefaultText); break;
            }
        }

        command.Add(config);
        command.SetAction(parsed =>
        {
            var given = options.Given(parsed);
            var asked = new ComparisonOptions { Methods = MethodNames.Parse(DefaultMethods), Seeds = DefaultSeeds };
            var training = given.Aggregate(asked.Training, (current, pair) => pair.Entry.Parse(current, pair.Text));
            string? file = parsed.GetValue(config), json = file is null ? null : ConfigFile.ReadText(file);
            string? folder = training.Out ?? (json is null ? null : ComparisonConfig.Parse(json, asked, file!).Training.Out);
            if (file is not null && folder is not null && !training.Resume && SamePath.IsSameFile(file, Path.Combine(folder, ResultNames.Config)) && !ResultFolder.HasResults(folder))
                throw new WclUsageException($"--config {file} is where the settings of the comparison in {folder} are kept, which would take its place; move it, or name another folder with --out.");
            if (training.Resume)
            {
                if (folder is null) throw new WclUsageException("--resume needs the comparison to go on with: give its folder with --out.");
                asked = ComparisonFolder.ReadConfig(folder);
            }
            else if (folder is not null && ComparisonFolder.IsComparison(folder))
            {
                // What nobody names is what is there already, not the defaults.
                var there = ComparisonFolder.ReadConfig(folder);
                asked = asked with { Methods = there.Methods, Seeds = there.Seeds };
            }

            if (json is not null) asked = ComparisonConfig.Parse(json, asked, file!);
            asked = asked with
            {
                Methods = parsed.GetValue(methods) is { } names ? MethodNames.Parse(names) : asked.Methods,
                Seeds = parsed.GetValue(seeds) ?? asked.Seeds,
                Training = given.Aggregate(asked.Training, (current, pair) => pair.Entry.Parse(current, pair.Text)) with { Out = null, Resume = false },
                Out = folder,
                Program = ThisProgram(),
            };
            return Run(asked, compare, output, error);
        });
        return command;
    }

    private static int Run(ComparisonOptions options, Func<ComparisonOptions, IProgress<ComparisonProgress>, CancellationToken, ComparisonResult> compare,
        TextWriter output, TextWriter error)
    {
        // Nothing hangs on progress, whereas the result is what was asked for.
        var lines = new Lines(new UnfailingWriter(output), new UnfailingWriter(error));
        bool diverged = false;
        int code = Stoppable.Run(stop =>
        {
            var result = compare(options, lines, stop);
            diverged = result.Diverged.Count > 0;
            output.WriteLine();
            foreach (string line in result.Table) output.WriteLine(line);
            output.WriteLine();
            output.WriteLine("Mean over seeds, ± half-width of the 95 % confidence interval by Student's t.");
            if (result.Reading is { } reading) output.WriteLine(reading);
            foreach (string file in result.Files) output.WriteLine(RunReport.Shown(file));
        }, error.WriteLine, () =>
        {
            if (lines.Folder is { } folder) error.WriteLine($"Stopped and saved. Go on with: wcl compare --resume --out {RunReport.Quoted(RunReport.Shown(folder))}");
        });
        return code == ExitCodes.Done && diverged ? ExitCodes.Failed : code;
    }

    /// <summary>What starts this program again: itself, or dotnet with its assembly.</summary>
    [System.Diagnostics.CodeAnalysis.UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A program of one file is not started by dotnet.")]
    private static string[] ThisProgram()
    {
        string process = Environment.ProcessPath ?? "wcl";
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? [process, typeof(CompareCommand).Assembly.Location] : [process];
    }

    /// <summary>Progress as lines: every run's own, under a heading.</summary>
    private sealed class Lines(TextWriter output, TextWriter error) : IProgress<ComparisonProgress>
    {
        private readonly List<TimeSpan> whole = []; // what runs took from their start to their end
        private string? heading; // of the first run that is trained, until it says something: what is wrong with its options or data is a line by itself
        private bool worked; // whether one has
        private long? begun; // of the run at work; null where it was begun before

        /// <summary>Where the comparison is; null before it has begun.</summary>
        public string? Folder { get; private set; }

        public void Report(ComparisonProgress value)
        {
            if (heading is not null)
            {
                output.WriteLine(heading);
                heading = null;
                worked = true;
            }

            switch (value)
            {
                case ComparisonProgress.Started started:
                    Folder = started.Folder;
                    break;
                case ComparisonProgress.Turn turn:
                    string state = turn.State switch
                    {
                        RunState.New => "",
                        RunState.Stopped => ", goes on",
                        RunState.Trained => ", trained already",
                        RunState.Diverged => ", has diverged",
                        _ => ", finished already",
                    };
                    begun = turn.State == RunState.New ? Stopwatch.GetTimestamp() : null;
                    string line = string.Create(CultureInfo.InvariantCulture, $"[{turn.Number}/{turn.Total}] {turn.Method}, seed {turn.Seed}{state}{Left(turn)}");
                    if (worked || turn.State is RunState.Measured or RunState.Diverged) output.WriteLine(line);
                    else heading = line;
                    break;
                case ComparisonProgress.Line { Text: var text }:
                    output.WriteLine(text.Length == 0 ? "" : "  " + text);
                    break;
                case ComparisonProgress.Warning warning:
                    error.WriteLine($"  {PlainProgress.WarningStart}{warning.Text}");
                    break;
                case ComparisonProgress.Measured { Run: var run }:
                    if (begun is { } start) whole.Add(Stopwatch.GetElapsedTime(start));
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"  {run.Method}, seed {run.Seed}: kNN {EpochTable.Percent(run.Knn)}, linear {EpochTable.Percent(run.Linear)}, {run.SecondsPerEpoch:0.0} s an epoch"));
                    break;
            }
        }

        /// <summary>What the runs that are still to be trained may take, by those that are over.</summary>
        private string Left(ComparisonProgress.Turn turn) => whole.Count == 0 || turn.ToTrain == 0 || turn.State is RunState.Measured or RunState.Diverged
            ? ""
            : $", {EpochTable.Duration(turn.ToTrain * TimeSpan.FromTicks((long)whole.Average(run => run.Ticks)))} left for all";
    }
}
