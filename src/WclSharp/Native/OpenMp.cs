using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>The OpenMP runtime that libtorch runs on where it is GNU's, on Linux. Elsewhere there is nothing to call.</summary>
internal static unsafe class OpenMp
{
    private static readonly nint Library = Find();

    /// <summary>Threads that the runtime grants at most (<c>OMP_THREAD_LIMIT</c>).</summary>
    public static int ThreadLimit => Export("omp_get_thread_limit") is var function and not 0 ? Math.Max(1, ((delegate* unmanaged<int>)function)()) : int.MaxValue;

    [ThreadStatic]
    private static bool isForbidden;

    /// <summary>
    /// Takes back, for the calling thread, that the runtime may grant fewer threads than it is asked for (<c>OMP_DYNAMIC</c>): some of oneDNN's loops wait for all of
    /// them, without end. Every thread of .NET's begins with what the environment says.
    /// </summary>
    public static void ForbidFewerThreads()
    {
        if (isForbidden) return;
        isForbidden = true;
        if (Export("omp_set_dynamic") is var function and not 0) ((delegate* unmanaged<int, void>)function)(0);
    }

    /// <summary>Address of a function of the runtime; 0 where there is none.</summary>
    public static nint Export(string name) => Library != 0 && NativeLibrary.TryGetExport(Library, name, out nint entry) ? entry : 0;

    private static nint Find()
    {
        if (TorchRuntime.LibraryFolder is not { } folder) return 0;
        string? library = Directory.EnumerateFiles(folder, "libgomp*.so*").FirstOrDefault();
        return library is not null && NativeLibrary.TryLoad(library, out nint handle) ? handle : 0;
    }
}
