using System.Diagnostics;
using Xunit.Sdk;

namespace WclSharp.Tests;

/// <summary>Tries inputs that are made of their number, so that one that is never done with fails its test by that number, and does not hold the whole run.</summary>
internal static class NumberedInputs
{
    private const int MillisecondsBetweenLooks = 100;

    /// <summary>Uses the inputs in turn, on a thread of their own that is left behind where one hangs.</summary>
    /// <param name="kind">What they are.</param>
    /// <param name="count">How many.</param>
    /// <param name="longest">How long one may take.</param>
    /// <param name="use">Makes the input of a number, and uses it.</param>
    /// <exception cref="XunitException">One took longer.</exception>
    public static void Each(string kind, int count, TimeSpan longest, Action<uint> use)
    {
        var current = new Begun(0, Stopwatch.GetTimestamp());
        bool abandoned = false;
        var work = Task.Factory.StartNew(() =>
        {
            for (uint i = 0; i < count && !Volatile.Read(ref abandoned); i++)
            {
                Volatile.Write(ref current, new Begun(i, Stopwatch.GetTimestamp()));
                use(i);
            }
        }, TaskCreationOptions.LongRunning);
        while (Task.WaitAny([work], MillisecondsBetweenLooks) < 0)
        {
            var begun = Volatile.Read(ref current);
            if (Stopwatch.GetElapsedTime(begun.At) <= longest) continue;
            Volatile.Write(ref abandoned, true);
            Assert.Fail($"Number {begun.Number} of kind {kind} is not done with after {longest.TotalSeconds} seconds.");
        }
        work.GetAwaiter().GetResult(); // with the exception that ended it
    }

    private sealed record Begun(uint Number, long At);
}
