using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Training;

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
        using var process = ChildProcess.Start(ChildProcess.Dotnet, command, ("OMP_NUM_THREADS", "64"), (name, value)); // more than are free on most machines
        process.End(expectedCode: 0); // in seconds; one that waits is ended after minutes
    }

    /// <summary>The environment's word is every new thread's own, also of one that did not choose the device.</summary>
    [Fact]
    public void AnyThreadThatComputes_IsGrantedTheThreadsItAsksFor()
    {
        Assert.SkipUnless(OpenMp.Export("omp_get_dynamic") != 0, "libtorch has another OpenMP runtime here");
        using var network = new ResNet(EncoderArch.ResNet18, width: 4, EncoderStem.Small, seed: 0);
        using var head = torch.ones(4, requires_grad: true);
        Assert.Equal((1, 0), Dynamic(() => network.forward(torch.zeros(2, 3, 8, 8)).Dispose()));
        Assert.Equal((1, 0), Dynamic(() => Backpropagation.Run(head.sum())));

        static unsafe (int Before, int After) Dynamic(Action compute)
        {
            (int, int) result = default;
            var thread = new Thread(() =>
            {
                using var scope = torch.NewDisposeScope();
                ((delegate* unmanaged<int, void>)OpenMp.Export("omp_set_dynamic"))(1);
                int before = Current();
                compute();
                result = (before, Current());
            });
            thread.Start();
            thread.Join();
            return result;

            static int Current() => ((delegate* unmanaged<int>)OpenMp.Export("omp_get_dynamic"))();
        }
    }

    [Fact]
    public void ThreadLimit_IsOneOrMore() => Assert.InRange(OpenMp.ThreadLimit, 1, int.MaxValue);
}
