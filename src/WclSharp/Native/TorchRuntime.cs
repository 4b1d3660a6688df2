using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TorchSharp;

namespace WclSharp.Native;

/// <summary>How TorchSharp's native library was loaded into this process.</summary>
public enum TorchLibraryState
{
    /// <summary>The library of the package loads as it is.</summary>
    Original,

    /// <summary>A patched copy in memory is used, since this system's C++ runtime is older than the library asks for.</summary>
    Patched,

    /// <summary>The library could not be loaded; <see cref="TorchRuntime.Problem"/> says why.</summary>
    Missing,
}

/// <summary>
/// Makes TorchSharp's native library load on systems whose C++ runtime is older than it asks for (Debian 12,
/// Ubuntu 22.04, RHEL 9). Runs by itself when the first type of this library is used; a program that calls TorchSharp
/// before it calls WclSharp calls <see cref="EnsureLoaded"/> first.
/// </summary>
public static class TorchRuntime
{
    /// <summary>An <see cref="AppContext"/> switch for programs that may do without libtorch: they call <see cref="EnsureLoaded"/> when they need it.</summary>
    internal const string OnDemandSwitch = "WclSharp.TorchOnDemand";

    private const string LibraryName = "LibTorchSharp";
    private static readonly string[] Dependencies = ["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"]; // those with CUDA where they are
    private static readonly Lock Gate = new();
    private static TorchLibraryState? state;
    private static nint handle;

    /// <summary>Why the library could not be loaded; null when it was.</summary>
    public static string? Problem { get; private set; }

    /// <summary>How the library was loaded; loads it when nobody has yet.</summary>
    public static TorchLibraryState State => EnsureLoaded();

    /// <summary>Folder that the libtorch libraries were found in, or that WCLSHARP_LIBTORCH names; null off Linux and when not found.</summary>
    public static string? LibraryFolder { get; private set; }

    /// <summary>Which of libtorch's libraries for GPUs is there and does not load, and why; null where none is so.</summary>
    internal static string? CudaProblem { get; private set; }

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "The library must be in place before TorchSharp's first call.")]
    internal static void LoadWithModule()
    {
        if (!AppContext.TryGetSwitch(OnDemandSwitch, out bool onDemand) || !onDemand) EnsureLoaded();
    }

    /// <summary>Loads TorchSharp's native library, by a patched copy in memory where that is needed. Idempotent.</summary>
    public static TorchLibraryState EnsureLoaded()
    {
        lock (Gate) return state ??= Load();
    }

    private static TorchLibraryState Load()
    {
        // Only Linux has the trouble, and only x64 has a package.
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) return LoadElsewhere();

        string? file = FindLibrary();
        if (file is null)
        {
            Problem = "libLibTorchSharp.so was not found beside the program; add the package TorchSharp-cpu (or a CUDA one) to it.";
            return TorchLibraryState.Missing;
        }

        string? own = FindLibtorch(Path.GetDirectoryName(file)!), given = GivenLibtorch.Folder;
        if (given is not null && GivenLibtorch.ProblemWith(given, own) is { } problem)
        {
            Problem = problem;
            return TorchLibraryState.Missing;
        }
        LibraryFolder = given ?? own;
        // libtorch first: a folder that was named is nowhere else known, and from a copy in memory $ORIGIN does not lead to the program's.
        if (LibraryFolder is not null)
            foreach (string name in Dependencies)
            {
                string path = Path.Combine(LibraryFolder, name);
                bool ofCuda = name.Contains("cuda", StringComparison.Ordinal);
                if ((ofCuda && !File.Exists(path)) || NativeLibrary.TryLoad(path, out _)) continue;
                string failure = $"{path} does not load ({GivenLibtorch.LoadingError(path) ?? "no reason given"})";
                Problem ??= $"{failure}.";
                if (ofCuda) CudaProblem ??= failure;
            }

        if (!NativeLibrary.TryLoad(file, out handle)) return LoadPatchedCopy(file, given);
        Problem = given is null ? null : GivenLibtorch.Misfit(file, given);
        return Problem is null ? TorchLibraryState.Original : TorchLibraryState.Missing;
    }

    /// <summary>Left to TorchSharp where there is a package for the system; where there is none, it would only say so at length.</summary>
    private static TorchLibraryState LoadElsewhere()
    {
        var platform = OperatingSystem.IsWindows() ? OSPlatform.Windows : OperatingSystem.IsMacOS() ? OSPlatform.OSX : OperatingSystem.IsLinux() ? OSPlatform.Linux : OSPlatform.Create("other");
        Problem = ProblemElsewhere(platform, RuntimeInformation.ProcessArchitecture, RuntimeInformation.RuntimeIdentifier, GivenLibtorch.Folder);
        return Problem is null ? TorchLibraryState.Original : TorchLibraryState.Missing;
    }

    /// <summary>Why nothing can be trained on a system that is not Linux x64; null where that is left to TorchSharp.</summary>
    /// <param name="platform">The operating system.</param>
    /// <param name="architecture">The process's.</param>
    /// <param name="system">Both as .NET names them, with the C library.</param>
    /// <param name="given">Folder that WCLSHARP_LIBTORCH names; null for none.</param>
    internal static string? ProblemElsewhere(OSPlatform platform, Architecture architecture, string system, string? given)
    {
        bool windows = platform == OSPlatform.Windows, arm = architecture == Architecture.Arm64;
        if ((windows && architecture == Architecture.X64) || (platform == OSPlatform.OSX && arm)) return given is null ? null : GivenLibtorch.ProblemElsewhere(given, system);
        bool exported = arm && (windows || (platform == OSPlatform.Linux && !system.Contains("musl", StringComparison.Ordinal)));
        return $"libtorch has packages for Linux x64, Windows x64 and macOS on ARM, and this is {system}: nothing can be trained here{(exported ? ", but models that wcl export wrote can be used" : "")}.";
    }

    /// <summary>What to do where TorchSharp does not load what its package brings; null where that is not known.</summary>
    internal static string? Advice => OperatingSystem.IsMacOS() ? "it takes macOS 15 and OpenMP from Homebrew (brew install libomp)" : OperatingSystem.IsWindows() ? "it takes the Visual C++ Redistributable for x64" : null;

    private static TorchLibraryState LoadPatchedCopy(string file, string? given)
    {
        var bytes = File.ReadAllBytes(file);
        if (!TorchSharpRemedy.Knows(bytes))
        {
            Problem ??= $"{file} does not load on this system ({GivenLibtorch.LoadingError(file) ?? "no reason given"}), and it is not a version that WclSharp knows how to mend.";
            return TorchLibraryState.Missing;
        }

        try
        {
            TorchSharpRemedy.Patch(bytes);
            handle = MemoryLibrary.Load(bytes, LibraryName, path =>
            {
                if (given is not null && GivenLibtorch.Misfit(path, given) is { } misfit) throw new DllNotFoundException(Problem ??= misfit);
                return NativeLibrary.Load(path);
            });
        }
        catch (Exception e) when (e is InvalidDataException or IOException or DllNotFoundException or BadImageFormatException)
        {
            Problem ??= LibraryFolder is null
                ? $"No libtorch was found beside the program; add the package TorchSharp-cpu (or a CUDA one) to it, or name the folder of one by {GivenLibtorch.Variable}."
                : $"{file} could not be mended for this system's C++ runtime: {e.Message}";
            return TorchLibraryState.Missing;
        }

        Problem = null;
        // Asked after the ordinary search fails, as it does for the file on disk. Any load context: plugins have their own.
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;
        if (AssemblyLoadContext.GetLoadContext(typeof(torch).Assembly) is { } context && context != AssemblyLoadContext.Default)
            context.ResolvingUnmanagedDll += Resolve;
        return TorchLibraryState.Patched;
    }

    private static nint Resolve(Assembly assembly, string name) =>
        name is LibraryName or "lib" + LibraryName or "lib" + LibraryName + ".so" ? handle : 0;

    private static string? FindLibrary() => SearchFolders()
        .Select(folder => Path.Combine(folder, "libLibTorchSharp.so"))
        .FirstOrDefault(File.Exists);

    private static string? FindLibtorch(string besides) => SearchFolders().Prepend(besides)
        .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "libtorch_cpu.so")));

    [System.Diagnostics.CodeAnalysis.UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "Empty in a program of one file, whose own folder is looked at too.")]
    private static IEnumerable<string> SearchFolders()
    {
        // The host lists the package folders here when a program is run from its build output.
        string hostFolders = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        foreach (string folder in hostFolders.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)) yield return folder;

        foreach (string root in (string[])[AppContext.BaseDirectory, Path.GetDirectoryName(typeof(torch).Assembly.Location) ?? ""])
        {
            if (root.Length == 0) continue;
            yield return root;
            yield return Path.Combine(root, "runtimes", "linux-x64", "native");
        }
    }
}
