using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Kernels;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.FineTuning;

/// <summary>Trains a classifier on a few labelled images: cross-entropy, everything trains.</summary>
/// <param name="images">Images.</param>
/// <param name="facts">Input size and normalisation.</param>
/// <param name="seed">Seed of order and augmentation.</param>
/// <param name="compute">Where and in what format.</param>
internal sealed class ClassifierTrainer(ImageDataset images, EncoderFacts facts, long seed, ComputeDevice compute)
{
    private const int LooksAtValidation = 10;
    private readonly Augmenter augmenter = new(facts.ImageSize, facts.Normalization, seed, compute.Device);
    private readonly CounterRandom order = new(seed, RandomPurpose.FineTuning);

    /// <summary>Trains, and looks ten times at how well labels are told that are not trained on, where there are such.</summary>
    /// <param name="network">Network; left in evaluation mode.</param>
    /// <param name="rows">Labelled images to train on.</param>
    /// <param name="validation">Labelled images to look at; may be empty.</param>
    /// <param name="recipe">How.</param>
    /// <param name="progress">Told how many steps are done.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>The best accuracy at a look, 0 to 1, and the share of the steps after which it was, of equals the last; null without looks.</returns>
    /// <exception cref="DivergedException">The loss or, at the end, the weights are not finite.</exception>
    public (double Accuracy, double StopAt)? Train(ClassifierNetwork network, int[] rows, int[] validation, FineTuneRecipe recipe, Action<int>? progress, CancellationToken cancellation)
    {
        var (pretrainedParameters, scoreParameters) = network.Parameters;
        using var pretrained = new Sgd(pretrainedParameters, recipe.WeightDecay);
        using var scores = new Sgd(scoreParameters, recipe.WeightDecay);
        var schedule = new LearningRateSchedule(1, recipe.WarmupSteps, recipe.Steps);
        using var chosenBy = validation.Length > 0 ? images.Subset(validation) : null;
        using var loader = new BatchLoader(images, 1, seed, workers: 1);
        (double Accuracy, double StopAt)? best = null;
        network.Train(true);
        int looked = 0, steps = recipe.StepsTaken;
        foreach (var (step, (drawn, places, round)) in Batches(rows.Length).Take(steps).Index())
        {
            cancellation.ThrowIfCancellationRequested();
            using (var batch = loader.Assemble(Array.ConvertAll(drawn, i => rows[i])))
            {
                pretrained.ZeroGradients();
                scores.ZeroGradients();
                Backward(network, batch, places, round, step, last: step + 1 == steps, recipe);
            }

            double share = schedule.At(step);
            pretrained.Step(share * recipe.Pretrained);
            scores.Step(share * recipe.Scores);
            progress?.Invoke(step + 1);
            int due = LooksDue(step + 1, recipe.Steps);
            if (chosenBy is null || due == looked) continue;
            looked = due;
            double accuracy = network.Accuracy(augmenter, chosenBy, cancellation).Share;
            if (!(accuracy < best?.Accuracy)) best = (accuracy, (step + 1) / (double)recipe.Steps);
        }

        // The last step's loss is of the weights before it.
        if (!FiniteLoss.AreFinite([network.Encoder, network.Top])) throw new DivergedException($"The classifier's weights are not finite after step {steps} of fine-tuning; {DivergenceAdvice.OfFineTuning(recipe.RateOptions, steps)}.");
        network.Train(false);
        return best;
    }

    /// <summary>Looks that are due when so many steps are done.</summary>
    internal static int LooksDue(int done, int steps) => (int)((long)done * LooksAtValidation / steps);

    /// <param name="network">The network.</param>
    /// <param name="batch">Images.</param>
    /// <param name="counters">Place of each in the stream of images, within its round.</param>
    /// <param name="round">Which 2^31 images of the stream they are among, from 0.</param>
    /// <param name="step">Which step, for messages.</param>
    /// <param name="last">Whether it is the last step.</param>
    /// <param name="recipe">How its views are made, and the options that set its rates, for messages.</param>
    private void Backward(ClassifierNetwork network, ImageBatch batch, int[] counters, int round, int step, bool last, FineTuneRecipe recipe)
    {
        using var scope = NewDisposeScope();
        // An image that comes twice in a batch is augmented in two ways: the counter is its place in the stream of images.
        var views = augmenter.Augment(ImageTensor.Of(batch, compute.Device), counters, round, 0, recipe.Views);
        var targets = Upload.To(compute.Device, Array.ConvertAll(batch.Indices, i => (long)images.Labels[i]));
        var loss = nn.functional.cross_entropy(network.Scores(views), targets);
        FiniteLoss.Require(loss, step, last, value => $"The loss is {value} at step {step} of fine-tuning; {DivergenceAdvice.OfFineTuning(recipe.RateOptions, step)}.");
        BackwardErrors.Run(() => loss.backward());
    }

    /// <summary>Batches without end, in the same two arrays: the images in a new order each pass, with the place of each in the stream, of which a round is 2^31, a whole number of batches.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="firstPass">The pass to begin with.</param>
    internal IEnumerable<(int[] Drawn, int[] Places, int Round)> Batches(int count, int firstPass = 0)
    {
        int[] drawn = new int[FineTuneRecipe.Batch], places = new int[FineTuneRecipe.Batch];
        int filled = 0;
        for (int pass = firstPass; ; pass++)
        {
            foreach (var (i, row) in order.Permutation(count, pass).Index())
            {
                long place = (long)pass * count + i;
                (drawn[filled], places[filled]) = (row, (int)(place & int.MaxValue));
                if (++filled < drawn.Length) continue;
                yield return (drawn, places, (int)(place >> 31));
                filled = 0;
            }
        }
    }
}
