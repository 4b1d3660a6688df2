using System.Diagnostics;
using System.Globalization;
using WclSharp.Data;

namespace WclSharp.Benchmarks.Data;

/// <summary>Images per second from a source to the pixel cache. <c>read PATH [SIDE [WORKERS [ROUNDS [LIMIT]]]]</c>.</summary>
internal static class ReadingBenchmark
{
    /// <summary>Prints one line per round.</summary>
    public static int Run(string[] args)
    {
        int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
        int? limit = args.Length > 4 ? Argument(4, 0) : null;
        int side = Argument(1, 256), workers = Argument(2, 2), rounds = Argument(3, 3);
        for (int round = 0; round < rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            using var data = ImageDataset.Read(new DatasetOptions { Path = args[0], StoredSide = side, Workers = workers, Limit = limit });
            double seconds = clock.Elapsed.TotalSeconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{data.Count} images, {data.ClassNames.Count} classes, {data.PixelBytes >> 20} MiB: {seconds:F2} s, {data.Count / seconds:F0} images/s, " +
                $"peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB, {data.Fingerprint[..12]}"));
        }
        return 0;
    }
}
