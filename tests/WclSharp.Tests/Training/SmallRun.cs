using System.Security.Cryptography;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Runs that take a second or two: what the tests of whole runs have in common.</summary>
internal static class SmallRun
{
    /// <summary>A few of the embedded images and a narrow network, on the CPU.</summary>
    public static readonly PretrainOptions Options = new() { Limit = 160, ImageSize = 16, Width = 4, HeadHidden = 16, HeadOutput = 8, Batch = 32, Device = "cpu", Workers = 2 };

    /// <summary>Adds the warnings that are reported to a list.</summary>
    public static ProgressHandler<RunProgress> Noted(List<string> warnings) => new(report =>
    {
        if (report is RunProgress.Warning warning) warnings.Add(warning.Message);
    });

    /// <summary>SHA-256 of the encoder that a run ended with.</summary>
    public static string HashOf(string run) => HashOfFile(Path.Combine(run, "encoder.safetensors"));

    /// <summary>SHA-256 of a file.</summary>
    public static string HashOfFile(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
}

/// <summary>Calls an action on the thread that reports, unlike <see cref="Progress{T}"/>.</summary>
internal sealed class ProgressHandler<T>(Action<T> action) : IProgress<T>
{
    public void Report(T value) => action(value);
}
