using System.Globalization;
using WclSharp.Benchmarking;
using WclSharp.Benchmarks.Comparisons;
using WclSharp.Native;

namespace WclSharp.Benchmarks.Losses;

/// <summary>Best time of graph and both losses, forward and backward, and memory above their inputs, at one batch.</summary>
internal sealed record LossPoint(int Batch, double Seconds, double Mib);

/// <summary>
/// Time and memory of graph and both losses against the batch, D = 128, beside those of a plain PyTorch program where one is given. Each batch has a process of its
/// own, since a process's peak of resident memory never falls.
/// </summary>
internal static class LossScaling
{
    private const string Usage = "losses PNG [--reference REFERENCE.py] [--long] [--threads 2]";
    private const int Dim = 128, LargestOfReference = 8192; // which keeps N x N matrices, 3.4 GiB there and four times as much at the double
    private static readonly int[] Batches = [512, 1024, 2048, 4096, 8192, 16_384];

    /// <summary>Prints a table and draws it.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 1, most: 1, ["reference", "threads"], ["long"]);
        string png = GivenArguments.NewFile(given[0])!;
        string? reference = given.ExistingFile("reference");
        int threads = given.Count("threads") ?? GivenArguments.UsualThreads;
        List<LossPoint> ours = [], theirs = [];
        Console.WriteLine($"| batch | WclSharp, {threads} threads, s | MiB | reference, s | MiB |\n| --- | --- | --- | --- | --- |");
        foreach (int batch in given.Has("long") ? [.. Batches, 65_536] : Batches)
        {
            // In turn, so that both meet the same neighbours.
            ours.Add(Measure(batch, Programs.Ourselves("loss-at", Text(batch), Text(Repeats(batch))) with { Threads = threads }));
            if (reference is not null && batch <= LargestOfReference)
                theirs.Add(Measure(batch, ReferenceProgram.On(threads, "PyTorch", reference, "loss", "--batch", Text(batch), "--dim", Text(Dim), "--repeat", Text(Repeats(batch)))));
            var other = theirs.LastOrDefault(point => point.Batch == batch);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {batch:N0} | {ours[^1].Seconds:0.000} | {ours[^1].Mib:0} | {other?.Seconds:0.000} | {other?.Mib:0} |"));
        }
        LossPlot.Write(png, ours, theirs);
    }

    /// <summary>One batch, in this process.</summary>
    public static void RunOne(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, "loss-at N REPEATS", least: 2, most: 2);
        int batch = given.Count(0, "N")!.Value, repeats = given.Count(1, "REPEATS")!.Value;
        TorchRuntime.EnsureLoaded();
        var figures = LossBenchmark.Run(batch, Dim, repeats);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"batch {batch} best {figures.Repeats.Min():0.0000} s, memory above the inputs {figures.MibAboveInputs:0} MiB"));
    }

    private static int Repeats(int batch) => batch <= 4096 ? 5 : 2;

    private static LossPoint Measure(int batch, MeasuredProgram program) => program.Measure() is { Seconds: { } seconds, Mib: { } mib } ? new(batch, seconds, mib)
        : throw new WclException($"{program.Command} printed no seconds or no memory.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
