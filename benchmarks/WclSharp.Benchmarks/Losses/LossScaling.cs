using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Benchmarking;
using WclSharp.Benchmarks.Comparisons;
using WclSharp.Native;

namespace WclSharp.Benchmarks.Losses;

/// <summary>Best time of graph and both losses, forward and backward, and memory above their inputs, at one batch.</summary>
internal sealed record LossPoint([property: JsonIgnore] int Batch, double Seconds, double Mib);

/// <summary>
/// Time and memory of graph and both losses against the batch, D = 128, beside those of a plain PyTorch program where one is given. Each batch has a process of its
/// own, since a process's peak of resident memory never falls.
/// </summary>
internal static class LossScaling
{
    private const string Usage = "losses PNG [--reference REFERENCE.py] [--long] [--up-to N] [--threads 2] [--json FILE]";
    private const int Dim = 128, LargestOfReference = 16_384;
    private const double ReferenceBytesOfAPair = 56; // it keeps N x N matrices: 3.4 GiB at 8,192, four times as much at the double
    private static readonly int[] Batches = [512, 1024, 2048, 4096, 8192, 16_384], LongBatches = [.. Batches, 32_768, 65_536];

    /// <summary>Both at one batch; no reference where none was given, or where it takes too much memory.</summary>
    private sealed record BatchFigures(int Batch, int Threads, LossPoint Ours, LossPoint? Reference);

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Prints a table and draws it.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 1, most: 1, ["reference", "threads", "up-to", "json"], ["long"]);
        string png = GivenArguments.NewFile(given[0])!;
        string? reference = given.ExistingFile("reference"), file = GivenArguments.NewFile(given["json"]);
        int threads = given.Count("threads") ?? GivenArguments.UsualThreads, most = given.Count("up-to") ?? int.MaxValue;
        if (most < Batches[0]) throw given.Wrong($"--up-to is {Text(most)}; the smallest batch is {Text(Batches[0])}");
        List<BatchFigures> all = [];
        Console.WriteLine($"| batch | WclSharp, {threads} threads, s | MiB | reference, s | MiB |\n| --- | --- | --- | --- | --- |");
        foreach (int batch in (given.Has("long") ? LongBatches : Batches).Where(batch => batch <= most))
        {
            // In turn, so that both meet the same neighbours.
            var ours = Measure(batch, Programs.Ourselves("loss-at", Text(batch), Text(Repeats(batch))) with { Threads = threads });
            var other = reference is null || !HasRoomForReference(batch) ? null
                : Measure(batch, ReferenceProgram.On(threads, "PyTorch", reference, "loss", "--batch", Text(batch), "--dim", Text(Dim), "--repeat", Text(Repeats(batch))));
            all.Add(new(batch, threads, ours, other));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {batch:N0} | {ours.Seconds:0.000} | {ours.Mib:0} | {other?.Seconds:0.000} | {other?.Mib:0} |"));
            if (file is not null) File.WriteAllText(file, JsonSerializer.Serialize(all, Indented)); // what there is, after every batch
        }
        LossPlot.Write(png, [.. all.Select(each => each.Ours)], [.. all.Select(each => each.Reference).OfType<LossPoint>()]);
    }

    /// <summary>Whether the reference's matrices fit into memory that is free, and how much they take where they do not.</summary>
    private static bool HasRoomForReference(int batch)
    {
        if (batch > LargestOfReference) return false;
        double needed = ReferenceBytesOfAPair * batch * batch / (1 << 30);
        if (AvailableMemory.GiB is not { } available || available >= needed) return true;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The reference is left out at a batch of {batch:N0}: it takes some {needed:0.0} GiB, and {available:0.0} GiB are free."));
        return false;
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
