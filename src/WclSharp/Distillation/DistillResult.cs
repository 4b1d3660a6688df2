using WclSharp.Evaluation;

namespace WclSharp.Distillation;

/// <summary>What a distillation left behind.</summary>
public sealed record DistillResult
{
    /// <summary>Absolute path of its folder.</summary>
    public required string Folder { get; init; }

    /// <summary>The student: weights with torchvision's names, classes as metadata.</summary>
    public required string ClassifierFile { get; init; }

    /// <summary>Images that were learnt on.</summary>
    public required long TrainImages { get; init; }

    /// <summary>Labelled images that were tested with; 0 where there were none.</summary>
    public required long TestImages { get; init; }

    /// <summary>Share of the test images that the teacher gets right, 0 to 1; null without test images.</summary>
    public double? TeacherAccuracy { get; init; }

    /// <summary>Share of the test images that the student gets right after the last epoch, 0 to 1; null without test images.</summary>
    public double? StudentAccuracy { get; init; }

    /// <summary>Teacher: mean over the classes of the test images of their accuracies, 0 to 1, in which a rare class counts as much as a frequent one (balanced accuracy); null without test images.</summary>
    public double? TeacherBalancedAccuracy { get; init; }

    /// <summary>The same of the student.</summary>
    public double? StudentBalancedAccuracy { get; init; }

    /// <summary>What the student takes the test images for, by class; empty without test images.</summary>
    public IReadOnlyList<ClassifiedClass> StudentClasses { get; init; } = [];

    /// <summary>Student's accuracy less the teacher's, on the same images, -1 to 1; null without test images.</summary>
    public double? AccuracyDifference { get; init; }

    /// <summary>Lower end of the difference's 95 % interval, -1 to 1, which counts images that one of the two alone gets right; null without test images. They differ where it excludes 0.</summary>
    public double? AccuracyDifferenceCi95Low { get; init; }

    /// <summary>Upper end of that interval.</summary>
    public double? AccuracyDifferenceCi95High { get; init; }

    /// <summary>Share of images that both put into the same class, 0 to 1: of the test images, or of the training images where there are none.</summary>
    public required double Agreement { get; init; }

    /// <summary>Parameters of the teacher.</summary>
    public required long TeacherParameters { get; init; }

    /// <summary>Parameters of the student.</summary>
    public required long StudentParameters { get; init; }

    /// <summary>Epochs of the distillation.</summary>
    public required int Epochs { get; init; }

    /// <summary>Mean loss of the last epoch, nats.</summary>
    public required double Loss { get; init; }

    /// <summary>Seconds of training, all sittings together.</summary>
    public required double Seconds { get; init; }
}
