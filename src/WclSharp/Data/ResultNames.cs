namespace WclSharp.Data;

/// <summary>The files by which a folder of results is known: pictures in one are no training images.</summary>
internal static class ResultNames
{
    /// <summary>What a run, a comparison and a study have, beside one of <see cref="Records"/>.</summary>
    public const string Config = "config.json";

    /// <summary>The encoder's weights in the folder of a run or of a checkpoint.</summary>
    public const string Encoder = "encoder.safetensors";

    /// <summary>The classifier in the folder of a fine-tuning or of a distillation.</summary>
    public const string Classifier = "classifier.safetensors";

    /// <summary>The picture that <c>wcl suggest</c> writes beside its list.</summary>
    public const string Sheet = "suggestions.png";

    /// <summary>That list.</summary>
    public const string SuggestionList = "suggestions.csv";

    /// <summary>The folder of a run's, a comparison's and a study's pictures.</summary>
    public const string Plots = "plots";

    /// <summary>Files that results hang on: nobody names one to be overwritten by another result.</summary>
    private static readonly string[] Kept =
    [
        Config, Encoder, Classifier, "checkpoint.safetensors", "metrics.jsonl", "summary.json", "train.log", "draws.jsonl", "finetune.json", "compare.json", "compared.json", "diverged.json",
    ];

    /// <summary>Whether a path is one of the files of a folder of results, or of its checkpoints.</summary>
    public static bool IsOfResults(string path)
    {
        if (!File.Exists(path) || Path.GetDirectoryName(Path.GetFullPath(path)) is not { } folder) return false;
        if (Kept.Contains(Path.GetFileName(path)) && File.Exists(Path.Combine(folder, Config))) return true;
        // RUN/checkpoints/last.json, RUN/checkpoints/step-00000010/heads.safetensors
        for (int level = 0; level < 2 && folder is not null; level++, folder = Path.GetDirectoryName(folder))
            if (Path.GetFileName(folder) == Checkpoints && Path.GetDirectoryName(folder) is { } run && File.Exists(Path.Combine(run, Config))) return true;
        return false;
    }

    /// <summary>The folder of a run's checkpoints.</summary>
    private const string Checkpoints = "checkpoints";

    /// <summary>What they record.</summary>
    public static readonly string[] Records = ["train.log", "metrics.jsonl", "compare.json", "draws.jsonl"];
}
