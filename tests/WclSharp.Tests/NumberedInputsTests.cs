using Xunit.Sdk;

namespace WclSharp.Tests;

public sealed class NumberedInputsTests
{
    [Fact]
    public void Each_AnInputThatHangs_FailsByItsNumber()
    {
        using ManualResetEventSlim end = new(), ended = new();
        var error = Assert.ThrowsAny<XunitException>(() => NumberedInputs.Each("test", 9, TimeSpan.FromSeconds(0.5), i =>
        {
            if (i != 3) return;
            end.Wait();
            ended.Set();
        }));
        Assert.Equal("Number 3 of kind test is not done with after 0.5 seconds.", error.Message);
        end.Set();
        Assert.True(ended.Wait(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void Each_UsesAllInTurn_OrEndsWithTheFirstError()
    {
        List<uint> used = [];
        NumberedInputs.Each("test", 4, TimeSpan.FromMinutes(1), used.Add);
        Assert.Equal([0u, 1, 2, 3], used);
        Assert.Equal("2", Assert.Throws<InvalidOperationException>(() =>
            NumberedInputs.Each("test", 4, TimeSpan.FromMinutes(1), i => { if (i == 2) throw new InvalidOperationException($"{i}"); })).Message);
    }
}
