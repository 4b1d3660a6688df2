using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace WclSharp.Data;

/// <summary>
/// Brings what was written to the disk, and hears of it where that fails: on Linux .NET 10's <c>Flush(flushToDisk: true)</c> takes an fsync that fails for one that did not, and an error that a disk, a quota or a network
/// file system has kept until then would go unnoticed.
/// </summary>
internal static partial class DiskFlush
{
    private const int Interrupted = 4, Invalid = 22, ReadOnly = 30, NotSupported = 95; // errno of Linux

    /// <summary>Writes a stream's buffer, and all of the file, to the disk.</summary>
    /// <exception cref="IOException">It could not be.</exception>
    public static void Of(FileStream stream)
    {
        stream.Flush(flushToDisk: !OperatingSystem.IsLinux());
        if (!OperatingSystem.IsLinux()) return;
        while (Sync(stream.SafeFileHandle) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is Invalid or ReadOnly or NotSupported) return; // what has no disk behind it
            if (error != Interrupted) throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
        }
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(SafeFileHandle file);
}
