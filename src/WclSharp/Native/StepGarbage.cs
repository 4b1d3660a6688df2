namespace WclSharp.Native;

/// <summary>Has the managed garbage of training steps collected once there is a MiB of it, rather than when .NET would.</summary>
/// <remarks>
/// .NET waits until the youngest generation is as large as the processor's cache, some 30 MiB. What steps leave is all dead by then, and behind some of
/// it are small native blocks, which lie between the large ones of tensors and keep these from being used again.
/// </remarks>
internal static class StepGarbage
{
    private const long Enough = 1 << 20;
    private static long collectedAt;

    /// <summary>Called between steps, when nothing of the last is alive.</summary>
    public static void Collect()
    {
        long allocated = GC.GetTotalAllocatedBytes();
        if (allocated - collectedAt < Enough) return;
        collectedAt = allocated;
        GC.Collect(0, GCCollectionMode.Forced, blocking: true);
    }
}
