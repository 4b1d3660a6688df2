using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>
/// PyTorch's <c>BatchNorm1d</c> and <c>BatchNorm2d</c> with their standard settings: over every dimension but the second.
/// Parameters and buffers have PyTorch's names.
/// </summary>
/// <remarks>
/// TorchSharp's own counts its batches by adding a number, at two native <see cref="Scalar"/> a call (see
/// <see cref="Optimizers.Optimizer.Begin"/>): with two dozen layers, most of what a training step leaves behind.
/// </remarks>
internal sealed class BatchNormalization(int channels)
    : BatchNorm(channels, eps: Epsilon, momentum: 0.1, affine: true, track_running_stats: true, device: null, dtype: null, nameof(BatchNormalization))
{
    /// <summary>What is added to the variance under the root.</summary>
    public const double Epsilon = 1e-5;

    private static readonly Scalar One = 1;

    private long uncounted; // batches that are not in num_batches_tracked yet

    /// <summary>Whether a forward pass in training mode updates the running statistics. Off where the same input passes a second time.</summary>
    public bool UpdatesRunningStatistics { get; set; } = true;

    /// <summary>
    /// Equal parts of a batch that are normalised each by itself in training mode, and counted as batches of their own: the views that pass together.
    /// </summary>
    public int Parts { get; set; } = 1;

    public override Tensor forward(Tensor input)
    {
        if (!training || Parts == 1) return OfOne(input);
        using var scope = NewDisposeScope();
        return cat(Array.ConvertAll(input.chunk(Parts), OfOne)).MoveToOuterDisposeScope();
    }

    private Tensor OfOne(Tensor input)
    {
        if (training && UpdatesRunningStatistics) CountBatch();
        double share = UpdatesRunningStatistics ? momentum!.Value : 0; // of this batch in the running statistics
        return nn.functional.batch_norm(input, running_mean, running_var, weight, bias, training, share, eps);
    }

    /// <summary>Counts a batch, on the host: nothing is computed with the number, and the buffer lies on the device.</summary>
    public void CountBatch() => uncounted++;

    /// <summary>Brings the buffer <c>num_batches_tracked</c> up to date, for those who read buffers.</summary>
    public void WriteCount()
    {
        if (uncounted == 0) return;
        using var noGradient = no_grad();
        using Scalar more = uncounted;
        num_batches_tracked!.add_(more, One);
        uncounted = 0;
    }

    /// <summary>relu(batch norm(x) + residual), what follows every convolution but those of shortcuts.</summary>
    /// <param name="x">[N, C, H, W], which nobody else needs: it may be overwritten.</param>
    /// <param name="residual">As x; null for none.</param>
    /// <param name="sum">Where the residual's gradient is summed; null for autograd.</param>
    public Tensor Activate(Tensor x, Tensor? residual = null, GradientSum? sum = null)
    {
        if (FusedBatchNorm.Suits(this, x)) return FusedBatchNorm.Apply(this, x, residual, sum: sum);
        // In batch norm's own output: its backward reads its input.
        var y = call(x);
        return nn.functional.relu(residual is null ? y : y.add_(residual, One), inplace: true);
    }

    /// <summary>relu(batch norm(x) + batch norm(around)), the latter by a norm of its own: a residual block whose shape changes.</summary>
    /// <param name="x">[N, C, H, W], which nobody else needs: it may be overwritten.</param>
    /// <param name="around">As x, likewise.</param>
    /// <param name="aroundNorm">Its norm.</param>
    public Tensor Join(Tensor x, Tensor around, BatchNormalization aroundNorm) =>
        training == aroundNorm.training && Parts == aroundNorm.Parts && FusedBatchNorm.Suits(this, x) && FusedBatchNorm.Suits(aroundNorm, around)
            ? FusedBatchNorm.Apply(this, x, around, residualNorm: aroundNorm)
            : Activate(x, aroundNorm.Normalise(around));

    /// <summary>batch norm(x), what follows the convolution of a shortcut.</summary>
    /// <param name="x">[N, C, H, W], which nobody else needs: it may be overwritten.</param>
    public Tensor Normalise(Tensor x) => FusedBatchNorm.Suits(this, x) ? FusedBatchNorm.Apply(this, x, null, rectified: false) : call(x);

    /// <summary>Does nothing: libtorch refuses what does not fit.</summary>
    protected override void ValidateInputDimensions(Tensor input) { }
}
