using TorchSharp;
using WclSharp.Data;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// The projections of one step's batch by gradient caching (Gao et al. 2021, arXiv 2101.06983), for batches whose activations do not fit into
/// memory. The batch is embedded chunk by chunk without a graph; loss and gradient with respect to the projections are taken over all
/// of it; then each chunk is embedded again, with a graph, and its share of that gradient goes back through it. As
/// <code>dL/dw = sum over chunks c of dL/dz_c dz_c/dw,</code>
/// this is the gradient of the whole batch, for one more forward pass.
/// </summary>
/// <remarks>
/// Legend: C chunks of n images, N = C n, D projection size, M rows of an image: 1, or its local crops.
/// <para>
/// Both passes see the same views, since random numbers hang on the image, and the same statistics in batch norm: those of the chunk and view, where a
/// batch that is embedded at once is normalised with its own. The running statistics are updated in the second pass alone,
/// chunk by chunk, so that they take in global and local views in turn as they do without chunks.
/// </para>
/// <para>A view goes back as soon as it is embedded, so the activations of one view of one chunk are all that is held.</para>
/// </remarks>
/// <param name="model">Encoder and heads.</param>
/// <param name="chunks">The batch, in chunks of the same number of images.</param>
/// <param name="device">Where to compute.</param>
internal sealed class GradientCache(WclModel model, IReadOnlyList<ImageBatch> chunks, Device device)
{
    private readonly List<(Func<ImageBatch, ImageTensor, Tensor> View, Tensor Z, Tensor? V)> cached = [];

    /// <summary>Projections of a view of the whole batch, leaves of their graph where gradient is on.</summary>
    /// <param name="view">
    /// Makes the view of a chunk: of the chunk and its pixels to [M n, 3, S, S] float32, row m n + i being view m of image i. Called in
    /// both passes and to give the same in both.
    /// </param>
    /// <returns>z [M N, D] and v [M N, D], rows of unit length; v is null without a weak head. The caller owns them.</returns>
    public (Tensor Z, Tensor? V) Project(Func<ImageBatch, ImageTensor, Tensor> view)
    {
        bool learned = is_grad_enabled();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        // A view without gradient passes only once.
        model.UpdatesRunningStatistics = !learned;
        var parts = chunks.Select(chunk => Project(chunk, view)).ToArray();
        model.UpdatesRunningStatistics = true;

        var z = Join([.. parts.Select(part => part.Z)]);
        var v = parts[0].V is null ? null : Join([.. parts.Select(part => part.V!)]);
        if (!learned) return (z.MoveToOuterDisposeScope(), v?.MoveToOuterDisposeScope());
        z = z.requires_grad_().MoveToOuterDisposeScope();
        v = v?.requires_grad_().MoveToOuterDisposeScope();
        cached.Add((view, z, v));
        return (z, v);
    }

    /// <summary>Adds the parameters' gradients, once the loss's backward pass has left its gradient at the projections.</summary>
    public void Backward()
    {
        for (int chunk = 0; chunk < chunks.Count; chunk++)
        {
            foreach (var (view, z, v) in cached)
            {
                using var scope = NewDisposeScope();
                var (again, weakAgain) = Project(chunks[chunk], view);
                List<Tensor> projections = [], gradients = [];
                Add(again, z);
                Add(weakAgain, v);
                if (projections.Count > 0) BackwardErrors.Run(() => autograd.backward(projections, gradients));

                void Add(Tensor? projection, Tensor? leaf)
                {
                    if (leaf?.grad is not { } gradient) return; // the losses did not look at this head
                    projections.Add(projection!);
                    gradients.Add(Part(gradient, chunk));
                }
            }
        }
    }

    private (Tensor Z, Tensor? V) Project(ImageBatch chunk, Func<ImageBatch, ImageTensor, Tensor> view)
    {
        using var scope = NewDisposeScope();
        var (z, v) = model.Project(view(chunk, ImageTensor.Of(chunk, device)));
        return (z.MoveToOuterDisposeScope(), v?.MoveToOuterDisposeScope());
    }

    /// <summary>C times [M n, D] -> [M N, D]: each of the M views of all images by itself.</summary>
    private Tensor Join(Tensor[] parts)
    {
        long size = parts[0].size(1);
        return cat([.. parts.Select(part => part.view(-1, chunks[0].Count, size))], 1).view(-1, size);
    }

    /// <summary>[M N, D] -> [M n, D]: what <see cref="Join"/> took from a chunk.</summary>
    private Tensor Part(Tensor joined, int chunk)
    {
        long images = chunks[0].Count, size = joined.size(1);
        return joined.reshape(-1, images * chunks.Count, size).narrow(1, chunk * images, images).reshape(-1, size);
    }
}
