using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A convolution of bfloat16 images on the CPU that libtorch computes, but for its weight's gradient (<see cref="ConvolutionWeightGradient"/>), which is
/// summed in float32 and stays so, and for 1 x 1 kernels' gradient of the input, a matrix product. It needs <see cref="PairKernel"/>. docs/kernels.md says which layers it serves.
/// </summary>
internal sealed class DirectConvolution : autograd.SingleTensorFunction<DirectConvolution>
{
    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(DirectConvolution);

    /// <summary>Whether a convolution that is being trained can be computed here.</summary>
    /// <param name="input">[N, C, H, W].</param>
    /// <param name="weight">[K, C, side, side].</param>
    public static bool Suits(Tensor input, Tensor weight) =>
        PairKernel.IsSupported && is_grad_enabled() && input.dtype == ScalarType.BFloat16 && weight.dtype == ScalarType.Float32 && input.device_type == DeviceType.CPU && input.size(0) > 0
        && input.size(1) % ConvolutionWeightGradient.ChannelStep == 0 && weight.size(0) % ConvolutionWeightGradient.ChannelStep == 0;

    /// <summary>The convolution, padded by half of its kernel's side.</summary>
    /// <param name="input">[N, C, H, W] bfloat16, channels-last.</param>
    /// <param name="weight">[K, C, side, side] float32, channels-last; the side is odd.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="convolve">Computes it from the input and the weight in bfloat16.</param>
    /// <param name="sum">Where the input's gradient is summed, of a 1 x 1 kernel; null for autograd.</param>
    /// <returns>[N, K, H', W'] bfloat16, channels-last.</returns>
    public static Tensor Apply(Tensor input, Tensor weight, int stride, Func<Tensor, Tensor, Tensor> convolve, GradientSum? sum = null)
    {
        using var constant = weight.detach();
        using var rounded = constant.to(input.dtype); // here, since what is saved must live until the graph has it
        using var view = AutogradMemory.ViewOfParameter(weight);
        var output = apply(input, view, rounded, stride, convolve, weight.size(2) == 1 ? sum! : null!);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return output;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (input, rounded, stride, convolve, sum) = ((Tensor)arguments[0], (Tensor)arguments[2], (int)arguments[3], (Func<Tensor, Tensor, Tensor>)arguments[4], (GradientSum?)arguments[5]);
        context.save_for_backward([input, rounded]);
        context.save_data("stride", stride);
        context.save_data("sum", sum!);
        sum?.Join();
        applied = context;
        return convolve(input, rounded);
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
        var sum = context.get_data("sum") as GradientSum;
        long[] shape = input.shape;
        var dy = outputGradient.permute(0, 2, 3, 1).contiguous();       // [N, H', W', K]
        Tensor dw;
        using (var rows = input.permute(0, 2, 3, 1))                    // [N, H, W, C]
        using (var x = rows.contiguous())
            dw = ConvolutionWeightGradient.Of(x, dy, (int)weight.size(2), stride, workspace);
        input.Dispose();
        context.Dispose(); // what was saved, before as much is taken again, and not with the graph
        var gradients = AutogradMemory.Return(InputGradient(shape, weight, dy, stride, sum), dw, null, null, null, null);
        outputGradient.Dispose();
        weight.Dispose();
        return gradients;
    }

    /// <param name="shape">[N, C, H, W].</param>
    /// <param name="weight">[K, C, side, side] bfloat16, channels-last.</param>
    /// <param name="dy">[N, H', W', K].</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="sum">Where it is summed, of a 1 x 1 kernel; null for nowhere.</param>
    /// <returns>[N, C, H, W], channels-last; null where it was left to the sum.</returns>
    private static Tensor? InputGradient(long[] shape, Tensor weight, Tensor dy, int stride, GradientSum? sum)
    {
        long images = shape[0], channels = shape[1], height = shape[2], width = shape[3], side = weight.size(2);
        if (side > 1)
        {
            long[] strides = [stride, stride], padding = [side / 2, side / 2], beyond = [(height - 1) % stride, (width - 1) % stride]; // what strides left over
            return nn.functional.conv_transpose2d(dy.permute(0, 3, 1, 2), weight, null, strides, padding, beyond);
        }
        // Of two matrices: with more dimensions libtorch may multiply each row of an image by itself.
        Tensor pixels = dy.view(-1, dy.size(3)), kernel = weight.permute(0, 2, 3, 1).view(weight.size(0), channels);
        if (sum is not { IsShared: true }) return Whole().permute(0, 3, 1, 2);
        using var first = sum.Take();
        if (first is null)
        {
            sum.Leave(Whole());
            return null;
        }
        if (stride == 1) first.view(-1, channels).addmm_(pixels, kernel, beta: 1, alpha: 1); // as fast as the product by itself
        else Seen(first).add_(Product());
        return first.permute(0, 3, 1, 2);

        Tensor Product() => pixels.mm(kernel).view(images, dy.size(1), dy.size(2), channels);

        Tensor Seen(Tensor rows) => rows.slice(1, 0, height, stride).slice(2, 0, width, stride);

        Tensor Whole()
        {
            if (stride == 1) return Product();
            var dx = zeros([images, height, width, channels], dy.dtype);
            Seen(dx).copy_(Product());
            return dx;
        }
    }
}
