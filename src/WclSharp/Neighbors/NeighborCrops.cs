using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// What KNN multi-crop keeps over a run (WCL paper, section 3.3): the bank, the neighbours that were found in it at the last epoch's
/// end, and the choice of the images that local crops are cut from.
/// </summary>
/// <remarks>
/// The neighbours are state of their own: the bank moves on within an epoch, so a resumed run could not find them again.
/// </remarks>
internal sealed class NeighborCrops : IDisposable
{
    private const string Neighbors = "bank.neighbors";
    private readonly long seed;
    private readonly int k;
    private Tensor? neighbors; // [N, K] int32 on the CPU
    private CropSources sources;

    /// <summary>Starts without embeddings or neighbours.</summary>
    /// <param name="count">N, training images.</param>
    /// <param name="dim">D, width of an embedding.</param>
    /// <param name="k">K, neighbours of an image, 1 or more.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="device">Where the bank lies.</param>
    public NeighborCrops(int count, int dim, int k, long seed, Device device)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        (this.k, this.seed) = (k, seed);
        Bank = new EmbeddingBank(count, dim, device);
        sources = new CropSources(seed, [], k);
    }

    /// <summary>The embeddings; write each batch's v1 into it.</summary>
    public EmbeddingBank Bank { get; }

    /// <summary>False until neighbours were found for the first time: crops come from the image itself.</summary>
    public bool HasNeighbors => neighbors is not null;

    /// <summary>The images that one crop of each image of a batch is cut from.</summary>
    /// <param name="images">n positions in the data set.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="crop">m, from 0.</param>
    /// <returns>n positions in the data set; the image itself where it has no neighbours.</returns>
    public int[] Sources(ReadOnlySpan<int> images, int epoch, int crop) => sources.Of(images, epoch, crop);

    /// <summary>Finds every image's neighbours in the bank as it stands: at an epoch's end.</summary>
    /// <param name="progress">Told the tiles that are done and all of them.</param>
    /// <param name="cancellation">Stops the search; the neighbours stay as they were.</param>
    public void FindNeighbors(Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var scope = NewDisposeScope();
        Take(NearestRows.Search(Bank, k, progress, cancellation));
    }

    /// <summary>State by name for a checkpoint; its owner stays this.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedState() =>
        neighbors is null ? Bank.NamedState() : Bank.NamedState().Append((Neighbors, neighbors));

    /// <summary>Takes state from a checkpoint.</summary>
    /// <exception cref="WclUsageException">A tensor is missing or has another shape.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        Bank.Load(saved);
        if (!saved.TryGetValue(Neighbors, out var found)) return; // saved in the first epoch
        if (found.dtype != ScalarType.Int32 || !found.shape.AsSpan().SequenceEqual([Bank.Count, k]))
            throw new WclUsageException($"The checkpoint's '{Neighbors}' is [{string.Join(", ", found.shape)}] {found.dtype}, where this run needs [{Bank.Count}, {k}] Int32; resume with the images and --bank-k that it was started with.");
        Take(found);
    }

    public void Dispose()
    {
        neighbors?.Dispose();
        Bank.Dispose();
    }

    private void Take(Tensor found)
    {
        using var scope = NewDisposeScope();
        neighbors?.Dispose();
        neighbors = found.cpu().contiguous().clone().DetachFromDisposeScope();
        sources = new CropSources(seed, MemoryMarshal.Cast<byte, int>(neighbors.bytes).ToArray(), k);
    }
}
