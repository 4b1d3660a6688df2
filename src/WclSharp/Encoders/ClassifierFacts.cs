using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Native;
using WclSharp.Reporting;

namespace WclSharp.Encoders;

/// <summary>What a classifier's file says beyond its encoder.</summary>
/// <param name="ClassNames">Names of the classes, in the order of the scores.</param>
/// <param name="Hidden">Width of the head's first layer that the scores stand on; null where they stand on the encoder's features.</param>
internal sealed record ClassifierFacts(string[] ClassNames, int? Hidden)
{
    /// <summary>The classifier that a path stands for: a file, a folder that wcl finetune or wcl distill wrote, or a run folder.</summary>
    /// <exception cref="WclUsageException">A folder holds none.</exception>
    public static string Find(string source)
    {
        GivenOption.RequirePath(source, "The path of the classifier", "give a classifier.safetensors, its folder, or a run that was fine-tuned");
        if (!Directory.Exists(source)) return source;
        string own = Path.Combine(source, ResultNames.Classifier);
        string ofRun = Path.Combine(source, RunFolder.FineTuning, ResultNames.Classifier);
        return File.Exists(own) ? own
            : File.Exists(ofRun) ? ofRun
            : throw new WclUsageException($"'{source}' holds no classifier (neither {ResultNames.Classifier} nor {RunFolder.FineTuning}/{ResultNames.Classifier}); wcl finetune makes one.");
    }

    /// <summary>Whether a file holds a classifier, and not an encoder alone.</summary>
    public static bool AreIn(SafetensorsContent content) => content.Metadata.ContainsKey("classes") && content.Tensors.ContainsKey("fc.weight");

    /// <summary>Whether a path is that of such a file.</summary>
    /// <exception cref="WclUsageException">It cannot be read.</exception>
    public static bool IsOne(string path)
    {
        if (!Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase)) return false;
        using var content = SafetensorsFile.Read(path);
        return AreIn(content);
    }

    /// <summary>Reads the facts.</summary>
    /// <exception cref="WclUsageException">There is no classifier in the file, or its list of classes is damaged.</exception>
    public static ClassifierFacts Of(SafetensorsContent content, string path)
    {
        if (!AreIn(content)) throw new WclUsageException($"'{path}' holds an encoder but no classifier; wcl finetune makes one of it.");
        var (names, scores) = (content.Metadata["classes"], content["fc.weight"]);
        string[]? classes;
        try
        {
            classes = JsonSerializer.Deserialize<string[]>(names);
        }
        catch (JsonException e)
        {
            throw new WclUsageException($"'{path}' has a damaged list of classes: {e.Message}", e);
        }

        if (classes is null || scores.dim() != 2 || classes.Length != scores.size(0))
            throw new WclUsageException($"'{path}' names {classes?.Length ?? 0} classes for scores of shape {ShapeText.Of(scores)}; it is damaged.");
        content.Tensors.TryGetValue("head.linear1.weight", out var head);
        // Networks are made by these sizes before the weights are put into them.
        int features = EncoderWeights.FactsOf(content, path).FeatureSize;
        if (head is not null && (head.dim() != 2 || head.size(0) < 1 || head.size(1) != features))
            throw new WclUsageException($"'{path}' has a head of shape {ShapeText.Of(head)} on {features} features; it is damaged.");
        int? hidden = (int?)head?.size(0);
        if (scores.size(1) != (hidden ?? features)) throw new WclUsageException($"'{path}' has scores of shape {ShapeText.Of(scores)} on {hidden ?? features} numbers; it is damaged.");
        return new(classes, hidden);
    }
}
