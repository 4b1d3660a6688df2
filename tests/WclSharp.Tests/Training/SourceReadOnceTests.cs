using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Images are read and decoded once: from the second epoch on nothing asks the source.</summary>
public sealed class SourceReadOnceTests
{
    [Theory]
    [InlineData(4096)]
    [InlineData(0)] // pixels in a memory-mapped file
    public void Run_SourceGoneAfterTheFirstEpoch_EndsWithTheSameBytes(int cacheMiB)
    {
        using var images = new DataFolder();
        using var runs = new DataFolder();
        for (int i = 0; i < 80; i++) images.Write($"data/{"ab"[i % 2]}/{i:000}.jpg", ImageFiles.Jpeg(20 + i % 5, 24 + i % 7));
        string data = Path.Combine(images.Path, "data");
        PretrainOptions Options(string name) => SmallRun.Options with { Data = data, Limit = null, CacheMiB = cacheMiB, Epochs = 3, EvaluateEvery = 3, Out = runs[name] };

        var whole = Pretraining.Run(Options("whole"));
        var gone = Pretraining.Run(Options("gone"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.EpochDone { Metrics.Epoch: 1 }) Directory.Delete(data, recursive: true);
        }));
        Assert.False(Directory.Exists(data));
        Assert.Equal("finished", gone.Summary.Status);
        Assert.Equal(SmallRun.HashOf(whole.RunFolder), SmallRun.HashOf(gone.RunFolder));
    }
}
