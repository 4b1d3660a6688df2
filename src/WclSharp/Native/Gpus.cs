using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Native;

/// <summary>The GPUs that libtorch can compute on, and why it cannot. Tests have others than this machine's.</summary>
internal class Gpus
{
    private const string CudaLibrary = "libtorch_cuda.so";
    private const int TriedSide = 64;

    public static Gpus OfThisMachine { get; } = new();

    /// <summary>How many libtorch sees.</summary>
    public virtual int Count => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>Why it sees none, as the end of a sentence.</summary>
    public virtual string WhyNone => WhyNoneOf(TorchRuntime.CudaProblem, TorchRuntime.LibraryFolder, GpuFeatures.Problem);

    /// <summary>What the driver says of one; null where it cannot be asked.</summary>
    public virtual GpuFacts? FactsOf(int index) => GpuFeatures.Of(index);

    /// <summary>Computes something: a GPU that libtorch sees may be older or newer than those it is made for.</summary>
    /// <exception cref="ExternalException">It does not compute.</exception>
    protected virtual void Try(int index)
    {
        using var scope = NewDisposeScope();
        var matrix = ones([TriedSide, TriedSide], device: new Device(DeviceType.CUDA, index));
        matrix.mm(matrix).cpu();
    }

    /// <summary>A GPU for people: "NVIDIA H100 80GB HBM3 (cuda:0)", or the number alone where the driver cannot be asked.</summary>
    public static string NameOf(GpuFacts? facts, int index) => facts is null ? $"cuda:{index}" : $"{facts.Name} (cuda:{index})";

    /// <summary>Name, compute capability, memory and format of training of one, or that it does not compute.</summary>
    public string Describe(int index)
    {
        string known = FactsOf(index) is { } facts
            ? string.Create(CultureInfo.InvariantCulture, $"{facts.Name}, compute capability {facts.Capability}, {facts.MemoryBytes / (double)(1 << 30):0.0} GiB, trains in {(facts.HasBf16 ? "bf16" : "fp32")} with --precision auto")
            : "NVIDIA's driver does not say what it is";
        return Problem(index) is { } problem ? $"{known}; DOES NOT COMPUTE: {problem}" : known;
    }

    /// <summary>Why one does not compute; null where it does.</summary>
    public string? Problem(int index)
    {
        try
        {
            Try(index);
            return null;
        }
        catch (ExternalException e)
        {
            return LibtorchError.Brief(e);
        }
    }

    /// <summary>Which step on the way to a GPU is the first that is missing.</summary>
    /// <param name="unloaded">Why a library of CUDA's does not load; null where all that are there do.</param>
    /// <param name="folder">Where libtorch is; null where that is not known.</param>
    /// <param name="driver">Why the driver has none; null where it has.</param>
    internal static string WhyNoneOf(string? unloaded, string? folder, string? driver)
    {
        if (unloaded is not null) return unloaded;
        if (folder is not null && !File.Exists(Path.Combine(folder, CudaLibrary)))
            return $"there is no {CudaLibrary} in '{folder}'; build the sources with -p:TorchBackend=cuda, or with none in place of cuda and name the folder of a libtorch that has it by {GivenLibtorch.Variable}";
        return driver ?? "NVIDIA's driver has one and libtorch does not see it; the driver may be older than libtorch's CUDA, or this libtorch come without";
    }
}
