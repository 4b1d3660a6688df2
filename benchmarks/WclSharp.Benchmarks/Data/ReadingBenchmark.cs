using System.Diagnostics;
using System.Globalization;
using WclSharp.Data;

namespace WclSharp.Benchmarks.Data;

/// <summary>Images per second from a source to the pixel cache.</summary>
internal static class ReadingBenchmark
{
    private const string Usage = "read PATH [SIDE [WORKERS [ROUNDS [LIMIT]]]]";

    /// <summary>Prints one line per round.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 1, most: 5);
        int side = given.Count(1, "SIDE") ?? 256, workers = given.Count(2, "WORKERS") ?? GivenArguments.UsualThreads, rounds = given.Count(3, "ROUNDS") ?? 3;
        int? limit = given.Count(4, "LIMIT");
        for (int round = 0; round < rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            using var data = ImageDataset.Read(new DatasetOptions { Path = given[0], StoredSide = side, Workers = workers, Limit = limit });
            double seconds = clock.Elapsed.TotalSeconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{data.Count} images, {data.ClassNames.Count} classes, {data.PixelBytes >> 20} MiB: {seconds:F2} s, {data.Count / seconds:F0} images/s, " +
                $"peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB, {data.Fingerprint[..12]}"));
        }
    }
}
