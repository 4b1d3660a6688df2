using System.Runtime.ExceptionServices;

namespace WclSharp.Data;

/// <summary>
/// Maps a sequence on several threads and gives the results in the sequence's order, with a bounded number of them alive.
/// </summary>
/// <remarks>
/// The workers take turns at drawing from the source, so a sequential source (a tar file) is read by one of them at a time
/// while the others work, and no thread is spent on reading alone.
/// </remarks>
internal static class OrderedParallel
{
    /// <summary>The results of <paramref name="work"/> in the order of <paramref name="source"/>.</summary>
    /// <param name="source">What to work on. Enumerated by one worker at a time, never by the caller.</param>
    /// <param name="work">Called on the worker threads.</param>
    /// <param name="workers">Number of threads.</param>
    /// <param name="capacity">Items that are drawn and not yet taken by the consumer, at most.</param>
    /// <param name="discard">Called with results that the consumer will not take, when it stops early.</param>
    /// <param name="cancellation">Stops the enumeration with <see cref="OperationCanceledException"/>.</param>
    /// <remarks>An exception of the source or the work comes to the consumer, after the results before it.</remarks>
    public static IEnumerable<TOut> Map<TIn, TOut>(IEnumerable<TIn> source, Func<TIn, TOut> work, int workers, int capacity,
        Action<TOut>? discard = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        using var run = new Run<TIn, TOut>(source, work, capacity, discard);
        using var registration = cancellation.Register(run.Stop);
        run.Start(workers);
        while (true)
        {
            bool more = run.TryTake(out var result);
            if (cancellation.IsCancellationRequested)
            {
                if (more) discard?.Invoke(result!);
                throw new OperationCanceledException(cancellation);
            }
            if (!more) yield break;
            yield return result!;
        }
    }

    /// <summary>As <see cref="Map"/>, with items drawn, worked on and handed over several at a time: for work so short that waking a thread takes as long.</summary>
    /// <param name="source">What to work on. Enumerated by one worker at a time, never by the caller.</param>
    /// <param name="work">Called on the worker threads.</param>
    /// <param name="chunk">Items at a time.</param>
    /// <param name="workers">Number of threads.</param>
    /// <param name="capacity">Chunks that are drawn and not yet taken by the consumer, at most.</param>
    /// <param name="discard">Called with results that the consumer will not take, when it stops early.</param>
    /// <param name="cancellation">Stops the enumeration with <see cref="OperationCanceledException"/>.</param>
    /// <param name="weight">What an item takes until it is worked on; null for none.</param>
    /// <param name="chunkWeight">What items take together that ends a chunk sooner.</param>
    /// <remarks>An exception of the source or the work comes to the consumer, after the results before it.</remarks>
    public static IEnumerable<TOut> MapInChunks<TIn, TOut>(IEnumerable<TIn> source, Func<TIn, TOut> work, int chunk, int workers, int capacity,
        Action<TOut>? discard = null, CancellationToken cancellation = default, Func<TIn, long>? weight = null, long chunkWeight = long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        foreach (var done in Map(Chunks(source, chunk, weight, chunkWeight), items => WorkThrough(items, work), workers, capacity, each => each.Discard(0, discard), cancellation))
        {
            int taken = 0;
            try
            {
                while (taken < done.Results.Count)
                {
                    cancellation.ThrowIfCancellationRequested();
                    yield return done.Results[taken++];
                }
                done.Error?.Throw();
            }
            finally
            {
                done.Discard(taken, discard);
            }
        }
    }

    /// <summary>Runs of items; what was drawn before the source throws comes first.</summary>
    private static IEnumerable<List<TIn>> Chunks<TIn>(IEnumerable<TIn> source, int length, Func<TIn, long>? weight, long mostWeight)
    {
        using var items = source.GetEnumerator();
        while (true)
        {
            var chunk = new List<TIn>(length);
            ExceptionDispatchInfo? error = null;
            bool more = true;
            try
            {
                for (long total = 0; chunk.Count < length && total < mostWeight && (more = items.MoveNext()); total += weight?.Invoke(items.Current) ?? 0) chunk.Add(items.Current);
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
            if (chunk.Count > 0) yield return chunk;
            error?.Throw();
            if (!more) yield break;
        }
    }

    private static ChunkResult<TOut> WorkThrough<TIn, TOut>(List<TIn> items, Func<TIn, TOut> work)
    {
        var results = new List<TOut>(items.Count);
        try
        {
            foreach (var item in items) results.Add(work(item));
            return new(results, null);
        }
        catch (Exception e)
        {
            return new(results, ExceptionDispatchInfo.Capture(e));
        }
    }

    /// <summary>What became of a chunk: results up to the first item that failed.</summary>
    private readonly record struct ChunkResult<TOut>(List<TOut> Results, ExceptionDispatchInfo? Error)
    {
        public void Discard(int first, Action<TOut>? discard)
        {
            if (discard is null) return;
            for (int i = first; i < Results.Count; i++) discard(Results[i]);
        }
    }

    private readonly record struct Slot<TOut>(bool Filled, TOut? Value, ExceptionDispatchInfo? Error);

    private sealed class Run<TIn, TOut>(IEnumerable<TIn> source, Func<TIn, TOut> work, int capacity, Action<TOut>? discard) : IDisposable
    {
        private readonly object gate = new();     // guards everything below but the source
        private readonly Lock sourceGate = new(); // held while an item is drawn
        private readonly Slot<TOut>[] slots = new Slot<TOut>[capacity];
        private readonly List<Thread> threads = [];
        private IEnumerator<TIn>? items;
        private long drawn, taken;
        private bool ended, stopped;

        public void Start(int workers)
        {
            for (int i = 0; i < workers; i++)
            {
                var thread = new Thread(Work) { IsBackground = true, Name = "wcl data" };
                thread.Start(); // one that cannot be started, for want of memory, is nothing to wait for
                threads.Add(thread);
            }
        }

        public void Stop()
        {
            lock (gate)
            {
                stopped = true;
                Monitor.PulseAll(gate);
            }
        }

        public bool TryTake(out TOut? result)
        {
            Slot<TOut> slot;
            lock (gate)
            {
                int at = (int)(taken % capacity);
                while (!slots[at].Filled && !stopped && !(ended && taken == drawn)) Monitor.Wait(gate);
                slot = slots[at];
                result = slot.Value;
                if (!slot.Filled) return false;
                slots[at] = default;
                taken++;
                Monitor.PulseAll(gate);
            }
            slot.Error?.Throw();
            return true;
        }

        public void Dispose()
        {
            Stop();
            foreach (var thread in threads) thread.Join();
            items?.Dispose();
            if (discard is null) return;
            foreach (var slot in slots)
                if (slot.Filled && slot.Error is null) discard(slot.Value!);
        }

        private void Work()
        {
            while (TryDraw(out var item, out long ordinal))
            {
                Slot<TOut> slot;
                try
                {
                    slot = new(true, work(item), null);
                }
                catch (Exception e)
                {
                    slot = new(true, default, ExceptionDispatchInfo.Capture(e));
                }
                Fill(ordinal, slot);
            }
        }

        private bool TryDraw(out TIn item, out long ordinal)
        {
            item = default!;
            lock (sourceGate)
            {
                lock (gate)
                {
                    ordinal = drawn;
                    while (drawn - taken >= capacity && !stopped) Monitor.Wait(gate);
                    if (stopped || ended) return false;
                }
                try
                {
                    items ??= source.GetEnumerator();
                    if (items.MoveNext())
                    {
                        item = items.Current;
                        lock (gate) drawn++;
                        return true;
                    }
                    lock (gate)
                    {
                        ended = true;
                        Monitor.PulseAll(gate);
                    }
                }
                catch (Exception e)
                {
                    lock (gate)
                    {
                        ended = true;
                        drawn++;
                    }
                    Fill(ordinal, new(true, default, ExceptionDispatchInfo.Capture(e)));
                }
                return false;
            }
        }

        private void Fill(long ordinal, Slot<TOut> slot)
        {
            lock (gate)
            {
                slots[ordinal % capacity] = slot;
                Monitor.PulseAll(gate);
            }
        }
    }
}
