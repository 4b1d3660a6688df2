using System.Globalization;
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
    ["compare", .. var rest] => ReferenceComparison.Run(rest),
    ["time-to-accuracy", .. var rest] => TimeToAccuracy.Run(rest),
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
