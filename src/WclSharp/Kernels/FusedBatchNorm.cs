using System.Numerics;
using TorchSharp;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Batch norm on the CPU with what follows it, relu(batch norm(x) + residual), as one operator. It passes over memory twice forward and twice backward, a third of what
/// separate operators take, and once where nothing is trained. ReLU may be left out. docs/kernels.md says when it serves, and how its residual's gradient reaches the block's input.
/// </summary>
internal static class FusedBatchNorm
{
    /// <summary>Whether this can be computed here; else libtorch's operators do it. A norm in evaluation with a graph is theirs: this backward is that of a batch's own statistics.</summary>
    public static bool Suits(BatchNormalization norm, Tensor x) =>
        (norm.training || !is_grad_enabled()) && x.dtype is ScalarType.Float32 or ScalarType.BFloat16 && x.device_type == DeviceType.CPU
        && norm.weight!.dtype == ScalarType.Float32 && x.size(1) % (2 * Vector<float>.Count) == 0;

    /// <summary>The activation; updates the running statistics as batch norm by itself does.</summary>
    /// <param name="norm">Batch norm.</param>
    /// <param name="x">[N, C, H, W] float32 or bfloat16, channels-last. Overwritten where nothing is trained.</param>
    /// <param name="residual">As x, added before ReLU; null for none.</param>
    /// <param name="rectified">Whether ReLU follows; without it there is no residual.</param>
    /// <param name="sum">Sums the residual's gradient with that of its other reader; null leaves that to autograd. Null with a norm of the residual.</param>
    /// <param name="residualNorm">Batch norm of the residual, before it is added; null where it is added as it is.</param>
    /// <returns>[N, C, H, W] of x's dtype, channels-last.</returns>
    public static Tensor Apply(BatchNormalization norm, Tensor x, Tensor? residual, bool rectified = true, GradientSum? sum = null, BatchNormalization? residualNorm = null)
    {
        return x.dtype == ScalarType.BFloat16 ? As<BFloat16Elements>() : As<Float32Elements>();

        Tensor As<T>() where T : struct, IElements =>
            rectified ? FusedBatchNorm<T, Relu>.Apply(norm, x, residual, residualNorm, sum) : FusedBatchNorm<T, Identity>.Apply(norm, x, residual, residualNorm, sum);
    }
}

/// <summary><see cref="FusedBatchNorm"/> as an autograd function.</summary>
/// <typeparam name="T">How activations lie in memory.</typeparam>
/// <typeparam name="TActivation">What follows.</typeparam>
internal sealed class FusedBatchNorm<T, TActivation> : autograd.SingleTensorFunction<FusedBatchNorm<T, TActivation>>
    where T : struct, IElements where TActivation : struct, IActivation
{
    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(FusedBatchNorm);

    /// <summary>The activation of batch norm(x) + residual.</summary>
    public static Tensor Apply(BatchNormalization norm, Tensor x, Tensor? residual, BatchNormalization? residualNorm, GradientSum? sum)
    {
        if (!norm.training || !is_grad_enabled()) return Overwrite(norm, x, residual, residualNorm);
        var y = apply(x, norm.weight!, norm.bias!, residual!, residualNorm?.weight!, residualNorm?.bias!, norm, residualNorm!, sum!);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return y;
    }

    /// <inheritdoc/>
    public override unsafe Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        // Weights and biases are arguments so that the engine gives them gradients; their values are read from the modules.
        var (input, residual, norm, residualNorm, sum) = ((Tensor)arguments[0], (Tensor?)arguments[3], (BatchNormalization)arguments[6], (BatchNormalization?)arguments[7], (GradientSum?)arguments[8]);
        applied = context;
        sum?.Join();
        context.save_data("sum", sum!);
        using var scope = NewDisposeScope();
        var x = Rows(input);                                            // [N, H, W, C]
        var added = residual is null ? null : Rows(residual);
        var y = empty(x.shape, T.Type);
        var mask = added is null ? null : empty(ReluMask.Bytes(x.numel()), ScalarType.Byte); // else x tells
        var (lines, addedLines) = Normalise(norm, x, added, residualNorm, y, norm.Parts, mask);
        List<Tensor> saved = [x, lines];
        if (mask is not null) saved.Add(mask);
        if (addedLines is not null) saved.AddRange([added!, addedLines]);
        context.save_for_backward([.. saved.Select(tensor => tensor.MoveToOuterDisposeScope())]);
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient) =>
        BackwardErrors.Hold(() => Gradients(context, outputGradient));

    private static unsafe List<Tensor> Gradients(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var saved = BackwardErrors.Saved(context);
        Tensor x = saved[0], lines = saved[1];                          // [N, H, W, C], [P, 6, C]
        var mask = saved.Count > 2 ? saved[2] : null;
        var (added, addedLines) = saved.Count > 3 ? (saved[3], saved[4]) : (null, null);
        var dy = Rows(outputGradient);
        var dx = empty(x.shape, T.Type);
        var dr = mask is null ? null : empty(x.shape, T.Type);
        var parts = new Parts(x, lines.size(0));
        var weights = zeros([4, parts.Channels], ScalarType.Float32);   // gradients of weight, bias, and those of the residual's norm
        float* gradients = TensorMemory.Start(weights);
        for (int part = 0; part < parts.Count; part++)
        {
            byte* source = parts.Of(x, part), gradient = parts.Of(dy, part), bits = parts.MaskOf(mask, part), around = parts.Of(added, part);
            var line = Sum(lines, source, gradients);
            if (mask is null)
            {
                BatchNormKernels<T>.InputGradient(gradient, source, line, parts.Rows, parts.Channels, TActivation.Floor, parts.Of(dx, part));
                continue;
            }
            BatchNormLine? aroundLine = addedLines is null ? null : Sum(addedLines, around, gradients + 2 * parts.Channels);
            BatchNormKernels<T>.InputGradients(gradient, source, line, bits, parts.Rows, parts.Channels, parts.Of(dx, part), around, aroundLine, parts.Of(dr, part));

            BatchNormLine Sum(Tensor lines, byte* source, float* gradients)
            {
                var line = parts.Line(lines, part);
                line.SetGradient(BatchNormSums<T>.GradientSums(gradient, source, line, bits, parts.Rows, parts.Channels, TActivation.Floor), parts.Rows, gradients, gradients + parts.Channels);
                return line;
            }
        }

        if (dr is not null && addedLines is null && context.get_data("sum") is GradientSum { IsShared: true } shared)
        {
            shared.Leave(dr);
            dr = null;
        }
        var result = AutogradMemory.Return(dx.permute(0, 3, 1, 2), Row(0), Row(1), dr?.permute(0, 3, 1, 2), addedLines is null ? null : Row(2), addedLines is null ? null : Row(3), null, null, null);
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return result;

        Tensor Row(int row) => weights.select(0, row).clone();
    }

    /// <summary>Computes without a graph, and writes into x's memory, since nothing will ask for x again. Takes x's statistics in training mode, else the running ones.</summary>
    private static Tensor Overwrite(BatchNormalization norm, Tensor x, Tensor? residual, BatchNormalization? residualNorm)
    {
        using var scope = NewDisposeScope();
        var y = Rows(x);                                                // [N, H, W, C]
        Normalise(norm, y, residual is null ? null : Rows(residual), residualNorm, y, norm.training ? norm.Parts : 1, null);
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Writes y, which may be x. In training mode it takes each part's statistics and updates the running ones; in evaluation it takes the running ones. The mask may be null where there will be no backward.</summary>
    /// <returns>[P, 6, C]: the line of each part, and of the residual where it has a norm.</returns>
    private static unsafe (Tensor Lines, Tensor? AddedLines) Normalise(BatchNormalization norm, Tensor x, Tensor? added, BatchNormalization? addedNorm, Tensor y, int count, Tensor? mask)
    {
        var parts = new Parts(x, count);
        var lines = Room();
        var addedLines = addedNorm is null ? null : Room();
        for (int part = 0; part < count; part++)
        {
            var line = Line(norm, lines, parts.Of(x, part), part);
            BatchNormLine? addedLine = addedNorm is null ? null : Line(addedNorm, addedLines!, parts.Of(added, part), part);
            BatchNormKernels<T>.Apply(parts.Of(x, part), line, parts.Of(added, part), addedLine, parts.Rows, parts.Channels, TActivation.Floor, parts.Of(y, part), parts.MaskOf(mask, part));
        }
        return (lines, addedLines);

        Tensor Room() => empty([count, BatchNormLine.Numbers, parts.Channels], ScalarType.Float32);

        BatchNormLine Line(BatchNormalization norm, Tensor lines, byte* source, int part)
        {
            var line = parts.Line(lines, part);
            if (norm.training) line.Measure<T>(norm, source, parts.Rows);
            else line.TakeRunning(norm);
            return line;
        }
    }

    private static Tensor Rows(Tensor images)
    {
        using var permuted = images.permute(0, 2, 3, 1);
        return permuted.contiguous();
    }

    /// <summary>A batch [N, H, W, C] in equal parts of its images, one after the other: the second pass over a part finds it in the cache.</summary>
    private readonly unsafe struct Parts(Tensor x, long count)
    {
        public int Count { get; } = (int)count;

        public int Channels { get; } = (int)x.size(3);

        /// <summary>Pixels of a part.</summary>
        public long Rows { get; } = x.numel() / x.size(3) / count;

        /// <summary>Where a part of a tensor of x's shape begins; null of null.</summary>
        public byte* Of(Tensor? tensor, int part) => tensor is null ? null : TensorMemory.Bytes(tensor) + part * Rows * Channels * T.Size;

        /// <summary>A part's line, of [P, 6, C].</summary>
        public BatchNormLine Line(Tensor lines, int part) => new(TensorMemory.Start(lines) + (long)part * BatchNormLine.Numbers * Channels, Channels);

        /// <summary>Where a part of a mask begins; null of null.</summary>
        public byte* MaskOf(Tensor? mask, int part) => mask is null ? null : TensorMemory.Bytes(mask) + ReluMask.Bytes(part * Rows * Channels);
    }
}
