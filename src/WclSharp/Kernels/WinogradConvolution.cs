using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// A 3 x 3 convolution of stride 1 and padding 1 in float32 on the CPU, by Winograd's F(4 x 4, 3 x 3): a quarter of a
/// direct convolution's multiplications, which is what a float32 training step on a CPU spends its time on.
/// </summary>
/// <remarks>
/// Rounding: the transforms' constants up to 8 amplify it, so results agree with a direct convolution to some 1e-6 of the
/// largest value rather than 1e-7. Where kernels are small a few tiles are worked on at a time (<see cref="WinogradInCache"/>), elsewhere a few images.
/// Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
/// </remarks>
internal sealed class WinogradConvolution : autograd.SingleTensorFunction<WinogradConvolution>
{
    private static readonly Scalar One = 1; // made once: see Optimizer.Begin
    private const int ChunkBytes = 8 << 20;

    // Below these the transforms cost more than the multiplications they save: docs/performance.md.
    private const int LeastChannels = 64, LeastChannelsInCache = 32;

    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(WinogradConvolution);

    /// <summary>Whether a convolution can be computed here and is faster so.</summary>
    /// <param name="input">[N, C, H, W].</param>
    /// <param name="outChannels">Channels out.</param>
    public static bool Suits(Tensor input, long outChannels)
    {
        var shape = input.shape;
        return input.dtype == ScalarType.Float32 && input.device_type == DeviceType.CPU
            && shape[1] % Values.Count == 0 && outChannels % Values.Count == 0
            && Math.Min(shape[1], outChannels) >= (WinogradInCache.Suits(shape[1], outChannels) ? LeastChannelsInCache : LeastChannels) && Math.Min(shape[2], shape[3]) >= 3;
    }

    /// <summary>The convolution.</summary>
    /// <param name="input">[N, C, H, W] float32 on the CPU, channels-last.</param>
    /// <param name="weight">[K, C, 3, 3] float32, channels-last.</param>
    /// <returns>[N, K, H, W] channels-last.</returns>
    public static Tensor Apply(Tensor input, Tensor weight)
    {
        if (!is_grad_enabled()) return Convolve(input, weight); // without a node, which would keep the input
        var output = apply(input, weight);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return output;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (input, weight) = ((Tensor)arguments[0], (Tensor)arguments[1]);
        context.save_for_backward([input, weight]);
        applied = context;
        return Convolve(input, weight);
    }

    private static Tensor Convolve(Tensor input, Tensor weight)
    {
        using var workspace = Workspace.Rent();
        using var scope = NewDisposeScope();
        var x = input.permute(0, 2, 3, 1).contiguous();                 // [N, H, W, C]
        var (images, height, width, inChannels, outChannels) = Sizes(x, weight);
        var kernels = Kernels(weight, workspace);                       // [36, K, C]
        var y = empty([images, height, width, outChannels], ScalarType.Float32);
        if (WinogradInCache.Suits(inChannels, outChannels))
        {
            new WinogradInCache(images, height, width, inChannels, outChannels).Forward(x, kernels, y, workspace);
            return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
        }
        var inTiles = new WinogradTiles(height, width, inChannels);
        var outTiles = new WinogradTiles(height, width, outChannels);
        foreach (var (start, count) in Chunks(images, inTiles.PerImage, Math.Max(inChannels, outChannels)))
        {
            using var chunk = NewDisposeScope();
            var v = inTiles.Empty(count, workspace, "input tiles", padded: true);   // [36, T, C]
            var m = outTiles.Empty(count, workspace, "products", padded: false);     // [36, T, K]
            inTiles.FromInput(x.narrow(0, start, count), v);
            BatchedProduct.Into(v, kernels.transpose(1, 2), m);
            outTiles.ToOutput(m, y.narrow(0, start, count));
        }
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var workspace = Workspace.Rent();
        using var scope = NewDisposeScope();
        var saved = context.get_saved_variables();
        var (input, weight) = (saved[0], saved[1]);
        var x = input.permute(0, 2, 3, 1).contiguous();                 // [N, H, W, C]
        var dy = outputGradient.permute(0, 2, 3, 1).contiguous();       // [N, H, W, K]
        var (images, height, width, inChannels, outChannels) = Sizes(x, weight);
        var kernels = Kernels(weight, workspace);                       // [36, K, C]
        var dx = empty([images, height, width, inChannels], ScalarType.Float32);
        var du = WinogradInCache.Suits(inChannels, outChannels)
            ? new WinogradInCache(images, height, width, inChannels, outChannels).Backward(x, dy, kernels, dx, workspace)
            : BackwardByChunks(x, dy, kernels, dx, workspace);          // [36, K, C]
        var gradients = AutogradMemory.Return(dx.permute(0, 3, 1, 2), WeightGradient(du, weight));
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return gradients;
    }

    private static Tensor BackwardByChunks(Tensor x, Tensor dy, Tensor kernels, Tensor dx, Workspace workspace)
    {
        var (images, height, width, inChannels, outChannels) = ((int)x.size(0), (int)x.size(1), (int)x.size(2), (int)x.size(3), (int)dy.size(3));
        var du = workspace.Take("kernel gradients", kernels.numel()).view(kernels.shape); // [36, K, C]
        var inTiles = new WinogradTiles(height, width, inChannels);
        var outTiles = new WinogradTiles(height, width, outChannels);
        foreach (var (start, count) in Chunks(images, inTiles.PerImage, Math.Max(inChannels, outChannels)))
        {
            using var chunk = NewDisposeScope();
            var v = inTiles.Empty(count, workspace, "input tiles", padded: true);   // [36, T, C]
            var dm = outTiles.Empty(count, workspace, "output tiles", padded: true); // [36, T, K]
            inTiles.FromInput(x.narrow(0, start, count), v);
            outTiles.FromOutputGradient(dy.narrow(0, start, count), dm);
            if (start == 0) BatchedProduct.Into(dm.transpose(1, 2), v, du);
            else du.add_(dm.transpose(1, 2).bmm(v), One);
            var dv = inTiles.Empty(count, workspace, "products", padded: false);     // [36, T, C]
            BatchedProduct.Into(dm, kernels, dv);
            inTiles.ToInputGradient(dv, dx.narrow(0, start, count));
        }
        return du;
    }

    private static (int Images, int Height, int Width, int InChannels, int OutChannels) Sizes(Tensor x, Tensor weight) =>
        ((int)x.size(0), (int)x.size(1), (int)x.size(2), (int)x.size(3), (int)weight.size(0));

    private static IEnumerable<(int Start, int Count)> Chunks(int images, int tiles, int channels)
    {
        // A chunk's tiles are no smaller than the kernels, which are read, and their gradient summed, once a chunk.
        long image = (long)WinogradTransforms.Products * tiles * channels * sizeof(float);
        long kernels = (long)WinogradTransforms.Products * channels * channels * sizeof(float);
        int most = (int)Math.Max(2, Math.Max(ChunkBytes, kernels) / image), chunks = (images + most - 1) / most;
        int size = (images + chunks - 1) / chunks;
        for (int start = 0; start < images; start += size) yield return (start, Math.Min(size, images - start));
    }

    /// <summary>G g G' of every kernel, [36, K, C].</summary>
    private static unsafe Tensor Kernels(Tensor weight, Workspace workspace)
    {
        int outChannels = (int)weight.size(0), inChannels = (int)weight.size(1);
        var taps = weight.permute(0, 2, 3, 1).contiguous();             // [K, 3, 3, C]
        long[] shape = [WinogradTransforms.Products, outChannels, inChannels];
        var kernels = workspace.Take("kernels", shape[0] * shape[1] * shape[2]).view(shape);
        float* source = TensorMemory.Start(taps), target = TensorMemory.Start(kernels);
        long stride = (long)outChannels * inChannels;
        TorchThreads.For(outChannels, k =>
        {
            var g = stackalloc Values[WinogradTransforms.Products];
            for (int c = 0; c < inChannels; c += Values.Count)
            {
                for (int tap = 0; tap < 9; tap++) g[tap / 3 * WinogradTransforms.Inputs + tap % 3] = *(Values*)(source + ((long)k * 9 + tap) * inChannels + c);
                WinogradTransforms.Kernel(g);
                float* matrix = target + (long)k * inChannels + c;
                for (int i = 0; i < WinogradTransforms.Products; i++, matrix += stride) *(Values*)matrix = g[i];
            }
        });
        return kernels;
    }

    /// <summary>G' u G of every kernel's gradient, [K, C, 3, 3] channels-last.</summary>
    private static unsafe Tensor WeightGradient(Tensor du, Tensor weight)
    {
        int outChannels = (int)weight.size(0), inChannels = (int)weight.size(1);
        using var gradient = empty([outChannels, 3, 3, inChannels], ScalarType.Float32);
        float* source = TensorMemory.Start(du), target = TensorMemory.Start(gradient);
        long stride = du.stride(0);
        TorchThreads.For(outChannels, k =>
        {
            var u = stackalloc Values[WinogradTransforms.Products];
            for (int c = 0; c < inChannels; c += Values.Count)
            {
                float* matrix = source + (long)k * inChannels + c;
                for (int i = 0; i < WinogradTransforms.Products; i++, matrix += stride) u[i] = *(Values*)matrix;
                WinogradTransforms.KernelAdjoint(u);
                for (int tap = 0; tap < 9; tap++) *(Values*)(target + ((long)k * 9 + tap) * inChannels + c) = u[tap / 3 * WinogradTransforms.Inputs + tap % 3];
            }
        });
        return gradient.permute(0, 3, 1, 2);
    }
}
