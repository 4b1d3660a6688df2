using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using WclSharp.Data;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Linear probe: multinomial logistic regression on frozen features, softmax(W^T x + b). Features come from the encoder in
/// eval mode, without augmentation, computed once; each is brought to unit length, then standardised with the training images' mean and deviation.
/// Training is the usual protocol: SGD with Nesterov momentum 0.9, learning rate 0.2 x batch / 256, no weight decay,
/// 80 epochs, half a cosine to 0 step by step. <see cref="LinearProbeSearch"/> can choose rate and decay; nothing is chosen on the test images.
/// </summary>
/// <remarks>
/// The gradient is written out: of the mean cross-entropy by the scores it is (p - y) / B, by the weights x^T (p - y) / B.
/// An autograd graph would cost more than the two products. Weights start at zero (the problem is convex), so that only the order of the batches is random.
/// </remarks>
internal static class LinearProbe
{
    /// <summary>Images per step; a smaller set is one step an epoch.</summary>
    public const int Batch = 256;

    /// <summary>Passes over the training features.</summary>
    public const int Epochs = 80;

    private const int TopCount = 5;
    private const int EvaluationTile = 4096; // test rows at a time
    private const double SmallestRelativeDeviation = 1e-5; // float32 rounding of a column that is constant
    private static readonly Scalar Momentum = 0.9, One = 1, MinusOne = -1;

    /// <summary>The protocol, for people.</summary>
    /// <param name="settings">Learning rate and decay.</param>
    /// <param name="augmented">Whether it was trained on features of augmented images.</param>
    /// <param name="validationImages">Training images that the settings were chosen on; 0 where they were not chosen.</param>
    /// <param name="decayGiven">Whether only the rate was chosen.</param>
    public static string Protocol(LinearProbeSettings settings, bool augmented = false, long validationImages = 0, bool decayGiven = false)
    {
        string inputs = augmented ? "features of random crops and flips, new ones each epoch" : "cached features without augmentation";
        string decay = settings.WeightDecay == 0 ? "no weight decay" : FormattableString.Invariant($"weight decay {settings.WeightDecay} (none on the bias)");
        string chosen = validationImages > 0 ? FormattableString.Invariant($"; {(decayGiven ? "rate" : "rate and decay")} chosen on {validationImages} of the training images") : "";
        return FormattableString.Invariant($"multinomial logistic regression on {inputs}, brought to unit length, then standardised with the training images' mean and deviation; SGD, Nesterov momentum 0.9, ")
            + FormattableString.Invariant($"learning rate {settings.LearningRate} x batch / {Batch}, batch {Batch}, {decay}, {Epochs} epochs, cosine to 0{chosen}");
    }

    /// <summary>Trains on the labelled training images and classifies the labelled test images.</summary>
    /// <param name="gallery">Features of <paramref name="train"/>, [M, F] float32. Not owned.</param>
    /// <param name="train">Images that are trained on; those without a class are left out.</param>
    /// <param name="queries">Features of <paramref name="test"/>, [Q, F] float32. Not owned.</param>
    /// <param name="test">Images that are classified; those without a class do not count.</param>
    /// <param name="seed">Seed of the order of the batches.</param>
    /// <param name="progress">Told how many epochs are done; may be null.</param>
    /// <param name="cancellation">Stops between epochs.</param>
    /// <param name="settings">Learning rate and decay; null is the usual protocol's.</param>
    /// <param name="views">Features of an epoch's augmented views of the labelled images of <paramref name="train"/>, in their order, which it hands over; null trains on <paramref name="gallery"/>.</param>
    /// <param name="confusion">Whether to count which classes are predicted for which: C x C numbers, which are left out above <see cref="ConfusionMatrix.MostClasses"/>.</param>
    /// <returns>Accuracies; null where one side has no labels.</returns>
    /// <exception cref="WclException">Features or weights are not finite.</exception>
    public static LinearProbeResult? Measure(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, long seed,
        Action<int>? progress, CancellationToken cancellation, LinearProbeSettings? settings = null, Func<int, Tensor>? views = null, bool confusion = false)
    {
        settings ??= new LinearProbeSettings();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long start = Stopwatch.GetTimestamp();
        var (taught, classes) = LabelledRows.Of(gallery, train);
        var (asked, truth) = LabelledRows.Of(queries, test);
        if (truth.Length == 0 || classes.Length == 0) return null;

        // The test images may have further classes, behind those that can be told: no score is theirs.
        string[] names = [.. (train.ClassNames.Count >= test.ClassNames.Count ? train : test).ClassNames];
        int told = train.ClassNames.Count;
        var standard = Standardisation.Of(taught);
        var weights = Train(standard.Apply(taught), classes, told, seed, settings, progress, cancellation,
            views is null ? null : Views); // [F + 1, C]
        if (!AreFinite(weights)) throw Diverged(taught, settings);
        int[][] best = Best(weights, standard.Apply(asked), Math.Min(TopCount, told));
        Tensor Views(int epoch)
        {
            using var features = views(epoch);
            return standard.Apply(features);
        }

        double Share(Func<int, bool> right) => Enumerable.Range(0, truth.Length).Count(right) / (double)truth.Length;
        return new LinearProbeResult
        {
            Top1 = Share(i => best[i][0] == truth[i]),
            Top5 = told > TopCount ? Share(i => best[i].Contains(truth[i])) : null,
            PerClass =
            [
                .. Enumerable.Range(0, truth.Length).GroupBy(i => truth[i]).OrderBy(group => group.Key)
                    .Select(group => new ClassAccuracy { Name = names[group.Key], Images = group.Count(), Accuracy = group.Count(i => best[i][0] == truth[i]) / (double)group.Count() }),
            ],
            Confusion = confusion && names.Length <= ConfusionMatrix.MostClasses ? ConfusionMatrix.Of(names, truth, Array.ConvertAll(best, row => row[0])) : null,
            TrainImages = classes.Length,
            TestImages = truth.Length,
            Settings = settings,
            Augmented = views is not null,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    /// <summary>Fits the classifier.</summary>
    /// <param name="inputs">Standardised features with a last column of ones, [M, F + 1] float32.</param>
    /// <param name="classes">M classes, each from 0 to <paramref name="classCount"/> - 1.</param>
    /// <param name="classCount">C, number of classes.</param>
    /// <param name="seed">Seed of the order of the batches.</param>
    /// <param name="settings">Learning rate and decay; null is the usual protocol's.</param>
    /// <param name="progress">Told how many epochs are done; may be null.</param>
    /// <param name="cancellation">Stops between epochs.</param>
    /// <param name="views">Inputs of an epoch instead of <paramref name="inputs"/>, of the same shape; null trains on these in every epoch.</param>
    /// <returns>[F + 1, C] float32; the last row is the bias. The caller owns it.</returns>
    /// <exception cref="ArgumentException">There is not one class for each row.</exception>
    internal static Tensor Train(Tensor inputs, int[] classes, int classCount, long seed, LinearProbeSettings? settings = null, Action<int>? progress = null,
        CancellationToken cancellation = default, Func<int, Tensor>? views = null)
    {
        settings ??= new LinearProbeSettings();
        int images = (int)inputs.size(0);
        if (images != classes.Length) throw new ArgumentException($"{classes.Length} classes for features of shape {ShapeText.Of(inputs)}.");
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int batch = Math.Min(Batch, images), stepsPerEpoch = (images + batch - 1) / batch;
        var schedule = new LearningRateSchedule(settings.LearningRate * batch / Batch, 0, (long)Epochs * stepsPerEpoch);
        var order = new CounterRandom(seed, RandomPurpose.Evaluation);
        var targets = tensor(Array.ConvertAll(classes, c => (long)c), device: inputs.device).unsqueeze(1);   // [M, 1]
        var weights = zeros([inputs.size(1), classCount], device: inputs.device);
        var velocity = zeros_like(weights);
        using Scalar? decay = settings.WeightDecay > 0 ? settings.WeightDecay : null;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var epochScope = NewDisposeScope();
            var rows = tensor(Array.ConvertAll(order.Permutation(images, epoch), i => (long)i), device: inputs.device);
            var shown = views?.Invoke(epoch) ?? inputs;
            for (int step = 0; step < stepsPerEpoch; step++)
            {
                int count = Math.Min(batch, images - step * batch);
                using Scalar minusRate = -schedule.At((long)epoch * stepsPerEpoch + step);
                TakeStep(shown, targets, rows.narrow(0, (long)step * batch, count), weights, velocity, minusRate, decay);
            }

            progress?.Invoke(epoch + 1);
        }

        return weights.MoveToOuterDisposeScope();
    }

    /// <summary>Whether a fit did not diverge. Waits for the device.</summary>
    internal static bool AreFinite(Tensor weights)
    {
        using var scope = NewDisposeScope();
        return weights.isfinite().all().item<bool>();
    }

    private static Training.DivergedException Diverged(Tensor features, LinearProbeSettings settings) => new(AreFinite(features)
        ? FormattableString.Invariant($"The linear classifier diverges with learning rate {settings.LearningRate} (--linear-lr) and weight decay {settings.WeightDecay} (--linear-decay), so it has no accuracy; use smaller ones.")
        : "The encoder's features are not finite, so no linear classifier can be trained on them; its training has diverged.");

    /// <summary>v = m v + g; w = w - lr (g + m v), Nesterov's momentum as PyTorch's SGD has it.</summary>
    private static void TakeStep(Tensor inputs, Tensor targets, Tensor rows, Tensor weights, Tensor velocity, Scalar minusRate, Scalar? decay)
    {
        using var scope = NewDisposeScope();
        using Scalar share = 1.0 / rows.size(0);
        var x = inputs.index_select(0, rows);                                  // [B, F + 1]
        var excess = x.mm(weights).softmax(1);                                 // [B, C], p
        excess.scatter_add_(1, targets.index_select(0, rows), full([rows.size(0), 1], MinusOne, ScalarType.Float32, inputs.device)); // p - y
        var gradient = x.T.mm(excess).mul_(share);                             // [F + 1, C]
        long features = inputs.size(1) - 1; // all rows but the bias
        if (decay is not null) gradient.narrow(0, 0, features).add_(weights.narrow(0, 0, features), decay);
        velocity.mul_(Momentum).add_(gradient, One);
        gradient.add_(velocity, Momentum);
        weights.add_(gradient, minusRate);
    }

    /// <summary>The classes with the largest scores of each row, best first.</summary>
    internal static int[][] Best(Tensor weights, Tensor inputs, int count)
    {
        var result = new List<int[]>((int)inputs.size(0));
        for (long first = 0; first < inputs.size(0); first += EvaluationTile)
        {
            using var scope = NewDisposeScope();
            var scores = inputs.narrow(0, first, Math.Min(EvaluationTile, inputs.size(0) - first)).mm(weights); // [q, C]
            long[] flat = scores.topk(count, 1).indexes.cpu().data<long>().ToArray();
            for (int i = 0; i < flat.Length; i += count) result.Add(Array.ConvertAll(flat[i..(i + count)], c => (int)c));
        }

        return [.. result];
    }

    /// <summary>(x - mean) / deviation of each column, and a column of ones for the bias.</summary>
    internal sealed record Standardisation(Tensor Mean, Tensor Deviation)
    {
        /// <summary>Mean and deviation of the columns of [M, F]; a column that does not vary is only centred.</summary>
        public static Standardisation Of(Tensor features)
        {
            using var scope = NewDisposeScope(); // what is as large as the features goes at once
            var mean = features.mean([0L], keepdim: true);                              // [1, F]
            var deviation = features.sub(mean).square().mean([0L], keepdim: true).sqrt();
            var varies = deviation.gt(mean.abs().mul(SmallestRelativeDeviation)).logical_and(deviation.gt(0));
            return new(mean.MoveToOuterDisposeScope(), where(varies, deviation, ones_like(deviation)).MoveToOuterDisposeScope());
        }

        /// <summary>[M, F] to [M, F + 1].</summary>
        public Tensor Apply(Tensor features)
        {
            using var scope = NewDisposeScope();
            return cat([features.sub(Mean).div_(Deviation), ones([features.size(0), 1], device: features.device)], 1).MoveToOuterDisposeScope();
        }
    }
}
