using WclSharp.Kernels;

namespace WclSharp.Tests.Kernels;

public sealed class WorkspaceTests
{
    [Fact]
    public void Rent_GivesTheLastThatWasGivenBack_OnAnyThread()
    {
        Workspace first = Workspace.Rent(), second = Workspace.Rent();
        Assert.NotSame(first, second);
        first.Dispose();
        LiveTensors.OnOwnThread(second.Dispose);
        using var again = Workspace.Rent();
        Assert.Same(second, again);
    }

    [Fact]
    public void Take_ASecondTime_GivesTheSameMemory()
    {
        LiveTensors.OnOwnThread(() => // warm, whatever others rented before
        {
            using var workspace = Workspace.Rent();
            using var room = workspace.Take("a test", 100);
        });
        LiveTensors.AssertNoneLeftBy(() =>
        {
            using var workspace = Workspace.Rent();
            using var room = workspace.Take("a test", 50);
            Assert.Equal(50, room.numel());
        });
    }
}
