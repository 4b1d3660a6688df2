using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Distillation;

/// <summary>Whose knowledge goes into which network, on which images, and how.</summary>
public sealed record DistillOptions
{
    /// <summary>Classifier to learn from: a <c>classifier.safetensors</c>, a folder that holds one, or a run folder that was fine-tuned.</summary>
    public required string Teacher { get; init; }

    /// <summary>Images to learn on, labelled or not; null is the training images of the run that <see cref="Teacher"/> names.</summary>
    public string? Data { get; init; }

    /// <summary>Labelled test images; null is the run's, or none where <see cref="Data"/> is given: the teacher may have learnt from any of those.</summary>
    public string? Test { get; init; }

    /// <summary>CSV or TSV file of <c>path,label</c> that names classes of <see cref="Data"/>; null is the run's where its images are learnt on, else none.</summary>
    public string? Labels { get; init; }

    /// <summary>Train on a random subset of so many images, 2 or more, drawn by <see cref="Seed"/>; null is all. What is tested with is not among them.</summary>
    public int? Limit { get; init; }

    /// <summary>Student's network; null is the teacher's.</summary>
    public EncoderArch? Arch { get; init; }

    /// <summary>Student's width, a multiple of 4 from 4 to 512, 64 being standard; null is the teacher's.</summary>
    public int? Width { get; init; }

    /// <summary>Weights that the student's encoder starts with, a run folder, a .safetensors file or a PyTorch state dict (.pth); null starts at random.</summary>
    public string? Init { get; init; }

    /// <summary>Passes over the images, 1 or more. Default: 30.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Images per step, 2 or more. Default: 128.</summary>
    public int Batch { get; init; } = 128;

    /// <summary>Peak learning rate, above 0. Default: 0.1.</summary>
    public double LearningRate { get; init; } = 0.1;

    /// <summary>L2 weight decay, 0 or more. Default: 5e-4.</summary>
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>Temperature of both networks' probabilities, 1e-6 to 1e6; above 1 softens them. The teacher's loss is multiplied by its square, so that its gradient keeps its size.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Share of the loss that is cross-entropy with the labels of labelled images, 0 to 1; the rest is the teacher's.</summary>
    public double LabelMix { get; init; }

    /// <summary>Seed of what <see cref="Limit"/> draws, the order, the augmentation and the weights that start at random.</summary>
    public long Seed { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Folder of the results; null is <c>distilled</c> beside the teacher's file. One that holds a part of the same distillation goes on where it ends.</summary>
    public string? Out { get; init; }

    internal static NumberRange LabelMixRange => NumberRange.Share;

    /// <summary>Checks what does not depend on the data.</summary>
    /// <exception cref="WclUsageException">A value is out of range.</exception>
    internal void Validate()
    {
        GivenOption.RequirePath(Teacher, "The teacher", "name a classifier.safetensors, a folder that holds one, or a run folder that was fine-tuned");
        GivenOption.RequirePaths(("--data", Data), ("--test", Test), ("--labels", Labels), ("--init", Init), ("--out", Out));
        GivenOption.RequireMember(Arch, "--arch");
        NumberRange.AtLeastTwo.Require(Limit, "--limit");
        NumberRange.Width.Require(Width, "--width", "64 is standard");
        NumberRange.Epochs.Require(Epochs, "--epochs");
        NumberRange.AtLeastTwo.Require(Batch, "--batch");
        NumberRange.Positive.Require(LearningRate, "--lr");
        NumberRange.NotNegative.Require(WeightDecay, "--weight-decay");
        NumberRange.Temperature.Require(Temperature, "--temperature");
        LabelMixRange.Require(LabelMix, "--label-mix", "0: the teacher alone, 1: the labels alone");
    }
}
