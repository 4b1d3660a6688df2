using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>What one run of a program printed; null where there is none.</summary>
internal sealed record PrintedFigures(double? ImagesPerSecond, double? Seconds, double? Mib, double? Percent)
{
    /// <summary>The figures that there are, for people.</summary>
    public override string ToString() => string.Join(", ", new[] { (Number: ImagesPerSecond, Unit: "images/s"), (Number: Seconds, Unit: "s"), (Number: Mib, Unit: "MiB"), (Number: Percent, Unit: "%") }
        .Where(each => each.Number is not null).Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Number} {each.Unit}")));
}

/// <summary>A program that is run in a process of its own and prints its figures as "N images/s", "N s", "N MiB" and "N %".</summary>
/// <param name="Name">What it is, for people.</param>
/// <param name="File">The program.</param>
/// <param name="Arguments">Its arguments.</param>
internal sealed partial record MeasuredProgram(string Name, string File, string[] Arguments)
{
    /// <summary>Which of several images/s that it prints is meant, from 0.</summary>
    public int Rate { get; init; }

    // What OpenMP, OpenBLAS, which PyTorch's build may have with threads of its own, and .NET go by.
    private static readonly string[] ThreadVariables = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "DOTNET_PROCESSOR_COUNT"];

    /// <summary>Threads that it is told to compute on.</summary>
    public int Threads { get; init; } = GivenArguments.UsualThreads;

    /// <summary>The command line, for people.</summary>
    public string Command => $"{Path.GetFileName(File)} {string.Join(' ', Arguments)}";

    /// <summary>Runs it to its end.</summary>
    /// <exception cref="WclException">It cannot be started, fails, or prints no figure.</exception>
    public PrintedFigures Measure()
    {
        string output = Output();
        var figures = new PrintedFigures(Of(Images(), Rate), Of(Seconds(), 0), Of(Mib(), 0), Of(Percent(), 0));
        return figures is { ImagesPerSecond: null, Seconds: null } ? throw new WclException($"{Command} printed no figure: {output}") : figures;

        double? Of(Regex kind, int place) => kind.Matches(output).ElementAtOrDefault(place) is { } match ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Runs it to its end and returns what it printed.</summary>
    /// <param name="watch">Takes each line as it is printed.</param>
    /// <exception cref="WclException">It cannot be started, or fails.</exception>
    public string Output(Action<string>? watch = null)
    {
        try
        {
            var start = new ProcessStartInfo(File, Arguments) { RedirectStandardOutput = true };
            foreach (string variable in ThreadVariables) start.Environment[variable] = Threads.ToString(CultureInfo.InvariantCulture);
            using var process = Process.Start(start)!;
            var output = new StringBuilder();
            while (process.StandardOutput.ReadLine() is { } line)
            {
                output.AppendLine(line);
                watch?.Invoke(line);
            }
            process.WaitForExit();
            return process.ExitCode == 0 ? output.ToString() : throw new WclException($"{Command} ended with {process.ExitCode}: {output}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new WclException($"{File} cannot be started ({e.Message}).", e);
        }
    }

    [GeneratedRegex(@"([\d.]+) images/s")]
    private static partial Regex Images();

    [GeneratedRegex(@"([\d.]+) s\b")]
    private static partial Regex Seconds();

    [GeneratedRegex(@"([\d.]+) MiB")]
    private static partial Regex Mib();

    [GeneratedRegex(@"([\d.]+) %")]
    private static partial Regex Percent();
}
