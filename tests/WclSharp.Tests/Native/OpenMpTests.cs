using WclSharp.Native;

namespace WclSharp.Tests.Native;

public sealed class OpenMpTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-openmp-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>oneDNN waits without end for threads that it counts on and OpenMP does not grant.</summary>
    [Theory]
    [InlineData("OMP_THREAD_LIMIT", "1")]
    [InlineData("OMP_DYNAMIC", "true")]
    public void FewerThreadsThanWereNamed_TrainToTheEnd(string name, string value)
    {
        Assert.SkipUnless(OpenMp.Export("omp_get_thread_limit") != 0, "libtorch has another OpenMP runtime here");
        string[] command = [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), "pretrain", "--limit", "160", "--image-size", "16", "--width", "4", "--head-hidden", "16", "--head-output", "8",
            "--batch", "32", "--epochs", "1", "--device", "cpu", "--workers", "2", "--out", Path.Combine(folder, "run")];
        using var process = ChildProcess.Start("dotnet", command, ("OMP_NUM_THREADS", "64"), (name, value)); // more than are free on most machines
        process.End(expectedCode: 0); // in seconds; one that waits is ended after minutes
    }

    [Fact]
    public void ThreadLimit_IsOneOrMore() => Assert.InRange(OpenMp.ThreadLimit, 1, int.MaxValue);
}
