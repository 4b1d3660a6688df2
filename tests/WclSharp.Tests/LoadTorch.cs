using System.Runtime.CompilerServices;
using WclSharp.Native;

namespace WclSharp.Tests;

/// <summary>Loads TorchSharp's native library before any test calls TorchSharp, which some do before they call WclSharp.</summary>
internal static class LoadTorch
{
    [ModuleInitializer]
    internal static void WithTests() => TorchRuntime.EnsureLoaded();
}
