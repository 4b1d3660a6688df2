using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace WclSharp.Native;

/// <summary>Loads a Linux shared library from memory, so that nothing needs to be written to a folder.</summary>
internal static partial class MemoryLibrary
{
    private const uint CloseOnExec = 1;

    /// <summary>Loads the bytes of a shared library.</summary>
    /// <exception cref="IOException">No place for the copy could be had.</exception>
    /// <exception cref="DllNotFoundException">The system does not load it.</exception>
    public static nint Load(ReadOnlySpan<byte> library, string name)
    {
        int descriptor = CreateMemoryFile(name, CloseOnExec);
        return descriptor >= 0 ? LoadFromDescriptor(library, descriptor) : LoadFromTemporaryFile(library, name);
    }

    private static nint LoadFromDescriptor(ReadOnlySpan<byte> library, int descriptor)
    {
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(file, library, 0);
        return NativeLibrary.Load($"/proc/self/fd/{descriptor}");
    }

    // Kernels before 3.17 and some sandboxes have no memory files.
    private static nint LoadFromTemporaryFile(ReadOnlySpan<byte> library, string name)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{name}-{Guid.NewGuid():N}.so");
        try
        {
            File.WriteAllBytes(path, library);
            return NativeLibrary.Load(path);
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
