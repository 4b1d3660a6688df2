using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Native;

namespace WclSharp.Reporting;

/// <summary>Versions of what a run was made with.</summary>
public sealed record SoftwareVersions
{
    /// <summary>This library.</summary>
    public required string WclSharp { get; init; }

    /// <summary>TorchSharp.</summary>
    public required string TorchSharp { get; init; }

    /// <summary>The libtorch behind it; of one that was named in place of the program's, what its folder or else the library says, or "unknown".</summary>
    public required string Libtorch { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Dotnet { get; init; }

    /// <summary>The operating system.</summary>
    public required string Os { get; init; }

    /// <summary>Those of this process.</summary>
    public static SoftwareVersions Current => new()
    {
        WclSharp = Library,
        TorchSharp = VersionOf(typeof(torch)),
        Libtorch = LoadedLibtorch,
        Dotnet = Environment.Version.ToString(),
        Os = OperatingSystem,
    };

    // TorchSharp names the version that it is made for, whatever was loaded.
    private static string LoadedLibtorch => TorchRuntime.LibraryFolder is { } folder && folder == GivenLibtorch.Folder
        ? GivenLibtorch.VersionOf(folder) ?? "unknown"
        : torch.__version__;

    /// <summary>This library; needs no native library.</summary>
    internal static string Library => VersionOf(typeof(SoftwareVersions));

    /// <summary>Name and version of the operating system; needs no native library.</summary>
    internal static string OperatingSystem => RuntimeInformation.OSDescription;

    // The build may append "+" and the source revision.
    private static string VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? type.Assembly.GetName().Version?.ToString() ?? "unknown";
}
