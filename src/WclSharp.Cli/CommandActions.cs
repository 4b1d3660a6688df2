using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli;

/// <summary>What was pretrained.</summary>
/// <param name="RunFolder">Absolute path of the run folder.</param>
/// <param name="Summary">What it came to.</param>
internal sealed record PretrainOutcome(string RunFolder, RunSummary Summary);

/// <summary>A run to evaluate, and on what; null is what the run was trained with.</summary>
internal sealed record EvaluateRequest(string Run, string? Data, string? Test, string? Labels, int? KnnK, string Device);

/// <summary>What an evaluation measured.</summary>
/// <param name="Knn">kNN top-1 accuracy, 0 to 1.</param>
/// <param name="KnnK">Neighbours.</param>
/// <param name="TrainImages">Images that the neighbours come from.</param>
/// <param name="TestImages">Images that were classified.</param>
/// <param name="Epoch">Epoch of the checkpoint.</param>
/// <param name="Seconds">Seconds it took.</param>
internal sealed record EvaluateOutcome(double Knn, int KnnK, long TrainImages, long TestImages, int Epoch, double Seconds);

/// <summary>The work behind the commands: the library, or something else in tests.</summary>
internal sealed record CommandActions(
    Func<PretrainOptions, IProgress<PretrainProgress>, CancellationToken, PretrainOutcome> Pretrain,
    Func<EvaluateRequest, IProgress<PretrainProgress>, CancellationToken, EvaluateOutcome> Evaluate)
{
    /// <summary>The library.</summary>
    public static CommandActions Library { get; } = new(
        (options, progress, stop) => throw new NotSupportedException("Pretraining is wired in when it is merged."),
        (request, progress, stop) => throw new NotSupportedException("Evaluation is wired in when it is merged."));
}
