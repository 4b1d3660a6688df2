using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace WclSharp.Native;

/// <summary>
/// A libtorch that the user names by <see cref="Variable"/>, in place of one that comes with the program: for instance that of a Python
/// PyTorch, <c>torch/lib</c>, which may be there already and takes gigabytes with CUDA. For programs built with <c>-p:TorchBackend=none</c>, on Linux.
/// </summary>
internal static partial class GivenLibtorch
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = "WCLSHARP_LIBTORCH";

    /// <summary>Set to 1: what a libtorch lacks is found out at the first call of it, which ends the process, and not at the start.</summary>
    public const string LazyVariable = "WCLSHARP_LIBTORCH_LAZY";

    /// <summary>The libtorch that TorchSharp is made for; others may lack what it calls.</summary>
    public const string ExpectedVersion = "2.10";

    private const string Needed = "libtorch_cpu.so";
    private const int Now = 2; // RTLD_NOW

    /// <summary>The folder that was named; null for none.</summary>
    public static string? Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? Path.GetFullPath(folder) : null;

    /// <summary>Why a folder cannot be used; null where it can.</summary>
    /// <param name="folder">The folder that was named.</param>
    /// <param name="own">The folder of the program's own libtorch; null where it has none.</param>
    public static string? ProblemWith(string folder, string? own)
    {
        if (!File.Exists(Path.Combine(folder, Needed)))
            return $"{Variable} is '{folder}', where there is no {Needed}; name the folder that has it (torch/lib of a Python PyTorch, lib of a libtorch), or unset the variable.";
        // Both would be loaded, since TorchSharp asks for the one beside the program by its path, and both register the same operators.
        if (own is not null && !SameFile(folder, own))
            return $"{Variable} is '{folder}', but this program brings a libtorch of its own ('{own}'); build it with -p:TorchBackend=none, or unset the variable.";
        return null;
    }

    /// <summary>What is said of a folder that was named on a system where it is not used.</summary>
    /// <param name="folder">The folder that was named.</param>
    /// <param name="system">The system's name.</param>
    public static string ProblemElsewhere(string folder, string system) =>
        $"{Variable} is '{folder}', but it is for Linux x64 only, and this is {system}; unset the variable, and build the program with -p:TorchBackend=cpu (on Windows also cuda), which brings a libtorch.";

    /// <summary>Why TorchSharp's library does not go with the libtorch that is loaded; null where it does.</summary>
    /// <param name="library">TorchSharp's library, a path.</param>
    /// <param name="folder">Where the libtorch came from.</param>
    public static string? Misfit(string library, string folder)
    {
        if (Environment.GetEnvironmentVariable(LazyVariable) == "1") return null;
        if (LoadingError(library) is not { } reason) return null;
        string version = VersionOf(folder) is { } found ? $"libtorch {found} in '{folder}'" : $"The libtorch in '{folder}'";
        return $"{version} does not fit TorchSharp, which is made for {ExpectedVersion} ({reason}); name the folder of a libtorch {ExpectedVersion} by {Variable}, or set {LazyVariable}=1 to try all the same.";
    }

    /// <summary>The version as a Python PyTorch and a downloaded libtorch write it down beside the folder, or else as the library says it; null where neither is.</summary>
    /// <param name="folder">The folder that libtorch was loaded from.</param>
    public static string? VersionOf(string folder)
    {
        if (Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder)) is not { } above) return null;
        string python = Path.Combine(above, "version.py"), plain = Path.Combine(above, "build-version");
        if (File.Exists(python) && PythonVersion().Match(File.ReadAllText(python)) is { Success: true } match) return match.Groups[1].Value;
        return File.Exists(plain) && File.ReadLines(plain).FirstOrDefault() is { } line ? line.Trim() : VersionByItself(folder);
    }

    /// <summary>Major, minor and patch are the upper three bytes of what libtorch 2.9 and later return; whether for CUDA is not among it.</summary>
    private static unsafe string? VersionByItself(string folder)
    {
        if (!NativeLibrary.TryLoad(Path.Combine(folder, Needed), out nint library) || !NativeLibrary.TryGetExport(library, "aoti_torch_abi_version", out nint function)) return null;
        ulong version = ((delegate* unmanaged<ulong>)function)();
        return FormattableString.Invariant($"{version >> 56}.{(byte)(version >> 48)}.{(byte)(version >> 40)}");
    }

    private static bool SameFile(string a, string b) => Real(a) == Real(b);

    private static string Real(string folder)
    {
        string file = Path.Combine(folder, Needed);
        return File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(file);
    }

    [GeneratedRegex("""__version__\s*=\s*['"]([^'"]+)['"]""")]
    private static partial Regex PythonVersion();

    /// <summary>What the loader says where a library, or any function that it calls, cannot be found; null where all is there.</summary>
    /// <remarks>.NET has functions looked up at their first call, and the process ends where one is missing.</remarks>
    internal static unsafe string? LoadingError(string library)
    {
        nint loader = NativeLibrary.Load("libdl.so.2");
        // Both addresses first: looking for one forgets the last error.
        var open = (delegate* unmanaged<byte*, int, nint>)NativeLibrary.GetExport(loader, "dlopen");
        var error = (delegate* unmanaged<nint>)NativeLibrary.GetExport(loader, "dlerror");
        fixed (byte* path = Encoding.UTF8.GetBytes(library + '\0'))
            return open(path, Now) != 0 ? null : Marshal.PtrToStringUTF8(error()) ?? "no reason given";
    }
}
