using System.Buffers.Binary;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>
/// What <c>torch.save</c> wrote before version 1.6, and still does where it is asked to: pickles of a magic number, a version, the writing machine, the object and the storages' names, then
/// each storage's numbers behind their count. Many published weights are such: torchvision's older ones, MoCo's.
/// </summary>
internal sealed class LegacyContainer : PyTorchContainer
{
    private const long Version = 1001;

    private readonly Stream stream;
    private readonly Dictionary<string, (long Offset, long Length)> storages = [];

    /// <summary>Whether a file begins as such: a magic number of ten bytes, from protocol 4 on in a frame.</summary>
    /// <param name="start">Its first <see cref="WeightsFile.StartBytes"/> bytes, where it has as many.</param>
    public static bool Recognises(ReadOnlySpan<byte> start) =>
        start is [0x80, >= 2 and <= 5, 0x8A, 0x0A, ..] or [0x80, 4 or 5, 0x95, _, _, _, _, _, _, _, _, 0x8A, 0x0A, ..];

    /// <param name="stream">The file, which stays the caller's.</param>
    /// <exception cref="FormatException">It is damaged, or something else.</exception>
    public LegacyContainer(Stream stream)
    {
        this.stream = stream;
        var start = new byte[Math.Min(stream.Length, LargestPickle)];
        stream.Position = 0;
        stream.ReadExactly(start);
        int position = 0;
        Next(start, ref position, out _); // the magic number, by which it was recognised
        if (Next(start, ref position, out _) is not Version) throw new FormatException("it is in a version of PyTorch's old format that is not known");
        if (Next(start, ref position, out _) is Dictionary<string, object?> machine && machine.GetValueOrDefault("little_endian") is false) throw new FormatException("its numbers are big-endian");
        Description = Next(start, ref position, out var identifiers);
        if (Next(start, ref position, out _) is not List<object?> keys) throw new FormatException("it does not name its storages");
        Place(keys, SizesOf(identifiers), position);
    }

    /// <inheritdoc/>
    public override object? Description { get; }

    /// <inheritdoc/>
    public override long LengthOf(string key) => PlaceOf(key).Length;

    /// <inheritdoc/>
    public override void Read(string key, Span<byte> bytes)
    {
        stream.Position = PlaceOf(key).Offset;
        stream.ReadExactly(bytes);
    }

    private (long Offset, long Length) PlaceOf(string key) => storages.TryGetValue(key, out var place) ? place : throw new FormatException($"the numbers of storage {key} are missing");

    private static object? Next(ReadOnlySpan<byte> start, ref int position, out IReadOnlyList<PicklePersistentId> identifiers)
    {
        var reader = new PickleReader(start[position..]);
        object? value = reader.Read();
        position += reader.Position;
        identifiers = reader.Identifiers;
        return value;
    }

    /// <summary>Bytes of a number of each storage: the file tells them where the storage is used alone.</summary>
    private static Dictionary<string, int> SizesOf(IReadOnlyList<PicklePersistentId> identifiers)
    {
        var sizes = new Dictionary<string, int>();
        foreach (var identifier in identifiers)
        {
            if (identifier.Id is not (object?[] and ["storage", PickleGlobal kind, string key, _, long, .. var view])) throw new FormatException("a storage is described wrongly");
            if (view is [not null, ..]) throw new FormatException($"its storage {key} is a part of another, as PyTorch wrote before 0.4; write it anew there with torch.save(torch.load(OLD), NEW)");
            int size = PyTorchNames.Storages.FirstOrDefault(storage => storage.Class == kind).Size;
            if (size == 0) size = PyTorchNames.OtherStorages.FirstOrDefault(storage => storage.Class == kind).Size;
            if (size == 0) throw new FormatException($"it has a {kind.Module}.{kind.Name}, whose size is not known");
            if (!sizes.TryAdd(key, size) && sizes[key] != size) throw new FormatException($"storage {key} has two types");
        }

        return sizes;
    }

    private void Place(List<object?> keys, Dictionary<string, int> sizes, long position)
    {
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (object? each in keys)
        {
            if (each is not string key || !sizes.TryGetValue(key, out int size)) throw new FormatException("it names a storage that no tensor uses");
            stream.Position = position;
            stream.ReadExactly(count);
            position += count.Length;
            long length = checked(BinaryPrimitives.ReadInt64LittleEndian(count) * size);
            if (length < 0 || length > stream.Length - position) throw new FormatException("it is cut short");
            if (!storages.TryAdd(key, (position, length))) throw new FormatException($"storage {key} is named twice");
            position += length;
        }
    }
}
