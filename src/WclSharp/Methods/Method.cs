using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// A way to learn from a batch: which heads and views it needs, its losses, and which images it treats as alike.
/// Network, data, augmentation and optimiser are the trainer's and the same for every method.
/// </summary>
internal abstract class Method : IDisposable
{
    /// <summary>Whether the network gets the weak head phi beside the instance head g.</summary>
    public virtual bool HasWeakHead => false;

    /// <summary>Whether there is a weak loss over connected components, on whichever head.</summary>
    public virtual bool HasWeakLoss => false;

    /// <summary>Views of each image that gradients flow through, 1 or 2.</summary>
    public virtual int Views => 2;

    /// <summary>The losses of a step. The caller's dispose scope owns their tensors.</summary>
    public abstract MethodLosses Losses(MethodInput input);

    /// <summary>Called after the optimiser's step, inside the step's dispose scope: the place to change what the backward pass has read.</summary>
    public virtual void AfterStep(MethodInput input)
    {
    }

    /// <summary>Groups of training images that share a batch where they can: each image's group, 0 .. N - 1; null where any may meet.</summary>
    public virtual int[]? Groups => null;

    /// <summary>The images that a local crop is cut from. May be asked on any thread and before the step, so it changes at an epoch's end alone.</summary>
    /// <param name="images">Positions in the data set, [N].</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="crop">m, from 0.</param>
    /// <returns>Positions in the data set, [N]; null where each crop is cut from the image itself.</returns>
    public virtual int[]? CropSources(int[] images, int epoch, int crop) => null;

    /// <summary>
    /// The relation that <see cref="CropSources"/> chooses from: the number of pairs (i, j), j one of the images that i's crops may be cut from, where i is not one of j's, and the number of all pairs.
    /// Zeros where crops are cut from the images themselves. Changes at an epoch's end alone.
    /// </summary>
    public virtual (long OneWay, long Related) CropRelation => default;

    /// <summary>Called after an epoch's last step, but not the run's: the place for what looks at all images at once.</summary>
    /// <param name="end">The epoch and what can be asked of it. A cancelled call is made again when the run goes on.</param>
    public virtual void AfterEpoch(EpochEnd end)
    {
    }

    /// <summary>What a checkpoint must hold beside network and optimiser; empty for most methods.</summary>
    public virtual IReadOnlyList<(string Name, Tensor Tensor)> NamedState() => [];

    /// <summary>Takes that state from a checkpoint.</summary>
    /// <exception cref="WclUsageException">A tensor is missing or has another shape.</exception>
    public virtual void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
    }

    public virtual void Dispose()
    {
    }
}
