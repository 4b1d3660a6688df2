using System.Collections.Concurrent;
using WclSharp.Randomness;

namespace WclSharp.Data;

/// <summary>
/// Shuffled batches of a data set, assembled ahead of the consumer by worker threads in bounded memory.
/// </summary>
/// <remarks>
/// The order of an epoch is a function of seed, epoch, number of images, and, with groups, these and the batch only, so that a run that is resumed at any step
/// sees the batches that it would have seen. The last, partial batch of an epoch is left out. Batches that come in chunks have the order of whole ones.
/// </remarks>
public sealed class BatchLoader : IDisposable
{
    private const long BytesAhead = 512L << 20; // that more than two batches may take, assembled ahead
    private readonly ImageDataset data;
    private readonly int batch, chunks, workers, prefetch;
    private readonly long seed;
    private readonly ConcurrentBag<byte[]> buffers = [];
    private volatile bool disposed;

    /// <summary>Makes a loader; it does not own the data.</summary>
    /// <param name="data">Images.</param>
    /// <param name="batch">Images per batch, 1 to as many as there are.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <param name="workers">Threads, at least 1; more than <paramref name="prefetch"/> have nothing to do.</param>
    /// <param name="prefetch">Batches that are assembled ahead, at least 1.</param>
    /// <exception cref="WclUsageException">There are fewer images than a batch has, or a batch has none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no thread, or no batch ahead.</exception>
    public BatchLoader(ImageDataset data, int batch, long seed, int workers, int prefetch = 2)
        : this(data, batch, 1, seed, workers, prefetch)
    {
    }

    private BatchLoader(ImageDataset data, int batch, int chunks, long seed, int workers, int prefetch)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(prefetch, 1);
        if (data.Count == 0) throw new WclUsageException($"{data.Source} holds no images to draw a batch from.");
        if (batch < 1 || batch > data.Count)
            throw new WclUsageException(FormattableString.Invariant($"A batch of {batch:N0} images cannot be drawn from {data.Count:N0}; use --batch 2 to {data.Count:N0}, or more images."));
        (this.data, this.batch, this.chunks, this.seed, this.workers, this.prefetch) = (data, batch, chunks, seed, workers, prefetch);
    }

    /// <summary>Makes a loader for training, of batches in chunks: each chunk is a batch to whoever takes it, and an epoch ends with a whole batch.</summary>
    /// <param name="data">Images.</param>
    /// <param name="batch">Images of a batch, at most as many as there are.</param>
    /// <param name="chunks">Chunks of a batch, which they divide.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <param name="workers">Threads, at least 1.</param>
    /// <remarks>
    /// As many chunks are assembled ahead as the next batch has, or as there are threads where these are more, for none works on what is not ahead. Of large
    /// images that could be gigabytes: beyond two chunks they take 512 MiB at most, by the mean size of the images, and threads beyond their number are left out.
    /// </remarks>
    internal static BatchLoader InChunks(ImageDataset data, int batch, int chunks, long seed, int workers) =>
        new(data, batch / chunks, chunks, seed, workers, Ahead(data, batch / chunks, Math.Max(chunks, workers)));

    private static int Ahead(ImageDataset data, int batch, int wanted)
    {
        if (wanted <= 2) return 2;
        long bytes = 0; // of all images
        for (int i = 0; i < data.Count; i++)
        {
            var (height, width) = data.SizeOf(i);
            bytes += (long)data.Channels * height * width;
        }
        return (int)Math.Clamp((double)BytesAhead * data.Count / Math.Max(1, bytes) / Math.Max(1, batch), 2, wanted);
    }

    /// <summary>Batches that are assembled ahead.</summary>
    internal int Prefetch => prefetch;

    /// <summary>Batches in an epoch: images by those of a batch, rounded down.</summary>
    public int StepsPerEpoch => data.Count / (batch * chunks) * chunks;

    /// <summary>The batches of an epoch from a step on. Dispose each one when it is used up.</summary>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="firstStep">Step within the epoch, from 0; from <see cref="StepsPerEpoch"/> on nothing is left.</param>
    /// <returns>Batches of different images each, in the epoch's order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative.</exception>
    /// <exception cref="ObjectDisposedException">The loader, or the data, was disposed of.</exception>
    public IEnumerable<ImageBatch> Epoch(int epoch, int firstStep = 0) => Epoch(epoch, firstStep, null);

    /// <inheritdoc cref="Epoch(int, int)"/>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="firstStep">Step within the epoch, from 0.</param>
    /// <param name="groups">Group of each image where members come together (<see cref="GroupedOrder"/>); null for a plain shuffle.</param>
    internal IEnumerable<ImageBatch> Epoch(int epoch, int firstStep, int[]? groups)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(firstStep);
        var order = new CounterRandom(seed, RandomPurpose.Shuffle).Permutation(data.Count, epoch);
        // Half a whole batch at most, so that there are always others to tell the images of a group from.
        if (groups is not null) order = GroupedOrder.Arrange(order, groups, Math.Max(1, batch * chunks / 2));
        int steps = Math.Max(0, StepsPerEpoch - firstStep);
        return OrderedParallel.Map(
            Enumerable.Range(firstStep, steps),
            step => ImageBatch.Assemble(data, order.AsSpan(step * batch, batch).ToArray(), Rent, GiveBack),
            Math.Clamp(steps, 1, Math.Min(workers, prefetch)), Math.Clamp(steps, 1, prefetch), unused => unused.Dispose());
    }

    /// <summary>Any images, in the given order and as often as they are named, in one of the loader's buffers.</summary>
    /// <param name="indices">Positions in the data set; kept by the batch.</param>
    /// <returns>The batch; dispose it when it is used up.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no image at one of them.</exception>
    /// <exception cref="ObjectDisposedException">The loader, or the data, was disposed of.</exception>
    public ImageBatch Assemble(int[] indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ObjectDisposedException.ThrowIf(disposed, this);
        return ImageBatch.Assemble(data, indices, Rent, GiveBack);
    }

    /// <summary>All images in their order, the last batch being what remains.</summary>
    /// <param name="data">Images.</param>
    /// <param name="batch">Images per batch, at least 1.</param>
    /// <returns>Batches; each is valid until it is disposed, which gives its memory to the next.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A batch has no images.</exception>
    public static IEnumerable<ImageBatch> InOrder(ImageDataset data, int batch)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return InOrder(data, batch, 0);
    }

    /// <summary>The same from an image on.</summary>
    /// <param name="data">Images.</param>
    /// <param name="batch">Images per batch, at least 1.</param>
    /// <param name="first">The first image.</param>
    internal static IEnumerable<ImageBatch> InOrder(ImageDataset data, int batch, int first)
    {
        byte[]? kept = null;
        for (int start = first; start < data.Count; start += batch)
        {
            var indices = new int[Math.Min(batch, data.Count - start)];
            for (int i = 0; i < indices.Length; i++) indices[i] = start + i;
            yield return ImageBatch.Assemble(data, indices,
                bytes => Interlocked.Exchange(ref kept, null) is { } buffer && buffer.Length >= bytes ? buffer : new byte[bytes],
                buffer => kept = buffer);
        }
    }

    /// <summary>Lets the buffers go. An epoch that is under way is ended by disposing its enumerator.</summary>
    public void Dispose()
    {
        disposed = true;
        buffers.Clear();
    }

    private byte[] Rent(int bytes)
    {
        while (buffers.TryTake(out var buffer))
            if (buffer.Length >= bytes) return buffer; // a shorter one is dropped: sizes settle at the largest
        return GC.AllocateUninitializedArray<byte>(bytes);
    }

    private void GiveBack(byte[] buffer)
    {
        if (!disposed) buffers.Add(buffer);
    }
}
