using WclSharp.Benchmarks.Data;

return args switch
{
    ["decoders", var tar, .. var odd] => DecoderComparison.Run(tar, odd.FirstOrDefault()),
    ["read", .. var rest] => ReadingBenchmark.Run(rest),
    _ => RunBenchmarks(args),
};

static int RunBenchmarks(string[] args)
{
    BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
    return 0;
}
