using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.FineTuning;
using WclSharp.Optimizers;
using static TorchSharp.torch;

namespace WclSharp.Distillation;

/// <summary>What a distillation hangs on; another one does not go on with it.</summary>
internal sealed record DistillSettings
{
    /// <summary>What they are called.</summary>
    public static readonly IReadOnlyList<ResultSetting> Names =
    [
        new("teacher", "weights of the teacher"), new("init", "weights of --init"), new("train_fingerprint", "images"), new("arch", "--student"), new("width", "--width"),
        new("epochs", "--epochs"), new("batch", "--batch"), new("lr", "--lr"), new("weight_decay", "--weight-decay"), new("temperature", "--temperature"),
        new("label_mix", "--label-mix"), new("seed", "--seed"), new("precision", "number format"), new("recipe", "version of the recipe"),
    ];

    public required string Teacher { get; init; }
    public string? Init { get; init; }
    public required string TrainFingerprint { get; init; }
    public required string Arch { get; init; }
    public required int Width { get; init; }
    public required int Epochs { get; init; }
    public required int Batch { get; init; }
    public required double Lr { get; init; }
    public required double WeightDecay { get; init; }
    public required double Temperature { get; init; }
    public required double LabelMix { get; init; }
    public required long Seed { get; init; }
    public required string Precision { get; init; }

    /// <summary>Raised when the same options come to train otherwise; null, and not written, where they never did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Recipe { get; init; }
}

/// <summary>A line of <c>metrics.jsonl</c>.</summary>
internal sealed record DistillEpoch
{
    public required int Epoch { get; init; }
    public required double Loss { get; init; }
    public required double Lr { get; init; }
    public required double ImagesPerSecond { get; init; }
    /// <summary>Since the start, all sittings together.</summary>
    public required double Seconds { get; init; }
}

/// <summary>
/// The folder of a distillation: <c>config.json</c>, <c>metrics.jsonl</c>, <c>checkpoint.safetensors</c> (student and momentum, with the number of epochs), and at the end
/// <c>classifier.safetensors</c> and <c>summary.json</c>.
/// </summary>
internal sealed class DistillationFolder : IDisposable
{
    private const string StudentPrefix = "student.", OptimizerPrefix = "optimizer.", DoneKey = "epochs_done", StepKey = "step", DigestKey = "tensors_sha256";
    private readonly ResultFolder folder;

    private DistillationFolder(ResultFolder folder) => this.folder = folder;

    public string FullPath => folder.FullPath;

    public string ClassifierPath => folder[ResultNames.Classifier];

    /// <summary>Epochs that are in the checkpoint.</summary>
    public List<DistillEpoch> Epochs { get; } = [];

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <exception cref="WclUsageException">It holds something else, or cannot be written to.</exception>
    public static DistillationFolder Open(string path, DistillSettings settings) =>
        new(ResultFolder.Open(path, settings, DistillJson.Default.DistillSettings, "distillation", DistillSettings.Names));

    /// <summary>Takes what an earlier process left, if any.</summary>
    /// <exception cref="WclUsageException">A file is damaged.</exception>
    public void Restore(ClassifierNetwork student, Optimizer optimizer)
    {
        string checkpoint = folder["checkpoint.safetensors"];
        if (!File.Exists(checkpoint)) return;
        using var content = Read(checkpoint);
        if (!int.TryParse(content.Metadata.GetValueOrDefault(DoneKey), CultureInfo.InvariantCulture, out int done)
            || !long.TryParse(content.Metadata.GetValueOrDefault(StepKey), CultureInfo.InvariantCulture, out long step))
            throw new WclUsageException($"'{checkpoint}' is no checkpoint of a distillation; delete the folder, or name another with --out.");
        if (content.Metadata.TryGetValue(DigestKey, out string? digest) && digest != TensorDigest.Of(content.Tensors.Select(pair => (pair.Key, pair.Value))))
            throw new WclUsageException($"'{checkpoint}' is damaged (its tensors do not match the SHA-256 that is stored in it); {BeginAnew}.");
        // The checkpoint is the truth: a line that was written before it, and then the process died, does not count.
        Epochs.AddRange(Lines.Read().Take(done));
        if (Epochs.Count < done) throw new WclUsageException($"'{folder["metrics.jsonl"]}' has {Epochs.Count} of the {done} epochs that are done; delete the folder, or name another with --out.");

        Dictionary<string, Tensor> Part(string prefix) =>
            content.Tensors.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value);
        student.Restore(Part(StudentPrefix));
        optimizer.Load(Part(OptimizerPrefix), step);
    }

    private const string BeginAnew = "copy it back, or delete it, and the same command begins anew";

    private static SafetensorsContent Read(string checkpoint)
    {
        try
        {
            return SafetensorsFile.Read(checkpoint);
        }
        catch (WclUsageException e)
        {
            throw new WclUsageException($"'{checkpoint}' cannot be resumed from: {e.Message} To go on, {BeginAnew}.", e);
        }
    }

    /// <summary>Adds an epoch: its line first, then the checkpoint that makes it count.</summary>
    public void Save(ClassifierNetwork student, Optimizer optimizer, DistillEpoch epoch)
    {
        Epochs.Add(epoch);
        Lines.Write(Epochs);
        (string Name, Tensor Tensor)[] tensors = [.. student.Named().Select(pair => (StudentPrefix + pair.Name, pair.Tensor)), .. optimizer.NamedState().Select(pair => (OptimizerPrefix + pair.Name, pair.Tensor))];
        SafetensorsFile.Write(folder["checkpoint.safetensors"], tensors,
            new Dictionary<string, string>
            {
                [DigestKey] = TensorDigest.Of(tensors),
                [DoneKey] = Epochs.Count.ToString(CultureInfo.InvariantCulture),
                [StepKey] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            });
    }

    /// <summary>Writes the figures of a finished distillation.</summary>
    public void Write(DistillResult result) => AtomicFile.Write(folder["summary.json"], stream => stream.Write(JsonText.Page(result, DistillJson.Default.DistillResult)));

    private JsonLines<DistillEpoch> Lines => new(folder["metrics.jsonl"], DistillJson.Default.DistillEpoch);

    public void Dispose() => folder.Dispose();
}

/// <summary>JSON of a distillation: snake_case keys, null for what was not measured.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DistillSettings))]
[JsonSerializable(typeof(DistillEpoch))]
[JsonSerializable(typeof(DistillResult))]
internal sealed partial class DistillJson : JsonSerializerContext;
