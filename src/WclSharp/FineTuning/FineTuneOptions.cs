using WclSharp.Configuration;

namespace WclSharp.FineTuning;

/// <summary>Which encoder to fine-tune, with how many labels, and how.</summary>
public sealed record FineTuneOptions
{
    /// <summary>Run folder that <c>wcl pretrain</c> wrote.</summary>
    public required string Run { get; init; }

    /// <summary>Images to train on; null is the run's training images.</summary>
    public string? Data { get; init; }

    /// <summary>Labelled test images; null is the run's held-out ones, or, where <see cref="Data"/> is given, a part of that.</summary>
    public string? Test { get; init; }

    /// <summary>CSV or TSV file of <c>path,label</c> that names classes of <see cref="Data"/>; null is the run's.</summary>
    public string? Labels { get; init; }

    /// <summary>Shares of the labels to train with, above 0 to 1.</summary>
    public IReadOnlyList<double> LabelFractions { get; init; } = [];

    /// <summary>Labels of each class to train with, 1 or more.</summary>
    public IReadOnlyList<int> LabelsPerClass { get; init; } = [];

    /// <summary>Times that each number of labels is drawn anew, 1 or more. Default: 5.</summary>
    public int Draws { get; init; } = 5;

    /// <summary>Classify what comes out of the instance head's first layer instead of the encoder's features, as SimCLRv2 does (Chen et al. 2020, section 3).</summary>
    public bool FromHead { get; init; }

    /// <summary>Train the same network from scratch on the same labels.</summary>
    public bool Scratch { get; init; } = true;

    /// <summary>Passes over the labels, 1 or more; null is 20, or what makes 300 steps where that is more.</summary>
    public int? Epochs { get; init; }

    /// <summary>Peak learning rate of the pretrained encoder, 0 or more; null is 0.01, or the best of 0.01, 0.03 and 0.1 on a fifth of the labels where at least half of them are of classes with 25.</summary>
    public double? EncoderLearningRate { get; init; }

    /// <summary>Peak learning rate of the classifier on top of it, 0 or more. Default: 0.1.</summary>
    public double HeadLearningRate { get; init; } = FineTuneRecipe.HeadRate;

    /// <summary>Peak learning rate of the network from scratch, 0 or more; null is 0.1, or the best of 0.03, 0.1 and 0.3 on a fifth of the labels where at least half of them are of classes with 25.</summary>
    public double? ScratchLearningRate { get; init; }

    /// <summary>Probability of a vertical flip of the images that are trained on, 0 to 1; for images without an up or down. It is not taken from the run. Default: 0.</summary>
    public double VerticalFlip { get; init; }

    /// <summary>Probability of a rotation by 90, 180 or 270 degrees, each as likely, of the images that are trained on, 0 to 1; for images without an up or down. It is not taken from the run. Default: 0.</summary>
    public double Rotation { get; init; }

    /// <summary>Seed of the draws, the order, the augmentation and the weights that start at random; null is the run's.</summary>
    public long? Seed { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Folder of the results; null is <c>finetune</c> in the run's. One that holds results of the same options goes on where they end.</summary>
    public string? Out { get; init; }

    internal static NumberRange FractionRange => NumberRange.ShareAboveZero;

    /// <summary>Of labels, draws and epochs.</summary>
    internal static NumberRange CountRange => NumberRange.AtLeastOne;

    /// <summary>Of learning rates; 0 leaves weights as they are.</summary>
    internal static NumberRange RateRange => NumberRange.NotNegative;

    /// <summary>The values that <see cref="VerticalFlip"/> and <see cref="Rotation"/> take.</summary>
    internal static NumberRange ProbabilityRange => NumberRange.Share;

    /// <summary>Checks what does not depend on the data.</summary>
    /// <exception cref="WclUsageException">A value is out of range.</exception>
    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(LabelFractions);
        ArgumentNullException.ThrowIfNull(LabelsPerClass);
        GivenOption.RequirePath(Run, "RUN", "name the folder that wcl pretrain wrote");
        GivenOption.RequirePaths(("--data", Data), ("--test", Test), ("--labels", Labels), ("--out", Out));
        foreach (double fraction in LabelFractions) FractionRange.Require(fraction, "A share of --label-fraction", "such as 0.01,0.1");
        foreach (int count in LabelsPerClass) CountRange.Require(count, "A number of --labels-per-class");
        CountRange.Require(Draws, "--draws", "3 or more give an interval worth reading");
        CountRange.Require(Epochs, "--epochs");
        ProbabilityRange.Require(VerticalFlip, "--vertical-flip");
        ProbabilityRange.Require(Rotation, "--rotation");
        foreach (var (name, rate) in ((string, double?)[])[("--lr", EncoderLearningRate), ("--head-lr", HeadLearningRate), ("--scratch-lr", ScratchLearningRate)]) RateRange.Require(rate, name);
    }
}
