using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using WclSharp.Native;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Native;

/// <summary>Starts the real program without the libtorch that comes with it, as a build with <c>-p:TorchBackend=none</c> is.</summary>
public sealed class GivenLibtorchTests : IDisposable
{
    private static readonly string Built = AppContext.BaseDirectory;
    private readonly DataFolder folder = new();
    private readonly DataFolder given = new();

    public void Dispose()
    {
        folder.Dispose();
        given.Dispose();
    }

    [Fact]
    public void Program_WithoutLibtorch_TakesTheOneThatIsNamed()
    {
        string program = WithoutLibtorch();
        var (code, output, error) = Doctor(program, Built);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains($" {Built}", output, StringComparison.Ordinal);
        Assert.Contains("GFLOP/s", output, StringComparison.Ordinal);
        Assert.Matches($@"\nlibtorch +{Regex.Escape(GivenLibtorch.ExpectedVersion)}\.\d+\n", output); // no file beside the folder says it
    }

    [Fact]
    public void Program_WithoutLibtorch_SaysHowToGiveOne()
    {
        string program = WithoutLibtorch();
        Says(program, null, "No libtorch was found", "TorchSharp-cpu", GivenLibtorch.Variable);
        Says(program, given.Path, $"is '{given.Path}'", "no libtorch_cpu.so");
    }

    [Fact]
    public void Program_WithLibtorchOfItsOwn_TakesNoOther()
    {
        WithoutLibtorch();
        LinkTo("libtorch_cpu.so", "libSkiaSharp.so");
        Says(Path.Combine(Built, "wcl.dll"), given.Path, "brings a libtorch of its own", "TorchBackend=none");
    }

    [Fact]
    public void Program_WithALibtorchThatDoesNotFit_NamesItsVersion()
    {
        string program = WithoutLibtorch(), lib = Directory.CreateDirectory(Path.Combine(given.Path, "torch", "lib")).FullName;
        File.WriteAllText(Path.Combine(given.Path, "torch", "version.py"), "__all__ = []\n__version__ = '2.4.1+cu121'\n");
        // Libraries that load, and have nothing of what is called.
        foreach (string name in (string[])["libc10.so", "libtorch_cpu.so", "libtorch.so"]) File.WriteAllBytes(Path.Combine(lib, name), Renamed("libSkiaSharp.so", name));
        Says(program, lib, "libtorch 2.4.1+cu121", "does not fit", GivenLibtorch.ExpectedVersion, "undefined symbol");
    }

    [Fact]
    public void Program_WithALibraryForGpusThatDoesNotLoad_ComputesOnTheProcessor_AndSaysWhy()
    {
        string program = WithoutLibtorch(), lib = Directory.CreateDirectory(Path.Combine(given.Path, "lib")).FullName;
        foreach (string file in Directory.EnumerateFiles(Built, "lib*.so*")) File.CreateSymbolicLink(Path.Combine(lib, Path.GetFileName(file)), file);
        File.WriteAllText(Path.Combine(lib, "libtorch_cuda.so"), "no library");
        File.WriteAllText(Path.Combine(given.Path, "build-version"), "2.10.7+cu128\n");
        var (code, output, error) = Doctor(program, lib);
        Assert.Equal((0, ""), (code, error));
        Assert.Matches($"\nCUDA devices +none: {lib}/libtorch_cuda.so does not load \\(.*libtorch_cuda.so: .+\\)", output);
        Assert.Matches(@"\nlibtorch +2\.10\.7\+cu128\n", output); // not the one that TorchSharp is made for
    }

    [Fact]
    public void VersionOf_ReadsWhatPyTorchAndLibtorchWrite()
    {
        string lib = Directory.CreateDirectory(Path.Combine(given.Path, "lib")).FullName;
        Assert.Null(GivenLibtorch.VersionOf(lib));
        File.WriteAllText(Path.Combine(given.Path, "build-version"), "2.10.0+cpu\n");
        Assert.Equal("2.10.0+cpu", GivenLibtorch.VersionOf(lib));
        Assert.Equal("2.10.0+cpu", GivenLibtorch.VersionOf(lib + Path.DirectorySeparatorChar));
    }

    [Fact]
    public void OtherSystems_RefuseAFolder_AndTakeTheirOwn()
    {
        foreach (var (platform, architecture, system) in new[] { (OSPlatform.Windows, Architecture.X64, "win-x64"), (OSPlatform.OSX, Architecture.Arm64, "osx-arm64") })
        {
            Assert.Null(TorchRuntime.ProblemElsewhere(platform, architecture, system, given: null));
            string problem = TorchRuntime.ProblemElsewhere(platform, architecture, system, given.Path)!;
            Assert.All((string[])[$"{GivenLibtorch.Variable} is '{given.Path}'", "Linux x64 only", system, "unset"], part => Assert.Contains(part, problem, StringComparison.Ordinal));
        }
        Assert.Equal("libtorch has packages for Linux x64, Windows x64 and macOS on ARM, and this is linux-arm64: nothing can be trained here, but models that wcl export wrote can be used.",
            TorchRuntime.ProblemElsewhere(OSPlatform.Linux, Architecture.Arm64, "linux-arm64", given.Path));
        Assert.EndsWith("nothing can be trained here.", TorchRuntime.ProblemElsewhere(OSPlatform.OSX, Architecture.X64, "osx-x64", given: null), StringComparison.Ordinal);
        Assert.EndsWith("nothing can be trained here.", TorchRuntime.ProblemElsewhere(OSPlatform.Linux, Architecture.Arm64, "linux-musl-arm64", given: null), StringComparison.Ordinal);
    }

    private void LinkTo(string name, string library) => File.CreateSymbolicLink(Path.Combine(given.Path, name), Path.Combine(Built, library));

    /// <summary>A library that says that it is another: the loader goes by the name within, and else looks for that other all over the system.</summary>
    private static byte[] Renamed(string library, string name)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(Built, library));
        int at = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes('\0' + library)) + 1;
        var own = bytes.AsSpan(at)[..bytes.AsSpan(at).IndexOf((byte)0)]; // with a version behind it
        own.Clear();
        Encoding.ASCII.GetBytes(name, own);
        return bytes;
    }

    /// <summary>The program in a folder of its own, without libtorch; returns its file.</summary>
    private string WithoutLibtorch()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Path.Combine(Built, "libtorch_cpu.so")), "the package's libtorch is not beside this program");
        foreach (string file in Directory.EnumerateFiles(Built))
        {
            string name = Path.GetFileName(file), target = Path.Combine(folder.Path, name);
            bool ofTorch = name.StartsWith("lib", StringComparison.Ordinal) && name is not ("libLibTorchSharp.so" or "libSkiaSharp.so" or "libHarfBuzzSharp.so" or "libonnxruntime.so");
            if (ofTorch || name.EndsWith(".deps.json", StringComparison.Ordinal)) continue;
            // The host and the loader look beside the file that a link leads to.
            if (name.StartsWith("wcl.", StringComparison.Ordinal) || name.EndsWith(".so", StringComparison.Ordinal)) File.Copy(file, target);
            else File.CreateSymbolicLink(target, file);
        }
        return Path.Combine(folder.Path, "wcl.dll");
    }

    private static void Says(string program, string? libtorch, params string[] parts)
    {
        var (code, output, error) = Doctor(program, libtorch);
        Assert.Equal((1, ""), (code, error));
        Assert.All(parts, part => Assert.Contains(part, output, StringComparison.Ordinal));
    }

    private static (int Code, string Output, string Error) Doctor(string program, string? libtorch)
    {
        using var process = ChildProcess.Start(ChildProcess.Dotnet, [program, "doctor"], (GivenLibtorch.Variable, libtorch ?? ""));
        return process.End();
    }
}
