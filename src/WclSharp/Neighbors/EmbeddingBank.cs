using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// A memory bank (Wu et al. 2018): one embedding per training image, its latest, written as training goes at no extra pass.
/// </summary>
/// <remarks>
/// Legend: N training images, D width of an embedding, s the scale.
/// <para>
/// A row x of unit length is kept as the 16-bit integers round(s x). That is half of what float32 takes, and
/// makes every product of two rows exact: by Cauchy-Schwarz no partial sum of the products of two rows exceeds the product of their lengths, and s
/// is the largest whole number that keeps this below 2^24, up to which float32 holds every integer. So a sum of products
/// in float32 is the same in any order, in tiles of any size, on any device (with TensorFloat-32 switched off, as it is by
/// default), and equal images have equal similarities. The price is a resolution of 1 / s, 1 / 4088 at D = 128: a
/// cosine is off by about 1e-4, which is less than bfloat16 features are, and far less than an epoch moves them.
/// </para>
/// <para>There is no momentum: a row is its image's last embedding. Rows that were never written are known, and take no part.</para>
/// </remarks>
internal sealed class EmbeddingBank : IDisposable
{
    private const double LargestLength = 4095; // its square is the largest product, below 2^24
    private const int WrittenAtOnce = 1 << 16;     // rows that are float32 besides, where a bank of all is made
    private static readonly Scalar True = true; // made once: CONTRIBUTING, Numbers
    private readonly Tensor rows, filled;
    private readonly Scalar scale, inverseScale;

    /// <summary>Makes an empty bank.</summary>
    /// <param name="count">N.</param>
    /// <param name="dim">D, 1 to 65,536.</param>
    /// <param name="device">Where it lies: N (2 D + 1) bytes.</param>
    public EmbeddingBank(int count, int dim, Device device)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(dim, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dim, 1 << 16);
        Scale = (int)(LargestLength - 1 - Math.Sqrt(dim) / 2); // rounding lengthens a row by sqrt(D) / 2 at most; 1 is for float32's own error
        (scale, inverseScale) = (Scale, 1.0 / Scale);
        rows = zeros([count, dim], ScalarType.Int16, device).DetachFromDisposeScope();
        filled = zeros([count], ScalarType.Bool, device).DetachFromDisposeScope();
    }

    /// <summary>Makes a bank of features at hand.</summary>
    /// <param name="features">[N, D] floating point; brought to unit length here.</param>
    public static EmbeddingBank Of(Tensor features)
    {
        int count = (int)features.size(0);
        var bank = new EmbeddingBank(count, (int)features.size(1), features.device);
        for (int start = 0; start < count; start += WrittenAtOnce)
        {
            using var part = features.narrow(0, start, Math.Min(WrittenAtOnce, count - start));
            bank.Write([.. Enumerable.Range(start, (int)part.size(0))], part);
        }
        return bank;
    }

    /// <summary>N, training images.</summary>
    public int Count => (int)rows.size(0);

    /// <summary>D, width of an embedding.</summary>
    public int Dim => (int)rows.size(1);

    /// <summary>s: a coordinate of 1 is kept as this.</summary>
    public int Scale { get; }

    /// <summary>Where the bank lies.</summary>
    public Device Device => rows.device;

    /// <summary>Bytes that the bank takes.</summary>
    public long Bytes => Count * (2L * Dim + 1);

    /// <summary>Keeps the embeddings of a batch in place of the images' older ones. No gradient; nothing is read back.</summary>
    /// <param name="images">Positions in the data set, n different ones.</param>
    /// <param name="embeddings">[n, D] floating point on the bank's device; brought to unit length here.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public void Write(ReadOnlySpan<int> images, Tensor embeddings)
    {
        if (embeddings.dim() != 2 || embeddings.size(0) != images.Length || embeddings.size(1) != Dim)
            throw new ArgumentException($"{images.Length} images came with embeddings {ShapeText.Of(embeddings)}; the bank takes [{images.Length}, {Dim}].", nameof(embeddings));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var places = Upload.To(Device, Array.ConvertAll(images.ToArray(), i => (long)i));
        var unit = nn.functional.normalize(embeddings.detach().to(ScalarType.Float32)); // [n, D]
        rows.index_copy_(0, places, unit.mul_(scale).round_().to(ScalarType.Int16));
        filled.index_fill_(0, places, True);
    }

    /// <summary>The embeddings of some images.</summary>
    /// <param name="images">[n] int64 on the bank's device.</param>
    /// <returns>[n, D] float32, unit length but for rounding, zeros where nothing was written. The caller owns it.</returns>
    public Tensor Read(Tensor images)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return Integers(images).mul_(inverseScale).MoveToOuterDisposeScope();
    }

    /// <summary>The same as whole numbers: s times the embeddings.</summary>
    /// <returns>[n, D] float32. The caller owns it.</returns>
    public Tensor Integers(Tensor images)
    {
        using var kept = rows.index_select(0, images);
        return kept.to(ScalarType.Float32);
    }

    /// <summary>Positions of the images that have an embedding, ascending, [F] int64 on the device. The caller owns it.</summary>
    /// <remarks>Waits for the device.</remarks>
    public Tensor FilledRows()
    {
        using var found = filled.nonzero(); // [F, 1]
        return found.reshape(-1);
    }

    /// <summary>State by name for a checkpoint; the bank keeps the tensors.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedState() => [("bank.rows", rows), ("bank.filled", filled)];

    /// <summary>Takes state from a checkpoint.</summary>
    /// <exception cref="WclUsageException">A tensor is missing or has another shape.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        using var noGradient = no_grad();
        foreach (var (name, own) in NamedState()) own.copy_(SavedTensors.Require(saved, name, own, "images and options"));
    }

    public void Dispose()
    {
        rows.Dispose();
        filled.Dispose();
        scale.Dispose();
        inverseScale.Dispose();
    }
}
