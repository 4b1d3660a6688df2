using System.Diagnostics;
using TorchSharp;
using WclSharp.Native;

namespace WclSharp.Tests.Native;

public class TorchSharpRemedyTests
{
    private static string Library => Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");

    [Fact]
    public void Torch_Computes_InThisProcess()
    {
        Assert.NotEqual(TorchLibraryState.Missing, TorchRuntime.State);
        Assert.Null(TorchRuntime.Problem);
        using var x = torch.ones(2, 3);
        Assert.Equal(6, x.sum().ToDouble());
    }

    [Fact]
    public void Patch_ChangesOnlyTheSymbolAndItsVersion()
    {
        Assert.SkipUnless(File.Exists(Library), "TorchSharp's Linux library is not beside this program");
        var before = File.ReadAllBytes(Library);
        Assert.True(TorchSharpRemedy.Knows(before));
        var after = before.ToArray();
        TorchSharpRemedy.Patch(after);
        int changed = before.Zip(after).Count(pair => pair.First != pair.Second);
        Assert.InRange(changed, 1, 28 + 8); // the name's bytes, the version's hash and name offset
        Assert.False(TorchSharpRemedy.Knows(after));
        Assert.Throws<InvalidDataException>(() => TorchSharpRemedy.Patch(after)); // not twice
        Assert.Equal(before, File.ReadAllBytes(Library));
    }

    [Fact]
    public void Patch_OfAnotherFile_ChangesNothing()
    {
        var noise = new byte[200];
        Assert.Throws<InvalidDataException>(() => TorchSharpRemedy.Patch(noise));
        Assert.All(noise, b => Assert.Equal(0, b));
        Assert.False(TorchSharpRemedy.Knows(noise));
    }

    [Fact]
    public void PatchedCopy_NoLongerAsksForTheNewVersion()
    {
        Assert.SkipUnless(File.Exists(Library), "TorchSharp's Linux library is not beside this program");
        string? readelf = Environment.GetEnvironmentVariable("PATH")?.Split(':').Select(p => Path.Combine(p, "readelf")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(readelf is null, "readelf is not installed");
        var bytes = File.ReadAllBytes(Library);
        TorchSharpRemedy.Patch(bytes);
        string copy = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(copy, bytes);
            using var process = Process.Start(new ProcessStartInfo(readelf!, ["-V", "--dyn-syms", "-W", copy]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.DoesNotContain("GLIBCXX_3.4.32", text, StringComparison.Ordinal);
            Assert.Contains("_ZNSt8ios_base4InitC1Ev@GLIBCXX_3.4 ", text, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(copy);
        }
    }
}
