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

    [Fact]
    public void At_TheEndAndAfterIt_IsZero()
    {
        var schedule = new LearningRateSchedule(2, 10, 100);
        Assert.Equal([0, 0, 0], new long[] { 100, 101, 1000 }.Select(schedule.At)); // a further cosine would rise
        Assert.Equal(0, new LearningRateSchedule(2, 10, 10).At(10)); // warm-up alone
        Assert.Equal(1, new LearningRateSchedule(2, 10, 10).At(5));
    }

    [Fact]
    public void WrongArguments_AreRefusedByName()
    {
        Assert.Throws<ArgumentOutOfRangeException>("peak", () => new LearningRateSchedule(-1, 0, 10));
        Assert.Throws<ArgumentOutOfRangeException>("peak", () => new LearningRateSchedule(double.NaN, 0, 10));
        Assert.Throws<ArgumentOutOfRangeException>("warmupSteps", () => new LearningRateSchedule(1, -1, 10));
        Assert.Throws<ArgumentOutOfRangeException>("totalSteps", () => new LearningRateSchedule(1, 11, 10));
        Assert.Throws<ArgumentOutOfRangeException>("step", () => new LearningRateSchedule(1, 1, 10).At(-1));
    }
}
