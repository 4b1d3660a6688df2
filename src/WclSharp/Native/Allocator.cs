using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>Settings of the C library's allocator that suit batch after batch, in training and where features of many images are computed.</summary>
/// <remarks>
/// By default glibc returns every large block to the kernel and takes it back zeroed at the next batch: a page fault
/// for every 4 KiB of every activation. Keeping freed memory
/// spares that, at the price of a resident size that stays at its peak. It is a process-wide setting, so it is applied when such work
/// starts, not when the library or a single encoder is loaded.
/// </remarks>
internal static partial class Allocator
{
    private const int TrimThreshold = -1, TopPad = -2, MmapMax = -4;
    private static int applied;

    /// <summary>Keeps freed native memory for the next step. Does nothing off Linux or with another C library.</summary>
    public static bool KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux()) return false;
        if (Interlocked.Exchange(ref applied, 1) == 1) return true;
        try
        {
            return SetOption(MmapMax, 0) == 1 & SetOption(TrimThreshold, -1) == 1 & SetOption(TopPad, 256 << 20) == 1;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return false; // musl has no such options
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
