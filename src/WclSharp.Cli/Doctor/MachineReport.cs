using System.Globalization;
using System.Text.Json;
using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Inference;
using WclSharp.Kernels;
using WclSharp.Native;
using WclSharp.Reporting;

namespace WclSharp.Cli.Doctor;

/// <summary>What this machine offers: facts with a key for programs and a name for people, in the order they are shown.</summary>
internal sealed class MachineReport
{
    private const double GiB = 1 << 30;
    private const int NameWidth = 29; // the longest, and two blanks

    private readonly List<(string Key, object? Value)> facts = [];
    private readonly Action<string> tell;

    private MachineReport(Action<string> tell) => this.tell = tell;

    /// <summary>Whether all native libraries load.</summary>
    public bool Works { get; private set; }

    /// <summary>Looks, and measures for about five seconds.</summary>
    /// <param name="tell">Told each fact as a line, as soon as it is known.</param>
    public static MachineReport Make(Action<string> tell)
    {
        var report = new MachineReport(tell) { Works = TorchRuntime.State != TorchLibraryState.Missing };
        report.AddMachine();
        report.AddLibraries();
        if (report.Works) report.AddSpeed();
        return report;
    }

    /// <summary>Writes every fact into an object that was begun.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        foreach (var (key, value) in facts)
        {
            writer.WritePropertyName(key);
            switch (value)
            {
                case null: writer.WriteNullValue(); break;
                case bool flag: writer.WriteBooleanValue(flag); break;
                case int number: writer.WriteNumberValue(number); break;
                case double number: writer.WriteNumberValue(Math.Round(number, 2)); break;
                case var text: writer.WriteStringValue(text.ToString()); break;
            }
        }
    }

    private void AddMachine()
    {
        Add("os", "Operating system", SoftwareVersions.OperatingSystem);
        Add("dotnet", ".NET", Environment.Version.ToString());
        Add("cpu", "Processor", CpuFeatures.ModelName);
        Add("cores", "Cores", Environment.ProcessorCount);
        string instructions = (CpuFeatures.HasAvx512Bf16, CpuFeatures.HasAmxBf16) switch
        {
            (true, true) => "AVX-512 and AMX instructions",
            (true, false) => "AVX-512 instructions",
            (false, true) => "AMX instructions",
            _ => "no instructions",
        };
        Add("cpu_bf16", "bf16 on the processor", CpuFeatures.HasAvx512Bf16 || CpuFeatures.HasAmxBf16, instructions);
        string precision = PairKernel.IsSupported ? "bf16-fast" : CpuFeatures.IsFasterInBf16 ? "bf16" : "fp32";
        Add("cpu_precision", "--precision auto, processor", precision, $"trains in {precision} on this processor, where that is faster");
        if (CpuFeatures.IsFasterInBf16 && !CpuFeatures.HasAmxBf16)
            Add("cpu_bf16_tiles", "--precision bf16-fast", PairKernel.IsSupported, PairKernel.IsSupported ? "available" : "not available, runs as bf16: WclSharp has no kernel for this processor, or the system does not allow it");
        if (CpuFeatures.HasAmxBf16)
            Add("cpu_tile_registers", "Convolutions by AMX", AmxKernel.IsSupported, AmxKernel.IsSupported ? "WclSharp's, in bf16" : "libtorch's: WclSharp's need Linux, AVX-512 switched on and a system that allows code to be made");
        double free = FreeMemory();
        Add("free_memory_gib", "Free memory", free, FormattableString.Invariant($"{free:0.0} GiB of {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / GiB:0.0} GiB"));
        if (FreeDisk() is { } disk) Add("free_disk_gib", "Free disk, this folder", disk, FormattableString.Invariant($"{disk:0.0} GiB"));
    }

    private void AddLibraries()
    {
        string state = TorchRuntime.State switch
        {
            TorchLibraryState.Original => "loads as it is",
            TorchLibraryState.Patched => "loads by a patched copy in memory: this system's C++ runtime is older than it asks for",
            _ => $"DOES NOT LOAD: {TorchRuntime.Problem}",
        };
        Add("native_library", "Native library", OptionValue.NameOf(TorchRuntime.State), state);
        Add("libtorch_folder", "libtorch folder", TorchRuntime.LibraryFolder, TorchRuntime.LibraryFolder ?? "the system's search path");
        if (!Works)
        {
            AddOthers(); // with an exported model these are all that it takes
            return;
        }

        try
        {
            _ = torch.get_num_threads();
        }
        catch (TypeInitializationException e)
        {
            Works = false;
            string reason = e.GetBaseException().Message.ReplaceLineEndings(" ");
            Add("torchsharp", "TorchSharp", null, $"DOES NOT LOAD{(TorchRuntime.Advice is { } advice ? $" ({advice})" : "")}: {reason}");
            AddOthers();
            return;
        }

        var versions = SoftwareVersions.Current;
        Add("wclsharp", "WclSharp", versions.WclSharp);
        Add("torchsharp", "TorchSharp", versions.TorchSharp);
        Add("libtorch", "libtorch", versions.Libtorch);
        Add("threads", "Threads of libtorch", torch.get_num_threads());
        var gpus = Gpus.OfThisMachine;
        int devices = gpus.Count;
        Add("cuda_devices", "CUDA devices", devices, devices == 0 ? $"none: {gpus.WhyNone}" : null);
        for (int i = 0; i < devices; i++) Add($"cuda_{i}", $"cuda:{i}", gpus.Describe(i));
        bool kept = Allocator.KeepFreedMemory();
        AddOthers();
        Add("keeps_freed_memory", "Allocator", kept, kept ? "glibc, told to keep freed memory for the next step" : "the system's, as it is");
    }

    private void AddOthers()
    {
        AddOther("decoder", "Image decoders", () => ImageDecoder.Libraries);
        AddOther("onnx_runtime", "ONNX Runtime", () => OnnxRuntimeSetup.Version);
    }

    /// <summary>A library beside libtorch, which is there or is not.</summary>
    private void AddOther(string key, string name, Func<string> versions)
    {
        try
        {
            Add(key, name, versions());
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException)
        {
            Works = false;
            Add(key, name, null, $"DOES NOT LOAD: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}");
        }
    }

    private void AddSpeed()
    {
        var speed = SpeedProbe.Measure();
        Add("matmul_fp32_gflops", "Matrix product, fp32", speed.MatrixFp32, $"{speed.MatrixFp32:0} GFLOP/s");
        Add("matmul_bf16_gflops", "Matrix product, bf16", speed.MatrixBf16, $"{speed.MatrixBf16:0} GFLOP/s");
        Add("convolution_fp32_gflops", "Convolution, fp32", speed.Convolution, $"{speed.Convolution:0} GFLOP/s, forward and backward");
    }

    private void Add(string key, string name, object? value, FormattableString text) => Add(key, name, value, text.ToString(CultureInfo.InvariantCulture));

    private void Add(string key, string name, object? value, string? text = null)
    {
        facts.Add((key, value));
        tell(name.PadRight(NameWidth) + (text ?? value?.ToString() ?? "unknown"));
    }

    /// <summary>Memory that can be had without swapping, GiB.</summary>
    private static double FreeMemory()
    {
        var info = GC.GetGCMemoryInfo();
        double limit = (info.TotalAvailableMemoryBytes - info.MemoryLoadBytes) / GiB;
        if (!OperatingSystem.IsLinux()) return Math.Max(0, limit);
        string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(entry => entry.StartsWith("MemAvailable:", StringComparison.Ordinal));
        // The system's is not that of a container, which may have less.
        return line is null ? Math.Max(0, limit) : Math.Max(0, Math.Min(limit, long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / GiB));
    }

    private static double? FreeDisk()
    {
        try
        {
            return new DriveInfo(Environment.CurrentDirectory).AvailableFreeSpace / GiB;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
