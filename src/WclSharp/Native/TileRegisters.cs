using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>A processor's tile registers (AMX), which Linux gives to a process only when it asks (Linux documentation, x86: dynamically enabled features).</summary>
internal static partial class TileRegisters
{
    private const int ArchitectureCall = 158, RequestPermission = 0x1023, TileData = 18;

    /// <summary>Whether this process may use them, which it asks for here. On Linux on x86-64 alone.</summary>
    public static bool AreGranted { get; } =
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && syscall(ArchitectureCall, RequestPermission, TileData) == 0;

    [LibraryImport("libc")]
    private static partial nint syscall(nint number, nint first, nint second);
}
