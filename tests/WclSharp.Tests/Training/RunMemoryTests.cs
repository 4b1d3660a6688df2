using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Runs and their steps leave no tensor behind.</summary>
public sealed class RunMemoryTests : RunsInFolder
{
    [Fact]
    public void Runs_LeaveNoTensorBehind()
    {
        Pretraining.Run(Options("first") with { Epochs = 1 });
        LiveTensors.AssertNoneLeftBy(() => Pretraining.Run(Options("second") with { Epochs = 1 }));
    }

    [Fact]
    public void LiveTensors_DoNotGrowFromStepToStep()
    {
        var counts = new List<long>();
        LiveTensors.OnOwnThread(() => Pretraining.Run(Options("steps") with { Epochs = 2 }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step) counts.Add(LiveTensors.Count);
        })));
        Assert.True(counts.Count >= 6);
        Assert.Single(counts.Skip(2).Distinct()); // the first steps make the optimiser's state and the gradients
    }
}
