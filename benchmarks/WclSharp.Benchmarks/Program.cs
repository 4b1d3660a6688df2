using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using WclSharp;
using WclSharp.Benchmarks.Comparisons;
using WclSharp.Benchmarks.Data;
using WclSharp.Benchmarks.Losses;
using WclSharp.Benchmarks.Services;

return args is [] or [['-', ..], ..] ? RunBenchmarks(args) : Explained(() => Run(args[0], args[1..]));

static void Run(string name, string[] rest)
{
    Dictionary<string, Action<string[]>> all = new(StringComparer.Ordinal)
    {
        ["compare"] = ReferenceComparison.Run,
        ["time-to-accuracy"] = TimeToAccuracy.Run,
        ["training"] = TrainingMeasurement.Run,
        ["losses"] = LossScaling.Run,
        ["loss-at"] = LossScaling.RunOne,
        ["read"] = ReadingBenchmark.Run,
        ["read-all"] = WholeReading.Run,
        ["decoders"] = DecoderComparison.Run,
        ["pictures"] = EmbeddedPictures.Run,
        ["service"] = ServiceLoad.Run,
    };
    if (!all.TryGetValue(name, out var run))
        throw new WclUsageException($"There is no benchmark '{name}'; there are {string.Join(", ", all.Keys)}, and BenchmarkDotNet's with options of its own, such as --filter \"*\".");
    run(rest);
}

// BenchmarkDotNet itself says nothing of a benchmark that failed, or of a filter that fits none, by an exit code.
static int RunBenchmarks(string[] args)
{
    // It gives its own build of all that this refers to two minutes, which a machine that others use exceeds.
    var config = ManualConfig.Create(DefaultConfig.Instance).WithBuildTimeout(TimeSpan.FromMinutes(20));
    var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config).ToArray();
    if (summaries.Length == 0) return args.Any(each => each is "--list" or "--help" or "--version" or "--info" || each.StartsWith("--list=", StringComparison.Ordinal)) ? 0 : 2;
    return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;
}

// A mistake in the call, or what fails on the way, is one line, and the exit code says which. Other exceptions are mistakes of the program's own, and keep their stack.
static int Explained(Action work)
{
    try
    {
        work();
        return 0;
    }
    catch (Exception e) when (Told(e) is { } told)
    {
        Console.Error.WriteLine(told.Message.ReplaceLineEndings(" "));
        return told is WclUsageException ? 2 : 1;
    }
}

// What a person is told; null where it is not meant for one. Several threads may have failed: the first of them speaks.
static Exception? Told(Exception e) => e switch
{
    AggregateException { InnerExceptions: [var first, ..] } => Told(first),
    WclException or IOException or UnauthorizedAccessException or InvalidDataException => e,
    _ => null,
};
