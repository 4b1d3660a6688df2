using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class PretrainingDataTests
{
    [Theory]
    [InlineData(0, true, true)]
    [InlineData(1, false, true)] // MiB; each set takes 0.6
    [InlineData(2, false, false)]
    public void Read_ImagesToTestWith_GetTheMemoryThatTheOthersLeave(int cacheMiB, bool mapped, bool testMapped)
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 20; i++) folder.Write($"{(i < 10 ? "train" : "test")}/{"ab"[i % 2]}/{i:00}.jpg", ImageFiles.Jpeg(150, 150));
        using var data = PretrainingData.Read(new PretrainOptions { Data = Path.Combine(folder.Path, "train"), Test = Path.Combine(folder.Path, "test"), ImageSize = 128, CacheMiB = cacheMiB, CacheFolder = folder.Path }, null, null, default);
        Assert.Equal((mapped, testMapped), (data.All.IsMemoryMapped, data.HeldOut!.IsMemoryMapped));
        bool Says(string what) => data.Lines.Any(line => line.EndsWith($"MiB of {what} are kept in a memory-mapped file (--cache-mib)", StringComparison.Ordinal));
        Assert.Equal((mapped, testMapped), (Says("decoded images"), Says("decoded images to test on")));
    }
}
