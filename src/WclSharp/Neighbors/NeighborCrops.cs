using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// What KNN multi-crop keeps over a run (WCL paper, section 3.3): the bank, the neighbours that were found at the last epoch's
/// end, in it or by features that were computed for it, and the choice of the images that local crops are cut from.
/// </summary>
/// <remarks>
/// The neighbours are state of their own: the bank moves on within an epoch, so a resumed run could not find them again.
/// </remarks>
internal sealed class NeighborCrops : IDisposable
{
    private const string Neighbors = "bank.neighbors";
    private readonly int count, k, own;
    private readonly long seed;
    private Tensor? neighbors; // [N, K] int32 on the CPU
    private CropSources sources;

    /// <summary>Starts without embeddings or neighbours.</summary>
    /// <param name="count">N, training images.</param>
    /// <param name="k">K, neighbours of an image, 1 or more.</param>
    /// <param name="own">The first so many crops of an image are cut from itself.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="bank">Bank of N images, disposed with this; null where neighbours are found by other features.</param>
    public NeighborCrops(int count, int k, int own, long seed, EmbeddingBank? bank)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        (this.count, this.k, this.own, this.seed, Bank) = (count, k, own, seed, bank);
        sources = new CropSources(seed, [], k);
    }

    /// <summary>The embeddings; write each batch's v1 into it. Null where neighbours are found by other features.</summary>
    public EmbeddingBank? Bank { get; }

    /// <summary>False until neighbours were found for the first time: crops come from the image itself.</summary>
    public bool HasNeighbors => neighbors is not null;

    /// <summary>The pairs of an image and one of its neighbours that are not returned, and all; zeros until neighbours were found.</summary>
    public (long OneWay, long Related) Relation { get; private set; }

    /// <summary>The images that one crop of each image of a batch is cut from.</summary>
    /// <param name="images">n positions in the data set.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="crop">m, from 0.</param>
    /// <returns>n positions in the data set, the image itself where it has no neighbours; null where all are the images themselves.</returns>
    public int[]? Sources(ReadOnlySpan<int> images, int epoch, int crop) => crop < own || !HasNeighbors ? null : sources.Of(images, epoch, crop);

    /// <summary>Finds every image's neighbours: at an epoch's end.</summary>
    /// <param name="features">Makes features of all images, [N, F] floating point, where there is no bank.</param>
    /// <param name="progress">Told the tiles that are done and all of them.</param>
    /// <param name="cancellation">Stops the search; the neighbours stay as they were.</param>
    public void FindNeighbors(Func<Tensor> features, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var scope = NewDisposeScope();
        using var rows = Bank is null ? features() : null; // [N, F]
        using var made = rows is null ? null : EmbeddingBank.Of(rows);
        Take(NearestRows.Search(Bank ?? made!, k, progress, cancellation));
    }

    /// <summary>State by name for a checkpoint; its owner stays this.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedState() =>
        [.. Bank?.NamedState() ?? [], .. neighbors is null ? [] : new[] { (Neighbors, neighbors) }];

    /// <summary>Takes state from a checkpoint.</summary>
    /// <exception cref="WclUsageException">A tensor is missing or has another shape.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        Bank?.Load(saved);
        if (!saved.ContainsKey(Neighbors)) return; // saved in the first epoch
        Take(SavedTensors.Require(saved, Neighbors, ScalarType.Int32, [count, k], "images and --bank-k"));
    }

    public void Dispose()
    {
        neighbors?.Dispose();
        Bank?.Dispose();
    }

    private unsafe void Take(Tensor found)
    {
        using var scope = NewDisposeScope();
        neighbors?.Dispose();
        neighbors = found.cpu().contiguous().clone().DetachFromDisposeScope();
        // No span of bytes, which 2 GiB of them would not fit.
        var places = new ReadOnlySpan<int>(TensorMemory.Bytes(neighbors), checked((int)neighbors.numel()));
        sources = new CropSources(seed, places.ToArray(), k);
        GC.KeepAlive(neighbors);
        Relation = sources.Relation();
    }
}
