namespace WclSharp.Checkpoints.PyTorch;

/// <summary>A file of PyTorch's: a pickle that describes tensors, and the storages that their numbers lie in.</summary>
internal abstract class PyTorchContainer : IDisposable
{
    /// <summary>Bytes that a pickle may have: a large model's has some hundred thousand.</summary>
    protected const int LargestPickle = 64 << 20;

    /// <summary>What the pickle holds (<see cref="PickleReader.Read"/>).</summary>
    public abstract object? Description { get; }

    /// <summary>How many bytes a storage has.</summary>
    /// <exception cref="FormatException">There is no such storage.</exception>
    public abstract long LengthOf(string key);

    /// <summary>Fills a span with a storage's bytes, little-endian numbers.</summary>
    /// <exception cref="FormatException">There is no such storage.</exception>
    public abstract void Read(string key, Span<byte> bytes);

    /// <summary>Closes what was opened for it, not the stream.</summary>
    public virtual void Dispose() { }
}
