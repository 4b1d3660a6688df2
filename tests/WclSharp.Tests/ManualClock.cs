namespace WclSharp.Tests;

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualClock : TimeProvider
{
    public double Seconds { get; set; } = 1;

    public override long TimestampFrequency => 1000;

    public override long GetTimestamp() => (long)Math.Round(Seconds * 1000);
}
