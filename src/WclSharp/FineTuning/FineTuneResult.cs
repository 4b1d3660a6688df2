using System.Text.Json.Serialization;
using WclSharp.Evaluation;

namespace WclSharp.FineTuning;

/// <summary>The classifier that a study keeps: the first draw's of most labels.</summary>
public sealed record SavedClassifier
{
    /// <summary>Labels that it was trained on.</summary>
    public required long Labels { get; init; }

    /// <summary>Share of the test images that it gets right, 0 to 1.</summary>
    public required double Accuracy { get; init; }

    /// <summary>What it takes the test images for, by class.</summary>
    public required IReadOnlyList<ClassifiedClass> Classes { get; init; }
}

/// <summary>Accuracies with a number of labels: means over draws, and half-widths of their 95 % intervals by Student's t, null with one draw or where all have the same figure, given one choice of rates and stops where <see cref="ValidationLabels"/> is above 0, made on the first draw. With all labels, where nothing is drawn, intervals are over seeds of training, and null for kNN and linear classifier. Shares, 0 to 1.</summary>
public sealed record FineTuneRow
{
    /// <summary>What was asked for, for people: a share of the labels, or labels of each class.</summary>
    public required string Budget { get; init; }

    /// <summary>Share of all labels that were trained on.</summary>
    public required double Fraction { get; init; }

    /// <summary>Labels that were trained on.</summary>
    public required long Labels { get; init; }

    /// <summary>Draws that the means are of.</summary>
    public required int Draws { get; init; }

    /// <summary>Whether the draws have so many labels in common that their spread says too little of other labels.</summary>
    internal bool DrawsOverlap => Draws > 1 && Fraction is > LargestShareApart and < 1;

    private const double LargestShareApart = 0.11; // a tenth, rounded up to whole images

    /// <summary>Fine-tuned from the pretrained encoder.</summary>
    public required double FinetuneMean { get; init; }

    /// <summary>Half-width of its interval.</summary>
    public double? FinetuneCi95 { get; init; }

    /// <summary>Fine-tuned: mean over the classes of the test images of their accuracies, in which a rare class counts as much as a frequent one (balanced accuracy); null where a draw is of a version that did not count it.</summary>
    public double? FinetuneBalancedAccuracy { get; init; }

    /// <summary>The same network from scratch; null where it was not trained.</summary>
    public double? ScratchMean { get; init; }

    /// <summary>Half-width of its interval.</summary>
    public double? ScratchCi95 { get; init; }

    /// <summary>From scratch, as <see cref="FinetuneBalancedAccuracy"/>.</summary>
    public double? ScratchBalancedAccuracy { get; init; }

    /// <summary>Fine-tuned less from scratch, draw by draw: mean of the differences, -1 to 1; null where there is nothing from scratch.</summary>
    public double? ScratchDifference { get; init; }

    /// <summary>Half-width of its interval. Fine-tuning differs from training from scratch where the interval excludes 0.</summary>
    public double? ScratchDifferenceCi95 { get; init; }

    /// <summary>Labels of the first draw that rates and stops were chosen on; 0 where nothing was chosen.</summary>
    public long ValidationLabels { get; init; }

    /// <summary>Peak learning rate of the encoder, chosen on the first draw or given.</summary>
    public double? Lr { get; init; }

    /// <summary>Share of the steps after which fine-tuning stopped, chosen on the first draw; 1 where it was not chosen.</summary>
    public double? StopAt { get; init; }

    /// <summary>Peak learning rate from scratch, as <see cref="Lr"/>; null where it was not trained.</summary>
    public double? ScratchLr { get; init; }

    /// <summary>Where training from scratch stopped, as <see cref="StopAt"/>.</summary>
    public double? ScratchStopAt { get; init; }

    /// <summary>Nearest labelled images on frozen features.</summary>
    public required double KnnMean { get; init; }

    /// <summary>Half-width of its interval.</summary>
    public double? KnnCi95 { get; init; }

    /// <summary>kNN, as <see cref="FinetuneBalancedAccuracy"/>.</summary>
    public double? KnnBalancedAccuracy { get; init; }

    /// <summary>Linear classifier on frozen features.</summary>
    public required double LinearMean { get; init; }

    /// <summary>Half-width of its interval.</summary>
    public double? LinearCi95 { get; init; }

    /// <summary>Linear classifier, as <see cref="FinetuneBalancedAccuracy"/>.</summary>
    public double? LinearBalancedAccuracy { get; init; }
}

/// <summary>What a fine-tuning study left behind.</summary>
public sealed record FineTuneResult
{
    /// <summary>Absolute path of its folder.</summary>
    public required string Folder { get; init; }

    /// <summary>A row for each number of labels that the folder holds, fewest first.</summary>
    public required IReadOnlyList<FineTuneRow> Rows { get; init; }

    /// <summary>Labelled images that were classified.</summary>
    public required long TestImages { get; init; }

    /// <summary>The fine-tuned classifier of the most labels' first draw.</summary>
    public required string ClassifierFile { get; init; }

    /// <summary>Accuracy against the number of labels.</summary>
    public required string PlotFile { get; init; }

    /// <summary>The classifier of <see cref="ClassifierFile"/>, class by class; null where the folder was begun by a version that did not count.</summary>
    public SavedClassifier? Classifier { get; init; }

    /// <summary>What <c>finetune.json</c> holds of them.</summary>
    internal FineTuneReport Report { get; init; } = null!;

    /// <summary>The rows as lines of text.</summary>
    public IReadOnlyList<string> Table => FineTuneTable.Text(Rows);
}

/// <summary>One draw of one number of labels: a line of <c>draws.jsonl</c>.</summary>
internal sealed record FineTuneDraw
{
    public required string Budget { get; init; }
    public required int Draw { get; init; }
    public required long Labels { get; init; }
    public required double Fraction { get; init; }
    public required int Steps { get; init; }
    public required int ValidationLabels { get; init; }
    public required double Finetune { get; init; }
    public double? FinetuneBalancedAccuracy { get; init; }

    /// <summary>Of a draw whose classifier was kept: what it takes the test images for; null, and not written, else.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ClassifiedClass>? Classes { get; init; }

    /// <summary>SHA-256 of the file of that classifier.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ClassifierSha256 { get; init; }

    public required double Lr { get; init; }
    public required double StopAt { get; init; }
    public double? Scratch { get; init; }
    public double? ScratchBalancedAccuracy { get; init; }
    public double? ScratchLr { get; init; }
    public double? ScratchStopAt { get; init; }
    public required double Knn { get; init; }
    public double? KnnBalancedAccuracy { get; init; }
    public required double Linear { get; init; }
    public double? LinearBalancedAccuracy { get; init; }
    public required double Seconds { get; init; }
}
