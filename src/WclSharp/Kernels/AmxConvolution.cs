using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A convolution of bfloat16 images by <see cref="AmxKernel"/>, forward and backward, any kernel and stride: sums are float32 and rounded once, and the weight's gradient stays float32.
/// docs/kernels.md says which layers it serves.
/// </summary>
internal sealed class AmxConvolution : autograd.SingleTensorFunction<AmxConvolution>
{
    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(AmxConvolution);

    // Images lie side by side in groups of 32, and fewer cost as much.
    private const int LeastImages = AmxImages.Group / 2;

    /// <summary>Whether a convolution can be computed here and is faster so.</summary>
    /// <param name="input">[N, C, H, W].</param>
    /// <param name="weight">[K, C, side, side].</param>
    /// <param name="stride">Pixels between outputs.</param>
    public static bool Suits(Tensor input, Tensor weight, int stride) =>
        input.dtype == ScalarType.BFloat16 && weight.dtype == ScalarType.Float32 && input.device_type == DeviceType.CPU
        && input.size(1) % AmxKernel.Depth == 0 && weight.size(0) % AmxKernel.Block == 0
        && (SeesPixelsAlone(weight.size(2), stride) ? input.size(0) * input.size(2) * input.size(3) : input.size(0)) >= LeastImages
        && AmxKernel.IsSupported; // last, since asking makes the loop

    /// <summary>The convolution, padded by half of its kernel's side.</summary>
    /// <param name="input">[N, C, H, W] bfloat16, channels-last.</param>
    /// <param name="weight">[K, C, side, side] float32, channels-last; the side is odd.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="sum">Where the input's gradient is summed; null for autograd.</param>
    /// <returns>[N, K, H', W'] bfloat16, channels-last.</returns>
    public static Tensor Apply(Tensor input, Tensor weight, int stride, GradientSum? sum = null)
    {
        if (!is_grad_enabled()) return Convolve(input, weight, stride); // without a node, which would keep the input
        using var view = AutogradMemory.ViewOfParameter(weight);
        var output = apply(input, view, stride, sum!);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return output;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (input, weight, stride, sum) = ((Tensor)arguments[0], (Tensor)arguments[1], (int)arguments[2], (GradientSum?)arguments[3]);
        context.save_for_backward([input, weight]);
        context.save_data("stride", stride);
        context.save_data("sum", sum!);
        sum?.Join();
        applied = context;
        return Convolve(input, weight, stride);
    }

    private static Tensor Convolve(Tensor input, Tensor weight, int stride)
    {
        using var workspace = Workspace.Rent();
        using var scope = NewDisposeScope();
        var x = Rows(input);
        var y = AmxProducts.Output(Pixels(x, weight.size(2), stride), Rows(weight), stride, workspace);
        return y.view(x.size(0), TapMap.Outputs((int)x.size(1), stride), -1, y.size(3)).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient) =>
        BackwardErrors.Hold(() => Gradients(context, outputGradient));

    private static List<Tensor> Gradients(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var workspace = Workspace.Rent();
        using var scope = NewDisposeScope();
        var saved = BackwardErrors.Saved(context);
        var (input, weight, stride) = (saved[0], saved[1], (int)context.get_data("stride"));
        var sum = context.get_data("sum") is GradientSum { IsShared: true } shared ? shared : null;
        var dy = Rows(outputGradient);
        var shape = input.shape;
        var dw = WeightGradient(input, dy, (int)weight.size(2), stride, workspace);
        input.Dispose();
        context.Dispose(); // what was saved, before as much is taken again, and not with the graph
        using var first = sum?.Take();
        var dx = first ?? empty([shape[0], shape[2], shape[3], shape[1]], ScalarType.BFloat16);
        AmxProducts.InputGradient(Pixels(dy, weight.size(2), stride), Rows(weight), stride, Pixels(dx, weight.size(2), stride), adds: first is not null, workspace);
        bool leaves = sum is not null && first is null;
        if (leaves) sum!.Leave(dx);
        var gradients = AutogradMemory.Return(leaves ? null : dx.permute(0, 3, 1, 2), dw, null, null);
        outputGradient.Dispose();
        weight.Dispose();
        return gradients;
    }

    /// <summary>The weight's gradient, [K, C, side, side] channels-last; of the input it leaves no other handle.</summary>
    private static Tensor WeightGradient(Tensor input, Tensor dy, int side, int stride, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        return AmxWeightGradient.Of(Pixels(Rows(input), side, stride), Pixels(dy, side, stride), side, stride, workspace).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Each pixel as an image of its own, where none sees another: of those any number can be worked on at a time.</summary>
    private static Tensor Pixels(Tensor rows, long side, int stride) => SeesPixelsAlone(side, stride) ? rows.view(-1, 1, 1, rows.size(3)) : rows;

    private static bool SeesPixelsAlone(long side, int stride) => side == 1 && stride == 1;

    /// <summary>[A, B, height, width] as [A, height, width, B], contiguous.</summary>
    private static Tensor Rows(Tensor tensor) => tensor.permute(0, 2, 3, 1).contiguous();
}
