using System.Numerics;
using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// A 3 x 3 convolution of stride 1 and padding 1 on the CPU, by Winograd's F(4 x 4, 3 x 3): a quarter of a
/// direct convolution's multiplications, which is what a training step on a CPU spends its time on. Images may be
/// bfloat16, which halves what passes through memory; weights and sums are float32, and so are tiles unless they may be rounded.
/// </summary>
/// <remarks>
/// Rounding: the transforms amplify it, so results agree with a direct convolution to 1e-6 to 1e-5 of the
/// largest value rather than 1e-7. Of bfloat16 images only input and output are rounded, or, where that is asked for on processors that multiply pairs of
/// bfloat16 twice as fast, tiles and transformed kernels too: some 1 % of an output, and 1 to 2 % of a gradient, in the mean square (docs/performance.md#what-rounding-costs).
/// Where kernels are small a few tiles are worked on at a time (<see cref="WinogradInCache{TPixel, TTile}"/>), elsewhere a few images. docs/kernels.md says which layers it serves.
/// Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
/// </remarks>
internal static class WinogradConvolution
{
    // Below these the transforms cost more than the multiplications they save: docs/performance-history.md.
    private const int LeastChannels = 64, LeastChannelsInCache = 32;

    private const int MostKernelsBFloat16 = 512 * 512, LeastSideBFloat16 = 4;

    // Kernels beyond these do not stay in the cache while blocks pass by; their gradients, of which each part of the images has its own, sooner.
    private const int MostKernelsInCache = 256 * 256, MostGradientsInCache = 128 * 128;

    /// <summary>Whether a convolution can be computed here and is faster so.</summary>
    /// <param name="input">[N, C, H, W].</param>
    /// <param name="weight">[K, C, 3, 3].</param>
    public static bool Suits(Tensor input, Tensor weight)
    {
        if (weight.dtype != ScalarType.Float32 || input.size(0) == 0 || input.device_type != DeviceType.CPU || Math.Min(input.size(2), input.size(3)) < 3) return false;
        long inChannels = input.size(1), outChannels = weight.size(0), fewest = Math.Min(inChannels, outChannels);
        return input.dtype switch
        {
            ScalarType.Float32 => inChannels % Values.Count == 0 && outChannels % Values.Count == 0 && fewest >= (IsInCache(inChannels, outChannels, backward: true) ? LeastChannelsInCache : LeastChannels),
            // Direct products are twice as fast in bfloat16, and far faster with tile registers (AmxConvolution); where images are smaller than a tile they skip the border.
            ScalarType.BFloat16 => !CpuFeatures.HasAmxBf16 && ByOwnKernel(inChannels, outChannels) && fewest >= LeastChannelsInCache
                && inChannels * outChannels <= MostKernelsBFloat16 && Math.Min(input.size(2), input.size(3)) >= LeastSideBFloat16,
            _ => false,
        };
    }

    /// <summary>Whether <see cref="MatrixKernel"/> takes tiles of so many channels.</summary>
    public static bool ByOwnKernel(long inChannels, long outChannels) =>
        MatrixKernel.IsSupported && inChannels % MatrixKernel.ColumnStep == 0 && outChannels % MatrixKernel.ColumnStep == 0;

    /// <summary>Whether tiles of so many channels are best worked on a few at a time.</summary>
    /// <param name="inChannels">Channels in.</param>
    /// <param name="outChannels">Channels out.</param>
    /// <param name="backward">Whether in the backward pass.</param>
    public static bool IsInCache(long inChannels, long outChannels, bool backward) =>
        ByOwnKernel(inChannels, outChannels) && inChannels * outChannels <= (backward ? MostGradientsInCache : MostKernelsInCache);

    /// <summary>The convolution.</summary>
    /// <param name="input">[N, C, H, W] float32 or bfloat16 on the CPU, channels-last.</param>
    /// <param name="weight">[K, C, 3, 3] float32, channels-last.</param>
    /// <param name="roundTiles">Whether tiles and kernels of bfloat16 images may be rounded to bfloat16 before they are multiplied, where that is faster.</param>
    /// <param name="sum">Where the input's gradient is summed; null for autograd.</param>
    /// <returns>[N, K, H, W] of the input's dtype, channels-last.</returns>
    public static Tensor Apply(Tensor input, Tensor weight, bool roundTiles, GradientSum? sum = null)
    {
        if (input.dtype != ScalarType.BFloat16) return WinogradConvolution<Float32Elements, Float32Elements>.Apply(input, weight, sum);
        return roundTiles && PairKernel.IsSupported
            ? WinogradConvolution<BFloat16Elements, BFloat16Elements>.Apply(input, weight, sum)
            : WinogradConvolution<BFloat16Elements, Float32Elements>.Apply(input, weight, sum);
    }
}

/// <summary><see cref="WinogradConvolution"/> as an autograd function.</summary>
/// <typeparam name="TPixel">How images lie in memory.</typeparam>
/// <typeparam name="TTile">How tiles and kernels lie in memory.</typeparam>
internal sealed class WinogradConvolution<TPixel, TTile> : autograd.SingleTensorFunction<WinogradConvolution<TPixel, TTile>>
    where TPixel : struct, IElements where TTile : struct, IElements
{
    private const int ChunkBytes = 8 << 20;

    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(WinogradConvolution);

    /// <inheritdoc cref="WinogradConvolution.Apply"/>
    public static Tensor Apply(Tensor input, Tensor weight, GradientSum? sum)
    {
        if (!is_grad_enabled()) return Convolve(input, weight); // without a node, which would keep the input
        using var view = AutogradMemory.ViewOfParameter(weight);
        var output = apply(input, view, sum!);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return output;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (input, weight, sum) = ((Tensor)arguments[0], (Tensor)arguments[1], (GradientSum?)arguments[2]);
        context.save_for_backward([input, weight]);
        context.save_data("sum", sum!);
        sum?.Join();
        applied = context;
        return Convolve(input, weight);
    }

    private static Tensor Convolve(Tensor input, Tensor weight)
    {
        using var workspace = Workspace.Rent();
        using var scope = NewDisposeScope();
        var x = input.permute(0, 2, 3, 1).contiguous();                 // [N, H, W, C]
        var (images, height, width, inChannels, outChannels) = Sizes(x, weight);
        var y = empty([images, height, width, outChannels], TPixel.Type);
        if (WinogradConvolution.IsInCache(inChannels, outChannels, backward: false))
        {
            new WinogradInCache<TPixel, TTile>(images, height, width, inChannels, outChannels).Forward(x, WinogradKernels.Transposed<TTile>(weight, workspace), y, workspace);
            return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
        }
        bool own = WinogradConvolution.ByOwnKernel(inChannels, outChannels);
        var kernels = own ? null : WinogradKernels.Transposed<TTile>(weight, workspace); // [36, C, K]
        var inTiles = new WinogradTiles<TPixel, TTile>(height, width, inChannels);
        var outTiles = new WinogradTiles<TPixel, TTile>(height, width, outChannels);
        foreach (var (start, count) in Chunks(images, inTiles.PerImage, Math.Max(inChannels, outChannels)))
        {
            using var chunk = NewDisposeScope();
            var v = inTiles.Operands(count, workspace, "input tiles");      // [36, T, C] or pairs
            var m = outTiles.Products(count, workspace, "products", padded: own);      // [36, T, K]
            inTiles.FromInput(x.narrow(0, start, count), v);
            if (own) TileProducts<TTile>.MultiplyByWeight(v, weight, m, backward: false, workspace);
            else BatchedProduct.Into(v, kernels!, m);
            outTiles.ToOutput(m, y.narrow(0, start, count));
        }
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
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
        var (input, weight) = (saved[0], saved[1]);
        var x = input.permute(0, 2, 3, 1).contiguous();                 // [N, H, W, C]
        var dy = outputGradient.permute(0, 2, 3, 1).contiguous();       // [N, H, W, K]
        var (images, height, width, inChannels, outChannels) = Sizes(x, weight);
        var sum = context.get_data("sum") is GradientSum { IsShared: true } shared ? shared : null;
        using var first = sum?.Take();
        bool adds = first is not null;
        var dx = first ?? empty([images, height, width, inChannels], TPixel.Type);
        Tensor dw;
        if (WinogradConvolution.IsInCache(inChannels, outChannels, backward: true))
        {
            var du = new WinogradInCache<TPixel, TTile>(images, height, width, inChannels, outChannels).Backward(x, dy, WinogradKernels.Of<TTile>(weight, workspace), dx, adds, workspace);
            dw = WinogradKernels.WeightGradient(du, weight);
        }
        else
        {
            dw = BackwardByChunks(x, dy, weight, dx, adds, workspace);
        }
        bool leaves = sum is not null && !adds;
        if (leaves) sum!.Leave(dx);
        var gradients = AutogradMemory.Return(leaves ? null : dx.permute(0, 3, 1, 2), dw, null);
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return gradients;
    }

    /// <summary>Writes the input's gradient, or adds it to what is there; returns the weight's.</summary>
    private static Tensor BackwardByChunks(Tensor x, Tensor dy, Tensor weight, Tensor dx, bool adds, Workspace workspace)
    {
        var (images, height, width, inChannels, outChannels) = Sizes(x, weight);
        bool own = WinogradConvolution.ByOwnKernel(inChannels, outChannels), direct = WinogradInputGradient<TPixel>.IsDirect;
        var inTiles = new WinogradTiles<TPixel, TTile>(height, width, inChannels);
        var outTiles = new WinogradTiles<TPixel, TTile>(height, width, outChannels);
        var inGradient = new WinogradInputGradient<TPixel>(height, width, inChannels);
        var kernels = own ? null : WinogradKernels.Of<TTile>(weight, workspace); // [36, K, C]
        Tensor? du = null, dw = null;                                    // [36, K, C] of several chunks, or [K, C, 3, 3] of one
        foreach (var (start, count) in Chunks(images, inTiles.PerImage, Math.Max(inChannels, outChannels)))
        {
            using var chunk = NewDisposeScope();
            var v = inTiles.Operands(count, workspace, "input tiles");      // [36, T, C] or pairs
            var dm = outTiles.Operands(count, workspace, "output tiles");   // [36, T, K] or pairs
            inTiles.FromInput(x.narrow(0, start, count), v);
            outTiles.FromOutputGradient(dy.narrow(0, start, count), dm);
            var (vOfTiles, dmOfTiles) = (TileProducts<TTile>.Paired(v, workspace, "pairs of input tiles"), TileProducts<TTile>.Paired(dm, workspace, "pairs of output tiles"));
            if (own && count == images)
            {
                dw = TileProducts<TTile>.WeightGradient(dmOfTiles, vOfTiles, workspace).MoveToOuterDisposeScope();
            }
            else
            {
                du ??= WinogradKernels.Empty(outChannels, inChannels, workspace, "kernel gradients", padded: own).MoveToOuterDisposeScope();
                TileProducts<TTile>.MultiplyTransposed(dmOfTiles, vOfTiles, du, add: start > 0);
            }
            var dv = inTiles.Products(count, workspace, "products", padded: own);       // [36, T, C]
            if (own) TileProducts<TTile>.MultiplyByWeight(dm, weight, dv, backward: true, workspace);
            else BatchedProduct.Into(dm, kernels!, dv);
            var target = dx.narrow(0, start, count);
            var sums = direct ? target : workspace.Take("input gradient", count * inGradient.ImageValues).view(count, height, width, inChannels);
            if (adds && !direct) sums.copy_(target);
            inGradient.Sum(dv, sums, clear: !adds);
            if (!direct) target.copy_(sums);
        }
        return dw ?? WinogradKernels.WeightGradient(du!, weight);
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
}
