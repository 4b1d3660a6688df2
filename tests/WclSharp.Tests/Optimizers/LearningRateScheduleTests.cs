using System.Text.Json;
using WclSharp.Optimizers;

namespace WclSharp.Tests.Optimizers;

public class LearningRateScheduleTests
{
    [Fact, Trait("Category", "Fixtures")]
    public void At_EveryIteration_MeetsTheFixture()
    {
        using var fixture = JsonDocument.Parse(File.ReadAllText(Path.Combine(FixtureFiles.Folder, "schedule.json")));
        int checkedRates = 0;
        foreach (var run in fixture.RootElement.EnumerateArray())
        {
            long perEpoch = run.GetProperty("iterations_per_epoch").GetInt64();
            double warmup = run.GetProperty("warmup_epochs").GetDouble();
            var schedule = new LearningRateSchedule(run.GetProperty("base_lr").GetDouble(), (long)(warmup * perEpoch), run.GetProperty("epochs").GetInt64() * perEpoch);
            int step = 0;
            foreach (var rate in run.GetProperty("lr").EnumerateArray())
            {
                Close.Relative(rate.GetDouble(), schedule.At(step), 1e-9, $"learning rate of step {step}");
                step++;
                checkedRates++;
            }
        }
        Assert.True(checkedRates > 0);
    }

    [Fact]
    public void At_WithoutWarmup_StartsAtThePeakAndNearsZero()
    {
        var schedule = new LearningRateSchedule(2, 0, 100);
        Assert.Equal(2, schedule.At(0));
        Assert.Equal(1, schedule.At(50), 12);
        Assert.InRange(schedule.At(99), 0, 0.001);
    }
}
