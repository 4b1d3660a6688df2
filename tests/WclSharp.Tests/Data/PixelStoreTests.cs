using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class PixelStoreTests
{
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
