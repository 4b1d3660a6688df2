using System.Diagnostics;
using System.Globalization;

namespace WclSharp.Native;

/// <summary>Resident memory of this process, native tensors included.</summary>
internal static class ProcessMemory
{
    /// <summary>The most so far, MiB.</summary>
    public static double PeakMiB
    {
        get
        {
            // .NET's PeakWorkingSet64 is 0 on some Linux systems; the kernel's own line is not.
            if (OperatingSystem.IsLinux() && Status("VmHWM:") is { } kilobytes) return kilobytes / 1024;
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64 / 1048576.0;
        }
    }

    /// <summary>How much the peak has grown since it was so many MiB. The kernel counts in shares of its threads, so that the peak may seem to sink a little.</summary>
    public static double GrowthMiB(double before) => Math.Max(0, PeakMiB - before);

    private static double? Status(string key)
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith(key, StringComparison.Ordinal))
                return double.Parse(line[key.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        return null;
    }
}
