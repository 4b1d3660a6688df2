using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class PixelStoreTests
{
    /// <summary>Four images that take three blocks of 64 MiB: in a file from the first on, from the last on, and in memory.</summary>
    [Theory]
    [InlineData(0L), InlineData(120L << 20), InlineData(long.MaxValue)]
    public void Copy_OfImagesInSeveralBlocks_GivesEachItsOwn(long budget)
    {
        int[] sizes = [33 << 20, 33 << 20, 16 << 20, 33 << 20];
        byte[] pixels = new byte[33 << 20];
        using var store = new PixelStore(budget, folder: null);
        var places = new List<long>();
        foreach (var (i, size) in sizes.Index())
        {
            pixels.AsSpan(0, size).Fill((byte)(i + 1));
            places.Add(store.Append(pixels.AsSpan(0, size)));
        }
        store.Complete();
        Assert.Equal(budget < long.MaxValue, store.InFile);
        Assert.Equal([0, 64 << 20, 97 << 20, 128 << 20], places);
        foreach (var (i, size) in sizes.Index())
        {
            store.Copy(places[i], pixels.AsSpan(0, size));
            Assert.Equal((i + 1, i + 1), (pixels[0], pixels[size - 1]));
        }
    }

    // Pixels of a file that is unmapped while they are read would end the process.
    [Fact]
    public async Task Copy_WhileTheLastOwnerLetsGo_CopiesOrRefuses()
    {
        byte[] pixels = new byte[1 << 22];
        Array.Fill(pixels, (byte)7);
        for (int round = 0; round < 20; round++)
        {
            var store = new PixelStore(budgetBytes: 0, folder: null);
            long at = store.Append(pixels);
            store.Complete();
            using var copied = new CountdownEvent(2);
            Task[] readers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                byte[] read = new byte[pixels.Length];
                bool first = true;
                try
                {
                    while (true)
                    {
                        store.Copy(at, read);
                        Assert.Equal((7, 7), (read[0], read[^1]));
                        if (first) copied.Signal();
                        first = false;
                    }
                }
                catch (ObjectDisposedException) when (!first)
                {
                }
            }))];
            copied.Wait(TestContext.Current.CancellationToken);
            store.Dispose();
            await Task.WhenAll(readers);
            Assert.Throws<ObjectDisposedException>(() => store.Copy(at, pixels));
            Assert.Throws<ObjectDisposedException>(store.Share);
        }
    }
}
