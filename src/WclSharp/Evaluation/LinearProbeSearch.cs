using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Chooses a linear probe's learning rate and weight decay on a fifth of the labelled training images, held out by seed and class: first the rate without decay, then
/// the decay at that rate. The usual protocol wins ties. Test images have no part in it.
/// </summary>
internal static class LinearProbeSearch
{
    /// <summary>Labels that every class must have; with fewer, a fifth of them tells nothing and the usual settings stay.</summary>
    public const int LeastLabels = 25;

    private const int MostImages = 10_000; // enough to choose by: the standard error of an accuracy on a fifth of these is one point

    private static readonly double[] Rates = [0.2, 0.02, 0.06, 0.6, 2];
    private static readonly double[] Decays = [1e-4, 1e-3, 1e-2, 1e-1, 1];

    /// <summary>Classifiers that a search trains.</summary>
    public static int Fits => Rates.Length + Decays.Length;

    /// <summary>Chooses.</summary>
    /// <param name="features">Features of the labelled training images, [M, F] float32. Not owned.</param>
    /// <param name="classes">M classes, from 0 to <paramref name="classCount"/> - 1.</param>
    /// <param name="classCount">C, number of classes.</param>
    /// <param name="seed">Seed of the held-out fifth and of the order of the batches.</param>
    /// <param name="progress">Told how many classifiers are trained; may be null.</param>
    /// <param name="cancellation">Stops between epochs.</param>
    /// <returns>The settings, and how many images they were chosen on: 0 where the labels are too few and the usual ones stay.</returns>
    public static (LinearProbeSettings Settings, int Images) Choose(Tensor features, int[] classes, int classCount, long seed,
        Action<int>? progress, CancellationToken cancellation)
    {
        var budget = new LabelBudget(Math.Min(1, Math.Max(MostImages, (double)LeastLabels * classCount) / classes.Length), null);
        var (kept, heldOut) = LabelDraw.HoldOut(LabelDraw.Of(classes, classCount, budget, seed, 0), classes, LeastLabels);
        if (heldOut.Length == 0) return (new(), 0);

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor Rows(int[] rows) => features.index_select(0, tensor(Array.ConvertAll(rows, i => (long)i), device: features.device));
        var standard = LinearProbe.Standardisation.Of(Rows(kept));
        Tensor train = standard.Apply(Rows(kept)), held = standard.Apply(Rows(heldOut));
        int[] taught = Array.ConvertAll(kept, i => classes[i]);
        var truth = tensor(Array.ConvertAll(heldOut, i => (long)classes[i]), device: features.device);

        int done = 0;
        long Right(LinearProbeSettings settings)
        {
            using var fit = NewDisposeScope();
            var weights = LinearProbe.Train(train, taught, classCount, seed, settings, cancellation: cancellation);
            long right = held.matmul(weights).argmax(1).eq(truth).sum().cpu().item<long>();
            progress?.Invoke(++done);
            return right;
        }

        // MaxBy takes the first of equals.
        var byRate = Rates.Select(rate => new LinearProbeSettings { LearningRate = rate }).Select(settings => (settings, Right: Right(settings))).ToArray();
        var best = byRate.MaxBy(pair => pair.Right);
        var byDecay = Decays.Select(decay => best.settings with { WeightDecay = decay }).Select(settings => (settings, Right: Right(settings)));
        return (byDecay.Prepend(best).ToArray().MaxBy(pair => pair.Right).settings, heldOut.Length);
    }
}
