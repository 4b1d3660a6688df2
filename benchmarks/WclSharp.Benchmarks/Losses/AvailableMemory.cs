using System.Globalization;

namespace WclSharp.Benchmarks.Losses;

/// <summary>Memory that programs could take without pushing others out.</summary>
internal static class AvailableMemory
{
    /// <summary>By the kernel's estimate now, GiB; null where it gives none.</summary>
    public static double? GiB =>
        OperatingSystem.IsLinux() && File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal)) is { } found
            ? double.Parse(found[Key.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1048576
            : null;

    private const string Key = "MemAvailable:";
}
