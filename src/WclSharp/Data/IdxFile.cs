using System.Buffers.Binary;
using System.IO.Compression;

namespace WclSharp.Data;

/// <summary>
/// Reader of the IDX format of the MNIST family: two zero bytes, an element type (8: unsigned byte), the number of
/// dimensions, each dimension as a big-endian 32-bit integer, then the elements. Plain or gzipped.
/// </summary>
internal sealed class IdxFile : IDisposable
{
    private const int UnsignedByte = 8;

    // Deflate packs a byte into no less than 1/1032 of one, so a header that claims more than this is wrong.
    private const double MaxPacking = 1100;
    private readonly Stream stream;
    private readonly string name;

    private IdxFile(Stream stream, string name, int[] shape) => (this.stream, this.name, Shape) = (stream, name, shape);

    /// <summary>Sizes of the dimensions; the first is the number of elements.</summary>
    public int[] Shape { get; }

    /// <summary>Opens a stream at its beginning and reads the header. The stream is closed with the reader.</summary>
    /// <param name="stream">The file, gzipped or not; seekable.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="WclUsageException">It is not an IDX file of unsigned bytes.</exception>
    public static IdxFile Open(Stream stream, string name)
    {
        var first = new byte[2];
        int got = stream.ReadAtLeast(first, 2, throwOnEndOfStream: false);
        stream.Position = 0;
        bool gzipped = got == 2 && first[0] == 0x1F && first[1] == 0x8B;
        double most = gzipped ? stream.Length * MaxPacking : stream.Length;
        var content = gzipped ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        try
        {
            Span<byte> magic = stackalloc byte[4];
            Fill(content, magic, name, "its header");
            if (magic[0] != 0 || magic[1] != 0 || magic[2] != UnsignedByte || magic[3] is < 1 or > 4)
                throw new WclUsageException($"'{name}' does not begin like an IDX file of bytes (00 00 08 and the number of dimensions) but with " +
                    $"{magic[0]:x2} {magic[1]:x2} {magic[2]:x2} {magic[3]:x2}.");
            var shape = new int[magic[3]];
            Span<byte> size = stackalloc byte[4];
            foreach (ref int dimension in shape.AsSpan())
            {
                Fill(content, size, name, "its header");
                dimension = BinaryPrimitives.ReadInt32BigEndian(size);
                if (dimension < 0) throw new WclUsageException(FormattableString.Invariant($"'{name}' claims {(uint)dimension:N0} elements in a dimension, which no IDX file has."));
            }
            // Before anybody allocates by it.
            double claimed = 1;
            foreach (int dimension in shape) claimed *= dimension;
            if (claimed > most) throw new WclUsageException(FormattableString.Invariant($"'{name}' ends before the {shape[0]:N0} elements that its header claims; copy or download it again."));
            return new(content, name, shape);
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>True where the bytes begin like an IDX file of unsigned bytes.</summary>
    public static bool Recognises(ReadOnlySpan<byte> start) => start.Length >= 4 && start[0] == 0 && start[1] == 0 && start[2] == UnsignedByte && start[3] is >= 1 and <= 4;

    /// <summary>Reads the next bytes of data.</summary>
    /// <exception cref="WclUsageException">The file ends before them, or is damaged.</exception>
    public void Read(Span<byte> target) => Fill(stream, target, name, FormattableString.Invariant($"the {Shape[0]:N0} elements that its header claims"));

    /// <summary>Passes over data.</summary>
    public void Skip(int bytes)
    {
        Span<byte> scratch = stackalloc byte[1024];
        for (; bytes > 0; bytes -= scratch.Length) Read(scratch[..Math.Min(bytes, scratch.Length)]);
    }

    /// <summary>Makes sure that the file ends here; in a gzipped file this checks its checksum too.</summary>
    public void ReadEnd()
    {
        Span<byte> one = stackalloc byte[1];
        try
        {
            if (stream.Read(one) == 0) return;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(name, e);
        }
        throw new WclUsageException(FormattableString.Invariant($"'{name}' goes on after the {Shape[0]:N0} elements that its header claims; copy or download it again."));
    }

    /// <summary>Closes the stream.</summary>
    public void Dispose() => stream.Dispose();

    private static void Fill(Stream stream, Span<byte> target, string name, string what)
    {
        try
        {
            if (stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false) == target.Length) return;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(name, e);
        }
        throw new WclUsageException($"'{name}' ends before {what}; copy or download it again.");
    }

    private static WclUsageException Damaged(string name, Exception cause) =>
        new($"'{name}' is damaged ({ErrorText.Of(cause)}); copy or download it again.", cause);
}
