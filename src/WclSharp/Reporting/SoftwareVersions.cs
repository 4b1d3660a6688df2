using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Native;

namespace WclSharp.Reporting;

/// <summary>Versions of what a run was made with.</summary>
/// <param name="WclSharp">This library.</param>
/// <param name="TorchSharp">TorchSharp.</param>
/// <param name="Libtorch">The libtorch behind it; of one that was named in place of the program's, what its folder or else the library says, or "unknown".</param>
/// <param name="Dotnet">The .NET runtime.</param>
/// <param name="Os">The operating system.</param>
public sealed record SoftwareVersions(string WclSharp, string TorchSharp, string Libtorch, string Dotnet, string Os)
{
    /// <summary>Those of this process.</summary>
    public static SoftwareVersions Current => new(
        Library,
        VersionOf(typeof(torch)),
        LoadedLibtorch,
        Environment.Version.ToString(),
        OperatingSystem);

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
