using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using WclSharp.Benchmarking;
using WclSharp.Native;

namespace WclSharp.Benchmarks.Losses;

/// <summary>Best time of graph and both losses, forward and backward, and memory above their inputs, at one batch.</summary>
internal sealed record LossPoint(int Batch, double Seconds, double Mib);

/// <summary>
/// Time and memory of graph and both losses against the batch, D = 128, beside those of a plain PyTorch program where one is given. Each batch has a process of its
/// own, since a process's peak of resident memory never falls.
/// </summary>
internal static partial class LossScaling
{
    private const int Dim = 128, LargestOfReference = 8192; // which keeps N x N matrices, 3.4 GiB there and four times as much at the double
    private static readonly int[] Batches = [512, 1024, 2048, 4096, 8192, 16_384];

    /// <summary><c>losses PNG [--reference FILE.py] [--long]</c>: prints a table and draws it.</summary>
    public static int Run(string png, string[] rest)
    {
        int at = Array.IndexOf(rest, "--reference");
        string? reference = at >= 0 && at + 1 < rest.Length ? rest[at + 1] : null;
        int[] batches = rest.Contains("--long") ? [.. Batches, 65_536] : Batches;
        List<LossPoint> ours = [], theirs = [];
        Console.WriteLine("| batch | WclSharp, s | MiB | reference, s | MiB |\n| --- | --- | --- | --- | --- |");
        foreach (int batch in batches)
        {
            // In turn, so that both meet the same neighbours.
            ours.Add(Measure(batch, Ourselves, [.. OurArguments, "loss-at", Text(batch), Text(Repeats(batch))]));
            if (reference is not null && batch <= LargestOfReference)
                theirs.Add(Measure(batch, Environment.GetEnvironmentVariable("PYTHON") ?? "/usr/bin/python3", [reference, "loss", "--batch", Text(batch), "--dim", Text(Dim), "--repeat", Text(Repeats(batch))]));
            var other = theirs.LastOrDefault(point => point.Batch == batch);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {batch:N0} | {ours[^1].Seconds:0.000} | {ours[^1].Mib:0} | {other?.Seconds:0.000} | {other?.Mib:0} |"));
        }
        LossPlot.Write(png, ours, theirs);
        return 0;
    }

    /// <summary><c>loss-at N REPEATS</c>: one batch, in this process.</summary>
    public static int RunOne(int batch, int repeats)
    {
        TorchRuntime.EnsureLoaded();
        var figures = LossBenchmark.Run(batch, Dim, repeats);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"batch {batch} best {figures.Repeats.Min():0.0000} s, memory above the inputs {figures.MibAboveInputs:0} MiB"));
        return 0;
    }

    private static string Ourselves => Environment.ProcessPath!;

    // The program itself, or dotnet with the program's file.
    private static string[] OurArguments => Path.GetFileNameWithoutExtension(Ourselves) == "dotnet" ? [typeof(LossScaling).Assembly.Location] : [];

    private static int Repeats(int batch) => batch <= 4096 ? 5 : 2;

    private static LossPoint Measure(int batch, string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var found = Figures().Match(output);
        if (process.ExitCode != 0 || !found.Success) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
        return new LossPoint(batch, Number(found.Groups[1]), Number(found.Groups[2]));

        static double Number(Group group) => double.Parse(group.Value, CultureInfo.InvariantCulture);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"best ([\d.]+) s, memory above the inputs ([\d.]+) MiB")]
    private static partial Regex Figures();
}
