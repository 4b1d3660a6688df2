using System.Globalization;
using WclSharp;
using WclSharp.Benchmarks.Comparisons;
using WclSharp.Benchmarks.Data;
using WclSharp.Benchmarks.Losses;
using WclSharp.Benchmarks.Services;

return args switch
{
    ["decoders", var tar, .. var odd] => DecoderComparison.Run(tar, odd.FirstOrDefault()),
    ["read", .. var rest] => ReadingBenchmark.Run(rest),
    ["pictures", var folder, var images] => EmbeddedPictures.Write(folder, int.Parse(images, CultureInfo.InvariantCulture)),
    ["read-all", var source, var crop, var repeats] => WholeReading.Run(source, crop, int.Parse(repeats, CultureInfo.InvariantCulture)),
    ["compare", .. var rest] => Explained(() => ReferenceComparison.Run(rest)),
    ["time-to-accuracy", .. var rest] => Explained(() => TimeToAccuracy.Run(rest)),
    ["losses", var png, .. var rest] => LossScaling.Run(png, rest),
    ["loss-at", var batch, var repeats] => LossScaling.RunOne(int.Parse(batch, CultureInfo.InvariantCulture), int.Parse(repeats, CultureInfo.InvariantCulture)),
    ["service", var url, var image, .. var rest] => ServiceLoad.Run(url, image, rest),
    _ => RunBenchmarks(args),
};

static int RunBenchmarks(string[] args)
{
    BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
    return 0;
}

// A mistake in the call or a program that fails is one line, and the exit code says which.
static int Explained(Action work)
{
    try
    {
        work();
        return 0;
    }
    catch (WclUsageException e)
    {
        Console.Error.WriteLine(e.Message);
        return 2;
    }
    catch (WclException e)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}
