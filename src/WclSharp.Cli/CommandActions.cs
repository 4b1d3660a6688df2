using WclSharp.Classification;
using WclSharp.Comparisons;
using WclSharp.Distillation;
using WclSharp.Embedding;
using WclSharp.Evaluation;
using WclSharp.Export;
using WclSharp.FineTuning;
using WclSharp.Grouping;
using WclSharp.Search;
using WclSharp.Suggestions;
using WclSharp.Training;

namespace WclSharp.Cli;

/// <summary>The work behind the commands: the library, or something else in tests.</summary>
internal sealed record CommandActions(
    Func<PretrainOptions, IProgress<RunProgress>, CancellationToken, PretrainResult> Pretrain,
    Func<RunEvaluationOptions, IProgress<RunProgress>, CancellationToken, RunEvaluationResult> Evaluate)
{
    /// <summary>Compares methods.</summary>
    public Func<ComparisonOptions, IProgress<ComparisonProgress>, CancellationToken, ComparisonResult> Compare { get; init; } = Comparison.Run;

    /// <summary>Fine-tunes with few labels.</summary>
    public Func<FineTuneOptions, IProgress<RunProgress>, CancellationToken, FineTuneResult> Finetune { get; init; } = FineTune.Run;

    /// <summary>Distils a classifier into another network.</summary>
    public Func<DistillOptions, IProgress<RunProgress>, CancellationToken, DistillResult> Distill { get; init; } = Distillation.Distill.Run;

    /// <summary>Groups images.</summary>
    public Func<GroupOptions, IProgress<RunProgress>, CancellationToken, GroupResult> Group { get; init; } = ImageGrouping.Run;

    /// <summary>Suggests images to label.</summary>
    public Func<SuggestOptions, IProgress<RunProgress>, CancellationToken, SuggestResult> Suggest { get; init; } = LabelSuggestion.Run;

    /// <summary>Exports networks.</summary>
    public Func<ExportOptions, IProgress<RunProgress>, CancellationToken, ExportResult> Export { get; init; } = ModelExport.Run;

    /// <summary>Embeds images.</summary>
    public Func<EmbedOptions, IProgress<RunProgress>, CancellationToken, EmbedResult> Embed { get; init; } = ImageEmbedding.Run;

    /// <summary>Indexes images.</summary>
    public Func<IndexOptions, IProgress<RunProgress>, CancellationToken, EmbedResult> Index { get; init; } = ImageIndexing.Run;

    /// <summary>Classifies images.</summary>
    public Func<ClassifyOptions, IProgress<RunProgress>, CancellationToken, ClassifyResult> Classify { get; init; } = ImageClassification.Run;

    /// <summary>Searches an index.</summary>
    public Func<SearchOptions, IProgress<RunProgress>, CancellationToken, SearchResult> Search { get; init; } = ImageSearch.Run;

    /// <summary>The library.</summary>
    public static CommandActions Library { get; } = new(Pretraining.Run, RunEvaluation.Run);
}
