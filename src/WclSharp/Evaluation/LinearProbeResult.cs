namespace WclSharp.Evaluation;

/// <summary>What a linear classifier on frozen features reaches on test images.</summary>
public sealed record LinearProbeResult
{
    /// <summary>Share of test images whose class has the largest score, 0 to 1.</summary>
    public required double Top1 { get; init; }

    /// <summary>Share whose class is among the five largest scores, 0 to 1; null where five classes or fewer are told, so that it says nothing.</summary>
    public double? Top5 { get; init; }

    /// <summary>Top-1 accuracy of each class that the test images have.</summary>
    public required IReadOnlyList<ClassAccuracy> PerClass { get; init; }

    /// <summary>Mean of these (balanced accuracy); differs from <see cref="Top1"/> where some classes have more test images than others.</summary>
    public double BalancedAccuracy => PerClass.Select(each => each.Accuracy).DefaultIfEmpty(double.NaN).Average();

    /// <summary>What test images of each class are predicted as; null where it was not asked for (<see cref="RunEvaluationOptions.LinearConfusion"/>) or there are more than 1,000 classes.</summary>
    public ConfusionMatrix? Confusion { get; init; }

    /// <summary>Labelled images that the classifier was trained on.</summary>
    public long TrainImages { get; init; }

    /// <summary>Labelled images that were classified.</summary>
    public long TestImages { get; init; }

    /// <summary>Learning rate and weight decay that it was trained with.</summary>
    public LinearProbeSettings Settings { get; init; } = new();

    /// <summary>Labelled training images that <see cref="Settings"/> were chosen on; 0 where they were not chosen.</summary>
    public long ValidationImages { get; init; }

    /// <summary>Whether it was trained on random crops and flips.</summary>
    public bool Augmented { get; init; }

    /// <summary>Seconds of training and classifying, features not included.</summary>
    public double Seconds { get; init; }
}

/// <summary>Accuracy on the test images of one class.</summary>
public sealed record ClassAccuracy
{
    /// <summary>The class.</summary>
    public required string Name { get; init; }

    /// <summary>Its test images.</summary>
    public required long Images { get; init; }

    /// <summary>Share of them whose class was predicted, 0 to 1.</summary>
    public required double Accuracy { get; init; }
}
