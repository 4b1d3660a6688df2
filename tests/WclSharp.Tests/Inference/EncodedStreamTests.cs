using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Inference;

/// <summary>Images that come as streams.</summary>
public sealed class EncodedStreamTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-streams-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Streams that can tell their length and such that cannot, from where they stand, longer than the first buffer.</summary>
    [Theory]
    [InlineData(true, 20), InlineData(false, 20), InlineData(true, 400), InlineData(false, 400)]
    public void Streams_GiveWhatTheirBytesGive(bool seekable, int side)
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata(32, "red", "green", "blue")));
        var random = new CounterRandom(1, RandomPurpose.Evaluation); // what cannot be compressed
        byte[] image = ImageFiles.Png(side, side, 8, 2, Enumerable.Range(0, side).Select(y => (byte[])[0, .. Enumerable.Range(0, 3 * side).Select(x => (byte)(256 * random.Uniforms(0, (uint)y, (uint)x, 0).A))]));
        Assert.Equal(side == 400, image.Length > 1 << 17); // that the buffer grows more than once
        using var stream = new OddStream([1, 2, 3, .. image], seekable, at: 3);
        Assert.Equal(encoder.Embed(image.AsSpan()), encoder.Embed(stream));
        Assert.False(stream.IsDisposed);
        using var other = new OddStream(image, seekable, at: 0);
        Assert.Equal(encoder.Classify(image.AsSpan()), encoder.Classify(other));
    }

    [Fact]
    public void Streams_ThatAreNoImage_AreRefused_AndTheirErrorsPassedOn()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        Assert.Contains("The image cannot be read as an image", Assert.Throws<UnreadableImageException>(() => encoder.Embed(new MemoryStream("none"u8.ToArray()))).Message, StringComparison.Ordinal);
        Assert.Throws<UnreadableImageException>(() => encoder.Embed(Stream.Null));
        Assert.Throws<EndOfStreamException>(() => encoder.Embed(new OddStream(null, false, at: 0)));
        Assert.Throws<ArgumentNullException>("encodedImage", () => encoder.Embed((Stream)null!));
        Assert.Throws<WclUsageException>(() => encoder.Classify(new OddStream(null, false, at: 0))); // it is no classifier, whatever the stream
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(new OddStream(null, false, at: 0)));
    }

    [Fact]
    public void Streams_LongerThanAnyImage_AreRefusedBeforeTheirEnd()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        using var endless = new Endless();
        Assert.Contains("more than 268,435,456 bytes", Assert.Throws<UnreadableImageException>(() => encoder.Embed(endless)).Message, StringComparison.Ordinal);
    }

    /// <summary>Gives some bytes at a time; without bytes it fails.</summary>
    private sealed class OddStream(byte[]? bytes, bool seekable, int at) : MemoryStream(bytes ?? [])
    {
        private int place = at;

        public bool IsDisposed { get; private set; }

        public override bool CanSeek => seekable;

        public override long Position { get => place; set => place = (int)value; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (bytes is null) throw new EndOfStreamException();
            int read = Math.Min(Math.Min(count, 30_000), bytes.Length - place);
            Array.Copy(bytes, place, buffer, offset, read);
            place += read;
            return read;
        }

        protected override void Dispose(bool disposing) => IsDisposed = true;
    }

    private sealed class Endless : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => count;
    }
}
