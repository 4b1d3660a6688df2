using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>
/// Machine code of our own, for instructions that .NET has no method for. Linux only; a system that forbids programs to make code is one that has none.
/// </summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1, Write = 2, Execute = 4, Private = 2, Anonymous = 0x20;

    /// <summary>Memory that holds the code and can be executed and not written, until the process ends; 0 where the system gives none.</summary>
    /// <param name="code">Instructions that do not depend on where they lie.</param>
    public static nint Of(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux()) return 0;
        nint place = mmap(0, (nuint)code.Length, Read | Write, Private | Anonymous, -1, 0);
        if (place == -1) return 0;
        code.CopyTo(new Span<byte>((void*)place, code.Length));
        if (mprotect(place, (nuint)code.Length, Read | Execute) == 0) return place;
        munmap(place, (nuint)code.Length);
        return 0;
    }

    [LibraryImport("libc")]
    private static partial nint mmap(nint place, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int mprotect(nint place, nuint length, int protection);

    [LibraryImport("libc")]
    private static partial int munmap(nint place, nuint length);
}
