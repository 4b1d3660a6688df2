using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Chooses a linear probe's learning rate and weight decay on a part of the labelled training images (<see cref="LabelDraw.HoldOut"/>), 10,000 at most, held out by seed and class: first the rate without
/// decay, then the decay at that rate; the rate alone where the decay is given. The usual protocol wins ties. Test images have no part in it.
/// </summary>
/// <remarks>
/// The more images, the smaller is the best decay: it is chosen on all others where these are 50,000 or fewer, and else on 50,000 or a quarter of all labels, whichever is
/// more, so that the search never takes more than ten times as long as the classifier itself, and 2.5 times from 200,000 labels on, and the decay it chooses is that of a
/// somewhat smaller set.
/// </remarks>
internal static class LinearProbeSearch
{
    private const int MostToChooseBy = 10_000; // enough: the standard error of an accuracy on these is at most half a point
    private const int LeastToChooseByOfAClass = LabelDraw.LeastToHoldOutFrom / LabelDraw.HeldOutOneIn;
    private const int MostToTrainOn = 50_000; // or a share of a larger set
    private const int LeastShareToTrainOn = 4; // one in so many

    private static readonly double[] Rates = [0.2, 0.02, 0.06, 0.6, 2];
    private static readonly double[] Decays = [1e-4, 1e-3, 1e-2, 1e-1, 1];

    /// <summary>Chooses.</summary>
    /// <param name="features">Features of the labelled training images, [M, F] float32. Not owned.</param>
    /// <param name="classes">M classes, from 0 to <paramref name="classCount"/> - 1.</param>
    /// <param name="classCount">C, number of classes.</param>
    /// <param name="seed">Seed of what is held out and of the order of the batches.</param>
    /// <param name="decay">Weight decay to choose the rate for; null chooses it too.</param>
    /// <param name="progress">Told how many classifiers are trained, from 0, of how many; may be null.</param>
    /// <param name="cancellation">Stops between epochs.</param>
    /// <returns>The settings, and how many images they were chosen on: 0 where the labels are too few and the usual ones stay.</returns>
    public static (LinearProbeSettings Settings, int Images) Choose(Tensor features, int[] classes, int classCount, long seed, double? decay,
        Action<int, int>? progress, CancellationToken cancellation)
    {
        var usual = new LinearProbeSettings { WeightDecay = decay ?? 0 };
        var (kept, heldOut) = Split(classes, classCount, seed);
        if (heldOut.Length == 0) return (usual, 0);

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var keptRows = Rows.Of(features, kept);
        var standard = LinearProbe.Standardisation.Of(keptRows);
        Tensor train = standard.Apply(keptRows), held = standard.Apply(Rows.Of(features, heldOut));
        int[] taught = Array.ConvertAll(kept, i => classes[i]);
        var truth = tensor(Array.ConvertAll(heldOut, i => (long)classes[i]), device: features.device);

        int done = 0, all = Rates.Length + (decay is null ? Decays.Length : 0);
        progress?.Invoke(0, all);
        long Right(LinearProbeSettings settings)
        {
            using var fit = NewDisposeScope();
            var weights = LinearProbe.Train(train, taught, classCount, seed, settings, cancellation: cancellation);
            // One that diverged is worse than any.
            long right = !LinearProbe.AreFinite(weights) ? -1 : held.mm(weights).argmax(1).eq(truth).sum().cpu().item<long>();
            progress?.Invoke(++done, all);
            return right;
        }

        // MaxBy takes the first of equals.
        var byRate = Rates.Select(rate => usual with { LearningRate = rate }).Select(settings => (settings, Right: Right(settings))).ToArray();
        var best = byRate.MaxBy(pair => pair.Right);
        if (decay is not null) return (best.settings, heldOut.Length);
        var byDecay = Decays.Select(each => best.settings with { WeightDecay = each }).Select(settings => (settings, Right: Right(settings)));
        return (byDecay.Prepend(best).ToArray().MaxBy(pair => pair.Right).settings, heldOut.Length);
    }

    /// <summary>Images to train on and images to choose by, as <see cref="LabelDraw.HoldOut"/> parts them, of each class in the same proportion.</summary>
    internal static (int[] Train, int[] Validation) Split(int[] classes, int classCount, long seed)
    {
        var (train, validation) = LabelDraw.HoldOut(LabelDraw.Of(classes, classCount, new LabelBudget(1, null), seed, 0), classes);
        if (validation.Length == 0) return (train, validation);
        return (Some(train, classes, Math.Max(MostToTrainOn, classes.Length / LeastShareToTrainOn), LabelDraw.LeastToHoldOutFrom - LeastToChooseByOfAClass),
            Some(validation, classes, MostToChooseBy, LeastToChooseByOfAClass));
    }

    /// <summary>So many of some images, the first of each class in proportion to its size, but so many of each at least.</summary>
    private static int[] Some(int[] images, int[] classes, int most, int leastOfAClass)
    {
        if (images.Length <= most) return images;
        var sizes = images.CountBy(i => classes[i]).ToDictionary();
        var taken = new Dictionary<int, int>();
        return [.. images.Where(i =>
        {
            int c = classes[i], place = taken[c] = taken.GetValueOrDefault(c) + 1;
            return place <= Math.Max(leastOfAClass, (long)sizes[c] * most / images.Length);
        })];
    }
}
