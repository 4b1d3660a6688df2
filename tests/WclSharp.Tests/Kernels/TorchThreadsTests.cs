using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

public sealed class TorchThreadsTests : IDisposable
{
    private readonly int threads = get_num_threads();

    public TorchThreadsTests() => set_num_threads(4); // whatever the machine has

    public void Dispose() => set_num_threads(threads);

    [Theory]
    [InlineData(0), InlineData(1), InlineData(3), InlineData(1000)]
    public void For_EveryNumber_IsTakenOnce(int count)
    {
        int[] taken = new int[count];
        TorchThreads.For(count, i => Interlocked.Increment(ref taken[i]));
        Assert.All(taken, times => Assert.Equal(1, times));
    }

    [Fact]
    public void For_BodyThatThrows_ThrowsTheSame()
    {
        var failure = new InvalidOperationException("the fourth");
        var thrown = Assert.Throws<AggregateException>(() => TorchThreads.For(8, i =>
        {
            if (i == 3) throw failure;
        }));
        Assert.Same(failure, Assert.Single(thrown.InnerExceptions));
    }
}
