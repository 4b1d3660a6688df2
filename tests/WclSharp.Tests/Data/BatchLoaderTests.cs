using WclSharp.Data;
using WclSharp.Randomness;

namespace WclSharp.Tests.Data;

public class BatchLoaderTests
{
    private static ImageDataset Thousand() => ImageDataset.Read(new DatasetOptions { Limit = 1000, Seed = 3 });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 3)]
    public void Epoch_AnyThreads_FollowsThePermutation(int workers, int prefetch)
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 96, seed: 11, workers, prefetch);
        var order = new CounterRandom(11, RandomPurpose.Shuffle).Permutation(1000, 2);
        var seen = new List<int>();
        foreach (var batch in loader.Epoch(2))
        {
            using (batch)
            {
                Assert.Equal((96, 1, true), (batch.Count, batch.Channels, batch.Uniform));
                for (int i = 0; i < batch.Count; i++)
                    Assert.True(data.PixelsOf(batch.Indices[i]).SequenceEqual(batch.PixelsOf(i)));
                seen.AddRange(batch.Indices);
            }
        }
        Assert.Equal(order[..960], seen);
    }

    [Fact]
    public void Assemble_Disposed_GivesNoPixelsOfAnotherBatch()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 3, seed: 0, workers: 1);
        var first = loader.Assemble([0, 1, 2]);
        first.Dispose();
        first.Dispose();
        using var second = loader.Assemble([100, 101, 102]);
        Assert.Throws<ObjectDisposedException>(() => first.PixelsOf(0).Length);
        using var augmenter = TorchSharp.torch.NewDisposeScope();
        Assert.Throws<ObjectDisposedException>(() => new WclSharp.Augmentation.Augmenter(16, WclSharp.Augmentation.Normalization.FashionMnist, 0, TorchSharp.torch.CPU).Evaluate(first));
        Assert.True(data.PixelsOf(100).SequenceEqual(second.PixelsOf(0)));
        Assert.Throws<ArgumentNullException>("data", () => BatchLoader.InOrder(null!, 1));
        Assert.Throws<ArgumentOutOfRangeException>("batch", () => BatchLoader.InOrder(data, 0)); // at once, and not when it is enumerated
    }

    [Fact]
    public void Epoch_FromAStep_GoesOnAsTheWholeEpoch()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 100, seed: 0, workers: 2);
        var whole = loader.Epoch(1).Select(batch => batch.Indices).ToList();
        var rest = loader.Epoch(1, firstStep: 7).Select(batch => batch.Indices).ToList();
        Assert.Equal(whole[7..], rest);
        Assert.Empty(loader.Epoch(1, firstStep: 10));
    }

    [Fact]
    public void Epoch_AGroupThatWouldFillABatch_ComesInHalves()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 100, seed: 0, workers: 2);
        int[] groups = [.. Enumerable.Range(0, 1000).Select(i => i % 10 == 3 ? 3 : i)]; // one of 100 images, a whole batch
        var runs = new List<int>();
        int run = 0;
        foreach (int image in loader.Epoch(2, 0, groups).SelectMany(batch => batch.Indices).Append(0))
        {
            if (image % 10 == 3) run++;
            else if (run > 0) (_, run) = (Note(run), 0);
        }
        Assert.Equal([50, 50], runs);

        int Note(int length)
        {
            runs.Add(length);
            return length;
        }
    }

    [Fact]
    public void InChunks_HasTheOrderOfWholeBatches_AndEndsWithOne()
    {
        using var data = Thousand();
        using var whole = new BatchLoader(data, 60, seed: 11, workers: 2);
        using var cut = BatchLoader.InChunks(data, 60, chunks: 4, seed: 11, workers: 2);
        var chunks = cut.Epoch(2).Select(batch => batch.Indices).ToList();
        Assert.Equal((64, 64), (cut.StepsPerEpoch, chunks.Count)); // two more would fit
        Assert.All(chunks, chunk => Assert.Equal(15, chunk.Length));
        Assert.Equal(whole.Epoch(2).SelectMany(batch => batch.Indices), chunks.SelectMany(chunk => chunk));
        Assert.Equal(chunks[8..], cut.Epoch(2, firstStep: 8).Select(batch => batch.Indices));
    }

    [Theory]
    [InlineData(64, 1, 1, 2)]
    [InlineData(64, 1, 5, 5)]        // one a thread
    [InlineData(64, 8, 3, 8)]        // those of a batch
    [InlineData(1000, 1, 1024, 684)] // 512 MiB of 28 x 28 pixels
    public void InChunks_AssemblesAheadForEveryThreadAndAWholeBatch_InBoundedMemory(int batch, int chunks, int workers, int ahead)
    {
        using var data = Thousand();
        using var loader = BatchLoader.InChunks(data, batch, chunks, seed: 0, workers);
        Assert.Equal(ahead, loader.Prefetch);
    }

    [Fact]
    public void Epoch_BatchesDisposed_ReusesAFewBuffers()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 10, seed: 0, workers: 4, prefetch: 3);
        var buffers = new HashSet<byte[]>(ReferenceEqualityComparer.Instance);
        for (int epoch = 0; epoch < 3; epoch++)
            foreach (var batch in loader.Epoch(epoch))
                using (batch) buffers.Add(Assert.Single(batch.Buffers));
        Assert.InRange(buffers.Count, 1, 4); // three ahead, one with the consumer
    }

    [Fact]
    public void Map_ConsumerIsSlow_DoesNotRunAhead()
    {
        int drawn = 0;
        var source = Enumerable.Range(0, 100).Select(i => { Interlocked.Increment(ref drawn); return i; });
        using var mapped = OrderedParallel.Map(source, i => i, workers: 4, capacity: 5).GetEnumerator();
        Assert.True(mapped.MoveNext());
        SpinWait.SpinUntil(() => Volatile.Read(ref drawn) == 6, TimeSpan.FromSeconds(5));
        Thread.Sleep(50);
        Assert.Equal(6, Volatile.Read(ref drawn)); // one taken, five waiting
    }

    [Fact]
    public void Epoch_StoppedEarly_EndsTheWorkersAndReturnsTheBuffers()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 10, seed: 0, workers: 4, prefetch: 4);
        var buffers = new HashSet<byte[]>(ReferenceEqualityComparer.Instance);
        for (int round = 0; round < 50; round++)
            foreach (var batch in loader.Epoch(round))
            {
                buffers.Add(Assert.Single(batch.Buffers));
                batch.Dispose();
                if (batch.Indices[0] % 3 != 0) break;
            }
        Assert.InRange(buffers.Count, 1, 5);
    }

    [Fact]
    public void Map_WorkThrows_ComesToTheConsumerAfterWhatWasBefore()
    {
        var seen = new List<int>();
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (int i in OrderedParallel.Map(Enumerable.Range(0, 100), i => i == 13 ? throw new InvalidOperationException("at 13") : i, 4, 8)) seen.Add(i);
        });
        Assert.Equal("at 13", error.Message);
        Assert.Equal(Enumerable.Range(0, 13), seen);
    }

    [Fact]
    public void Map_SourceThrows_ComesToTheConsumerAfterWhatWasBefore()
    {
        static IEnumerable<int> Source()
        {
            yield return 1;
            yield return 2;
            throw new InvalidOperationException("source");
        }
        var seen = new List<int>();
        Assert.Throws<InvalidOperationException>(() => { foreach (int i in OrderedParallel.Map(Source(), i => i, 3, 4)) seen.Add(i); });
        Assert.Equal([1, 2], seen);
    }

    [Fact]
    public void Map_Cancelled_Stops()
    {
        using var cancel = new CancellationTokenSource();
        int given = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (int i in OrderedParallel.Map(Enumerable.Range(0, int.MaxValue), i => i, 2, 4, cancellation: cancel.Token))
                if (++given == 10) cancel.Cancel();
        });
        Assert.Equal(10, given);
    }

    [Fact]
    public void Map_StoppedEarly_DiscardsWhatIsLeft()
    {
        int made = 0, discarded = 0;
        foreach (int i in OrderedParallel.Map(Enumerable.Range(0, 1000), i => { Interlocked.Increment(ref made); return i; }, 4, 16, _ => discarded++))
            if (i == 20) break;
        Assert.Equal(made - 21, discarded);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(12, 4)]
    [InlineData(13, 4)]
    [InlineData(3, 1)]
    public void MapInChunks_AnyLength_GivesAllInOrder(int length, int chunk) =>
        Assert.Equal(Enumerable.Range(0, length).Select(i => 2 * i), OrderedParallel.MapInChunks(Enumerable.Range(0, length), i => 2 * i, chunk, workers: 3, capacity: 2));

    [Fact]
    public void MapInChunks_HeavyItems_EndAChunkSooner()
    {
        int drawn = 0;
        var source = Enumerable.Range(0, 1000).Select(i => { Interlocked.Increment(ref drawn); return i; });
        using var mapped = OrderedParallel.MapInChunks(source, i => i, chunk: 10, workers: 1, capacity: 1, weight: i => i < 500 ? 3 : 100, chunkWeight: 5).GetEnumerator();
        for (int i = 0; i < 600; i++)
        {
            Assert.True(mapped.MoveNext());
            Assert.Equal(i, mapped.Current);
            Assert.InRange(Volatile.Read(ref drawn), i + 1, i + 6); // chunks of two, then of one: one taken, one waiting, one drawn
        }
    }

    [Fact]
    public void MapInChunks_WorkThrows_ComesToTheConsumerAfterWhatWasBefore()
    {
        var seen = new List<int>();
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (int i in OrderedParallel.MapInChunks(Enumerable.Range(0, 100), i => i == 13 ? throw new InvalidOperationException("at 13") : i, chunk: 5, 4, 8)) seen.Add(i);
        });
        Assert.Equal("at 13", error.Message);
        Assert.Equal(Enumerable.Range(0, 13), seen);
    }

    [Fact]
    public void MapInChunks_SourceThrows_ComesToTheConsumerAfterWhatWasBefore()
    {
        static IEnumerable<int> Source()
        {
            for (int i = 0; i < 7; i++) yield return i;
            throw new InvalidOperationException("source");
        }
        var seen = new List<int>();
        Assert.Throws<InvalidOperationException>(() => { foreach (int i in OrderedParallel.MapInChunks(Source(), i => i, chunk: 5, 3, 4)) seen.Add(i); });
        Assert.Equal(Enumerable.Range(0, 7), seen);
    }

    [Fact]
    public void MapInChunks_ConsumerIsSlow_DoesNotRunAhead()
    {
        int drawn = 0;
        var source = Enumerable.Range(0, 1000).Select(i => { Interlocked.Increment(ref drawn); return i; });
        using var mapped = OrderedParallel.MapInChunks(source, i => i, chunk: 10, workers: 4, capacity: 5).GetEnumerator();
        Assert.True(mapped.MoveNext());
        SpinWait.SpinUntil(() => Volatile.Read(ref drawn) == 60, TimeSpan.FromSeconds(5));
        Thread.Sleep(50);
        Assert.Equal(60, Volatile.Read(ref drawn)); // one chunk taken, five waiting
    }

    [Fact]
    public void MapInChunks_StoppedEarly_DiscardsWhatIsLeftOnceEach()
    {
        int made = 0;
        var discarded = new List<int>();
        foreach (int i in OrderedParallel.MapInChunks(Enumerable.Range(0, 1000), i => { Interlocked.Increment(ref made); return i; }, chunk: 8, 4, 4, discarded.Add))
            if (i == 20) break;
        Assert.Equal(made - 21, discarded.Distinct().Count());
        Assert.Equal(made - 21, discarded.Count);
        Assert.DoesNotContain(20, discarded);
    }

    [Fact]
    public void MapInChunks_Cancelled_StopsWithinAChunk()
    {
        using var cancel = new CancellationTokenSource();
        int given = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (int i in OrderedParallel.MapInChunks(Enumerable.Range(0, int.MaxValue), i => i, chunk: 100, 2, 4, cancellation: cancel.Token))
                if (++given == 10) cancel.Cancel();
        });
        Assert.Equal(10, given);
    }

    [Fact]
    public void Assemble_AnyIndices_HoldsThemInTheirOrderAndGivesTheBufferBack()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 10, seed: 0, workers: 1);
        int[] wanted = [999, 3, 3, 500];
        byte[] buffer;
        using (var batch = loader.Assemble(wanted))
        {
            Assert.Equal(wanted, batch.Indices);
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(data.PixelsOf(wanted[i]).SequenceEqual(batch.PixelsOf(i)));
            buffer = Assert.Single(batch.Buffers);
        }
        using (var next = loader.Assemble([1, 2])) Assert.Same(buffer, Assert.Single(next.Buffers));
        loader.Dispose();
        Assert.Throws<ObjectDisposedException>(() => loader.Assemble(wanted));
    }

    [Fact]
    public void InOrder_KeepsTheLastPartialBatch()
    {
        using var data = Thousand();
        var sizes = new List<int>();
        int next = 0;
        foreach (var batch in BatchLoader.InOrder(data, 300))
            using (batch)
            {
                sizes.Add(batch.Count);
                foreach (int index in batch.Indices) Assert.Equal(next++, index);
                Assert.True(data.PixelsOf(next - 1).SequenceEqual(batch.PixelsOf(batch.Count - 1)));
            }
        Assert.Equal([300, 300, 300, 100], sizes);
    }

    [Fact]
    public void Batch_HasNoImagesOutsideOfIt()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 10, 0, 1);
        using var batch = loader.Assemble([5, 6]);
        foreach (int outside in new[] { -1, 2 }) Assert.Throws<ArgumentOutOfRangeException>("image", () => { _ = batch.PixelsOf(outside); });
    }

    [Fact]
    public void Epoch_AnyNumberOfBatchesAhead_IsAsManyAsThereAre()
    {
        using var data = Thousand();
        using var loader = new BatchLoader(data, 300, 0, workers: 2, prefetch: int.MaxValue);
        int batches = 0;
        foreach (var batch in loader.Epoch(0))
            using (batch) batches++;
        Assert.Equal(3, batches);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1001)]
    public void Constructor_ImpossibleBatch_IsRefused(int batch)
    {
        using var data = Thousand();
        Assert.Throws<WclUsageException>(() => new BatchLoader(data, batch, 0, 1));
    }
}
