using TorchSharp;
using WclSharp.Native;

namespace WclSharp.Benchmarks;

/// <summary>The process that BenchmarkDotNet starts for a case.</summary>
internal static class BenchmarkProcess
{
    /// <summary>As training has it, on as many threads as the figures in the documentation are of.</summary>
    public static void Prepare()
    {
        TorchRuntime.EnsureLoaded();
        Allocator.KeepFreedMemory();
        torch.set_num_threads(GivenArguments.UsualThreads);
    }
}
