using System.Text.Json;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.Cli.Commands;

/// <summary>Between what an accuracy lies, for people and for programs.</summary>
internal static class AccuracyText
{
    /// <summary>Classes that people are told of one by one; where there are more, programs are.</summary>
    public const int MostClasses = 20;

    private const double SmallestShown = 1e-6; // below, sums in another order

    /// <summary>The interval as a phrase.</summary>
    public static string Certainty(double accuracy, long images) => $"95 % interval {Interval(accuracy, images)}";

    /// <summary>The interval's ends.</summary>
    public static string Interval(double accuracy, long images)
    {
        var interval = WilsonInterval.Of(accuracy, images);
        return $"{EpochTable.Percent(interval.Low)} to {EpochTable.Percent(interval.High)}";
    }

    /// <summary>The balanced accuracy as the end of a phrase; empty where it is the accuracy itself, as of classes with as many images each, or not known.</summary>
    public static string OverClasses(double accuracy, double? balancedAccuracy) =>
        balancedAccuracy is { } mean && Math.Abs(mean - accuracy) >= SmallestShown && EpochTable.Percent(mean) != EpochTable.Percent(accuracy) ? $"; balanced accuracy {EpochTable.Percent(mean)}" : "";

    /// <summary>The interval's ends as <c>ci95_low</c> and <c>ci95_high</c> behind a prefix.</summary>
    public static void WriteInterval(Utf8JsonWriter writer, string prefix, double accuracy, long images)
    {
        var interval = WilsonInterval.Of(accuracy, images);
        writer.WriteNumber($"{prefix}ci95_low", interval.Low);
        writer.WriteNumber($"{prefix}ci95_high", interval.High);
    }
}
