using System.Runtime.InteropServices;
using WclSharp.Native;

namespace WclSharp.Tests.Native;

/// <summary>GPUs that are not there: none computes where a failure is given.</summary>
internal sealed class OtherGpus(int count, GpuFacts? facts = null, string? failure = null) : Gpus
{
    public static readonly GpuFacts Volta = new("Tesla V100-SXM2-16GB", 7, 0, 16L << 30), Turing = new("Tesla T4", 7, 5, 16L << 30), Ampere = new("NVIDIA A100-SXM4-40GB", 8, 0, 40L << 30), Hopper = new("NVIDIA H100 80GB HBM3", 9, 0, 80L << 30);

    public int Tried { get; private set; }

    public override int Count => count;

    public override string WhyNone => "there is none here";

    public override GpuFacts? FactsOf(int index) => facts;

    protected override void Try(int index)
    {
        Tried++;
        if (failure is not null) throw new ExternalException(failure);
    }
}
