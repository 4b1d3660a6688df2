using System.Globalization;
using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Kernels;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Native;

/// <summary>Where and in which number format a run computes.</summary>
/// <param name="Device">The device.</param>
/// <param name="Type">Format of convolutions and matrix products.</param>
internal sealed record ComputeDevice(Device Device, ScalarType Type)
{
    /// <summary>The device, for people: a GPU's name with its number.</summary>
    public string Name => IsGpu ? Gpus.NameOf(Gpu, Device.index) : CpuFeatures.ModelName;

    /// <summary>What computes: as <see cref="Name"/>, but the same for two GPUs of a kind.</summary>
    public string Model => IsGpu ? Gpu?.Name ?? "GPU" : CpuFeatures.ModelName;

    /// <summary>Whether it is a GPU.</summary>
    public bool IsGpu => Device.type != DeviceType.CPU;

    /// <summary>What is recorded of it: <see cref="Cpu"/>, or <see cref="Cuda"/> for any GPU.</summary>
    public string Kind => IsGpu ? Cuda : Cpu;

    /// <summary>What the driver says of a GPU; null where it cannot be asked.</summary>
    public GpuFacts? Gpu { get; private init; }

    /// <summary>Whether Winograd's tiles are rounded to bfloat16 in training; see <see cref="ComputePrecision.Bf16Fast"/>.</summary>
    public bool RoundsTiles { get; private init; }

    /// <summary>What it came to: everything but <see cref="ComputePrecision.Auto"/>.</summary>
    public ComputePrecision Precision => Type != ScalarType.BFloat16 ? ComputePrecision.Fp32 : RoundsTiles ? ComputePrecision.Bf16Fast : ComputePrecision.Bf16;

    /// <summary>
    /// The precision that a run's configuration names: what it came to, so that a resumed run computes in the same format on another machine too. One that goes on where its format is
    /// not to be had keeps its own, for the machine where it is.
    /// </summary>
    /// <param name="given">Options of the run; of one that goes on, those that it was started with.</param>
    public ComputePrecision PrecisionOf(PretrainOptions given) => given.Resume && given.Precision != ComputePrecision.Auto ? given.Precision : Precision;

    /// <summary>fp32, bf16 or bf16-fast.</summary>
    public string TypeName => OptionValue.NameOf(Precision);

    /// <summary>A GPU where there is one, else the processor.</summary>
    public const string Auto = "auto";

    /// <summary>The processor.</summary>
    public const string Cpu = "cpu";

    /// <summary>The first GPU; of what is recorded, any.</summary>
    public const string Cuda = "cuda";

    /// <summary>Whether a device can be called so.</summary>
    public static bool IsName(string? device) =>
        device is Cpu or Cuda or Auto || (device is not null && device.StartsWith("cuda:", StringComparison.Ordinal) && ushort.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    /// <summary>Chooses a device and a format for the encoder of a run: what was trained in bfloat16 elsewhere is computed so where that is faster here. Tiles are not rounded.</summary>
    /// <param name="device">cpu, cuda, cuda:N or auto.</param>
    /// <param name="trained">What the run computed in.</param>
    /// <param name="progress">Warned where auto passes a GPU over; may be null.</param>
    /// <exception cref="WclUsageException">There is no such device, or it does not compute.</exception>
    /// <exception cref="WclException">libtorch does not load.</exception>
    public static ComputeDevice ChooseFor(string device, ComputePrecision trained, IProgress<RunProgress>? progress) =>
        ChooseForUse(device, trained is ComputePrecision.Bf16 or ComputePrecision.Bf16Fast ? ComputePrecision.Auto : trained, progress);

    /// <summary>Chooses a device and a format for a network that is not trained further: tiles are not rounded.</summary>
    /// <inheritdoc cref="Choose" path="/*[not(self::summary)]"/>
    public static ComputeDevice ChooseForUse(string device, ComputePrecision precision, IProgress<RunProgress>? progress) => Choose(device, precision, progress) with { RoundsTiles = false };

    /// <summary>Chooses a device and a format.</summary>
    /// <param name="device">cpu, cuda, cuda:N or auto.</param>
    /// <param name="precision">auto is bf16 where the device is faster at it than at float32, and bf16-fast where there is a loop for it.</param>
    /// <param name="progress">Warned where auto passes a GPU over; may be null.</param>
    /// <param name="gpus">The GPUs; null is this machine's.</param>
    /// <exception cref="WclUsageException">There is no such device, or it does not compute.</exception>
    /// <exception cref="WclException">libtorch does not load.</exception>
    public static ComputeDevice Choose(string device, ComputePrecision precision, IProgress<RunProgress>? progress = null, Gpus? gpus = null)
    {
        if (TorchRuntime.EnsureLoaded() == TorchLibraryState.Missing) throw new WclException(TorchRuntime.Problem!);
        if (!IsName(device)) throw new WclUsageException($"There is no device \"{device}\"; use cpu, cuda, cuda:N or auto.");
        gpus ??= Gpus.OfThisMachine;
        int index = device.IndexOf(':') is var colon and > 0 ? int.Parse(device.AsSpan(colon + 1), CultureInfo.InvariantCulture) : 0;
        bool gpu = TakesGpu(device, index, gpus, progress);
        var facts = gpu ? gpus.FactsOf(index) : null;

        // Said aloud, though it is the number already: only then does libtorch forbid MKL to choose another from call to call,
        // by which sums would be rounded differently. oneDNN shares work out among as many threads as there may be, and some of its loops
        // wait for all of them: without end, where OpenMP grants fewer (OMP_THREAD_LIMIT, OMP_DYNAMIC).
        OpenMp.ForbidFewerThreads();
        set_num_threads(Math.Min(get_num_threads(), OpenMp.ThreadLimit));
        // float32 is float32: what has to be exact, as a bank's whole numbers, is a product of matrices, and what is tested in float32 is used in it elsewhere.
        if (gpu) backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = false;
        bool possible = !gpu || facts is not { HasBf16: false }, faster = gpu ? possible : CpuFeatures.IsFasterInBf16;
        bool asked = precision is ComputePrecision.Bf16 or ComputePrecision.Bf16Fast, half = (asked && possible) || (precision == ComputePrecision.Auto && faster);
        if (asked && !possible)
            progress?.Report(new RunProgress.Warning($"{Gpus.NameOf(facts, index)}, of compute capability {facts!.Capability}, has no convolutions in bfloat16, so float32 is used."));
        return new ComputeDevice(gpu ? new Device(DeviceType.CUDA, index) : CPU, half ? ScalarType.BFloat16 : ScalarType.Float32)
        {
            Gpu = facts,
            RoundsTiles = precision is ComputePrecision.Bf16Fast or ComputePrecision.Auto && !gpu && PairKernel.IsSupported,
        };
    }

    /// <summary>Whether a GPU computes: that which was asked for, or with auto the first that there is.</summary>
    private static bool TakesGpu(string device, int index, Gpus gpus, IProgress<RunProgress>? progress)
    {
        if (device == Cpu) return false;
        int count = gpus.Count;
        if (device == Auto && count == 0) return false;
        if (count == 0) throw new WclUsageException($"--device {device}: no GPU can be used: {gpus.WhyNone}. Use --device cpu; wcl doctor says what there is.");
        if (index >= count) throw new WclUsageException($"--device {device}: there {(count == 1 ? "is 1 GPU, cuda:0" : $"are {count} GPUs, cuda:0 to cuda:{count - 1}")}.");
        if (gpus.Problem(index) is not { } problem) return true;
        var facts = gpus.FactsOf(index);
        problem = $"{Gpus.NameOf(facts, index)}{(facts is not null ? $", of compute capability {facts.Capability}," : "")} does not compute ({problem})";
        if (device != Auto) throw new WclUsageException($"--device {device}: {problem}. Use --device cpu.");
        progress?.Report(new RunProgress.Warning($"{problem}, so the CPU is used. --device cpu does not try the GPU."));
        return false;
    }
}
