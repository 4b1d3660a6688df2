using TorchSharp;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Linear probe on given features: multinomial logistic regression, softmax(W^T x + b), on features that do not change, by the protocol of <c>wcl evaluate --linear</c>. Features are
/// standardised with the training rows' mean and deviation; training is SGD with Nesterov momentum 0.9, batches of 256, 80 epochs, half a cosine to 0. Learning rate and weight
/// decay are chosen on a part of the training rows, or given; test rows have no part in it.
/// </summary>
public sealed class LinearClassifier : IDisposable
{
    private readonly LinearProbe.Standardisation standard;
    private readonly Tensor weights; // [F + 1, C]; the last row is the bias

    private LinearClassifier(LinearProbe.Standardisation standard, Tensor weights, LinearProbeSettings settings, int validationRows) =>
        (this.standard, this.weights, Settings, ValidationRows) = (standard, weights, settings, validationRows);

    /// <summary>Learning rate and weight decay that it was trained with.</summary>
    public LinearProbeSettings Settings { get; }

    /// <summary>Training rows that <see cref="Settings"/> were chosen on, 10,000 at most; 0 where they were given, or the rows are too few to choose by.</summary>
    public int ValidationRows { get; }

    /// <summary>Trains one.</summary>
    /// <param name="features">Training features, [M, F] float32, rows of unit length (which the protocol has, and nothing checks); M is 1 or more. Not owned.</param>
    /// <param name="classes">Their classes, M integers from 0 to <paramref name="classCount"/> - 1.</param>
    /// <param name="classCount">C, number of classes, 1 or more.</param>
    /// <param name="seed">Seed of what is chosen by and of the order of the batches.</param>
    /// <param name="settings">Learning rate and weight decay; null chooses them on a part of the rows, of each class in proportion: ten classifiers are trained first.</param>
    /// <param name="cancellation">Stops between epochs.</param>
    /// <returns>The classifier, on the features' device; the caller disposes of it.</returns>
    /// <exception cref="ArgumentException">One of these does not hold; the message says which.</exception>
    /// <exception cref="DivergedException">Features or weights are not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static LinearClassifier Train(Tensor features, int[] classes, int classCount, long seed = 0, LinearProbeSettings? settings = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentOutOfRangeException.ThrowIfLessThan(classCount, 1);
        LabelledRows.RequireFloat32(features, nameof(features));
        if (features.size(0) == 0) throw new ArgumentException("There are no features to train on.", nameof(features));
        LabelledRows.RequireClasses(features, classes, classCount);
        if (settings is not null) Check(settings);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (!LinearProbe.AreFinite(features)) throw new DivergedException("The features are not finite, so no linear classifier can be trained on them.");

        int chosenOn = 0;
        if (settings is null) (settings, chosenOn) = LinearProbeSearch.Choose(features, classes, classCount, seed, decay: null, progress: null, cancellation);
        var standard = LinearProbe.Standardisation.Of(features);
        var weights = LinearProbe.Train(standard.Apply(features), classes, classCount, seed, settings, cancellation: cancellation);
        if (!LinearProbe.AreFinite(weights))
            throw new DivergedException(FormattableString.Invariant($"The linear classifier diverges with learning rate {settings.LearningRate} and weight decay {settings.WeightDecay}; use smaller ones."));
        standard.Mean.DetachFromDisposeScope();
        standard.Deviation.DetachFromDisposeScope();
        return new(standard, weights.DetachFromDisposeScope(), settings, chosenOn);
    }

    /// <summary>Predicted class of each query.</summary>
    /// <param name="queries">[Q, F] float32, brought to unit length where the training features were, on their device.</param>
    /// <returns>Q classes.</returns>
    /// <exception cref="ArgumentException">They have another form, or are not as wide as the training features.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    public int[] Predict(Tensor queries)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ObjectDisposedException.ThrowIf(weights.IsInvalid, this);
        LabelledRows.RequireFloat32(queries, nameof(queries));
        if (queries.size(1) != weights.size(0) - 1)
            throw new ArgumentException($"Queries of shape {ShapeText.Of(queries)} are not as wide as the training features, {weights.size(0) - 1}.", nameof(queries));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return Array.ConvertAll(LinearProbe.Best(weights, standard.Apply(queries), 1), row => row[0]);
    }

    /// <summary>Share of queries whose class is predicted, 0 to 1.</summary>
    /// <param name="queries">As for <see cref="Predict"/>.</param>
    /// <param name="truth">Their classes, Q integers; those of -1 do not count.</param>
    /// <returns>The share; not a number where none counts.</returns>
    /// <exception cref="ArgumentException">There is not one class for each query, or their features have another form.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    public double Accuracy(Tensor queries, int[] truth)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(truth);
        LabelledRows.RequireFloat32(queries, nameof(queries));
        if (queries.size(0) != truth.Length) throw new ArgumentException($"{truth.Length} classes for queries of shape {ShapeText.Of(queries)}; give one a row.", nameof(truth));
        return LabelledRows.ShareRight(Predict(queries), truth);
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        standard.Mean.Dispose();
        standard.Deviation.Dispose();
        weights.Dispose();
    }

    private static void Check(LinearProbeSettings settings)
    {
        if (!(settings.LearningRate > 0 && double.IsFinite(settings.LearningRate)))
            throw new ArgumentOutOfRangeException(nameof(settings), settings.LearningRate, "The learning rate is a finite number above 0.");
        if (!(settings.WeightDecay >= 0 && double.IsFinite(settings.WeightDecay)))
            throw new ArgumentOutOfRangeException(nameof(settings), settings.WeightDecay, "The weight decay is a finite number of 0 or more.");
    }
}
