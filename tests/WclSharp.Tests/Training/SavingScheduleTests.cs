using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class SavingScheduleTests
{
    private readonly ManualClock clock = new();
    private readonly SavingSchedule schedule;

    public SavingScheduleTests()
    {
        schedule = new(clock);
        schedule.Begin();
    }

    [Fact]
    public void IsDueAfterMeasuring_WhereSavingTakesATenthOfASecondAtMost_AfterEveryEpoch()
    {
        Assert.True(schedule.IsDueAfterMeasuring); // nothing is saved yet
        Save(0.1);
        Assert.True(schedule.IsDueAfterMeasuring);
    }

    [Fact]
    public void IsDueAfterMeasuring_WhereSavingTakesLonger_WhenThatWasThreePercentOfTheTimeSince()
    {
        Save(3);
        Assert.False(schedule.IsDueAfterMeasuring);
        clock.Seconds += 99.9;
        Assert.False(schedule.IsDueAfterMeasuring);
        clock.Seconds += 0.1;
        Assert.True(schedule.IsDueAfterMeasuring);

        Save(0.6); // the last one counts
        clock.Seconds += 19.9;
        Assert.False(schedule.IsDueAfterMeasuring);
        clock.Seconds += 0.1;
        Assert.True(schedule.IsDueAfterMeasuring);
    }

    [Fact]
    public void IsDueWithinEpoch_HalfAnHourAfterTrainingBeganOrTheLastWasThere()
    {
        clock.Seconds += 1799;
        Assert.False(schedule.IsDueWithinEpoch);
        clock.Seconds += 1;
        Assert.True(schedule.IsDueWithinEpoch);
        Save(60);
        Assert.False(schedule.IsDueWithinEpoch);
        clock.Seconds += 1799;
        Assert.False(schedule.IsDueWithinEpoch);
        clock.Seconds += 1;
        Assert.True(schedule.IsDueWithinEpoch);
    }

    [Fact]
    public void IsDueBeforeMeasuring_ThreeMinutesAfter_WhereSavingTakesLittleOfTheTime()
    {
        clock.Seconds += 179;
        Assert.False(schedule.IsDueBeforeMeasuring);
        clock.Seconds += 1;
        Assert.True(schedule.IsDueBeforeMeasuring);
        Save(9); // 3 % of 300 s
        clock.Seconds += 299;
        Assert.False(schedule.IsDueBeforeMeasuring);
        clock.Seconds += 1;
        Assert.True(schedule.IsDueBeforeMeasuring);
    }

    private void Save(double seconds) => schedule.Save(() => clock.Seconds += seconds);
}
