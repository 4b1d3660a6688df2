using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace WclSharp.Native;

/// <summary>Loads a Linux shared library from memory, so that nothing needs to be written to a folder.</summary>
internal static partial class MemoryLibrary
{
    private const uint CloseOnExec = 1;

    /// <summary>Loads the bytes of a shared library.</summary>
    /// <param name="library">The library.</param>
    /// <param name="name">A name for it, without an ending.</param>
    /// <param name="load">Loads the file at a path.</param>
    /// <exception cref="IOException">No place for the copy could be had.</exception>
    /// <exception cref="DllNotFoundException">The system does not load it.</exception>
    public static nint Load(ReadOnlySpan<byte> library, string name, Func<string, nint> load)
    {
        int descriptor = CreateMemoryFile(name, CloseOnExec);
        return descriptor >= 0 ? LoadFromDescriptor(library, descriptor, load) : LoadFromTemporaryFile(library, name, load);
    }

    private static nint LoadFromDescriptor(ReadOnlySpan<byte> library, int descriptor, Func<string, nint> load)
    {
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(file, library, 0);
        return load($"/proc/self/fd/{descriptor}");
    }

    // Kernels before 3.17 and some sandboxes have no memory files.
    private static nint LoadFromTemporaryFile(ReadOnlySpan<byte> library, string name, Func<string, nint> load)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{name}-{Guid.NewGuid():N}.so");
        try
        {
            File.WriteAllBytes(path, library);
            return load(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{Path.GetTempPath()} is not writable ({new Win32Exception(Marshal.GetLastPInvokeError()).Message}).", e);
        }
        finally
        {
            File.Delete(path); // the mapping stays
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
