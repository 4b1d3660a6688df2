using System.Runtime.Intrinsics.X86;
using Microsoft.ML.OnnxRuntime;

namespace WclSharp.Inference;

/// <summary>How ONNX Runtime is set up and used here.</summary>
internal static class OnnxRuntimeSetup
{
    private static readonly Lock Gate = new();

    /// <summary>The version of ONNX Runtime.</summary>
    /// <exception cref="TypeInitializationException">Its native library is missing or does not load.</exception>
    public static string Version
    {
        get
        {
            Quiet();
            return OrtEnv.Instance().GetVersionString();
        }
    }

    /// <summary>
    /// Keeps warnings off the error stream (of graphics cards that are not there, for example), unless the program has set up ONNX Runtime itself, which it
    /// has to do before an encoder is loaded: there is one such setting a process.
    /// </summary>
    public static void Quiet()
    {
        lock (Gate)
        {
            if (OrtEnv.IsCreated) return;
            var options = new EnvironmentCreationOptions { logId = "WclSharp", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            try
            {
                OrtEnv.CreateInstanceWithOptions(ref options);
            }
            catch (OnnxRuntimeException) when (OrtEnv.IsCreated)
            {
                // The program did so just now, on another thread.
            }
        }
    }

    /// <summary>Options of a session.</summary>
    /// <param name="threads">Threads that compute; 0 is one per core.</param>
    public static SessionOptions Options(int threads)
    {
        var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = threads };
        // Without VNNI, pairs of 8-bit products are added in 16 bits, which overflow, unless the slower way is asked for. With VNNI that would be the slower way for nothing.
        if (X86Base.IsSupported && !HasVnni()) options.AddSessionConfigEntry("session.x64quantprecision", "1");
        return options;
    }

    /// <summary>Whether the processor adds 8-bit products in 32 bits: AVX512_VNNI or AVX-VNNI.</summary>
    private static bool HasVnni() =>
        X86Base.CpuId(0, 0).Eax >= 7 && ((X86Base.CpuId(7, 0).Ecx >> 11 & 1) != 0 || (X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax >> 4 & 1) != 0));
}
