using System.Diagnostics;

namespace WclSharp.Native;

/// <summary>Has the managed garbage of training steps collected once there are some MiB of it, rather than when .NET would.</summary>
/// <remarks>
/// .NET waits until the youngest generation is as large as the processor's cache, some 30 MiB. What steps leave is all dead by then, and behind some of
/// it are small native blocks, which lie between the large ones of tensors and keep these from being used again. So the sooner the better, as long as it
/// takes a small share of the time: small steps leave as much garbage as large ones.
/// </remarks>
internal static class StepGarbage
{
    private const long Little = 1 << 20, Much = 8 << 20; // bytes: below the one never, from the other on always
    private const long LeastInterval = 100;              // times what the last collection took
    private static long collectedAt, endedAt, took;      // bytes allocated until then; ticks

    /// <summary>Called between steps, when nothing of the last is alive.</summary>
    public static void Collect()
    {
        long allocated = GC.GetTotalAllocatedBytes(), garbage = allocated - collectedAt;
        if (garbage < Little) return;
        long now = Stopwatch.GetTimestamp();
        if (garbage < Much && now - endedAt < LeastInterval * took) return;
        GC.Collect(0, GCCollectionMode.Forced, blocking: true);
        endedAt = Stopwatch.GetTimestamp();
        (took, collectedAt) = (endedAt - now, allocated);
    }
}
