using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Checkpoints;
using WclSharp.FineTuning;
using WclSharp.Optimizers;
using static TorchSharp.torch;

namespace WclSharp.Distillation;

/// <summary>What a distillation hangs on; another one does not go on with it.</summary>
internal sealed record DistillSettings
{
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
}

/// <summary>A line of <c>metrics.jsonl</c>.</summary>
internal sealed record DistillEpoch
{
    public required int Epoch { get; init; }
    public required double Loss { get; init; }
    public required double Lr { get; init; }
    public required double ImagesPerSecond { get; init; }
    public required double Seconds { get; init; }
}

/// <summary>
/// The folder of a distillation: <c>config.json</c>, <c>metrics.jsonl</c>, <c>checkpoint.safetensors</c> (student and momentum, with the number of epochs), and at the end
/// <c>classifier.safetensors</c> and <c>summary.json</c>.
/// </summary>
internal sealed class DistillationFolder : IDisposable
{
    private const string StudentPrefix = "student.", OptimizerPrefix = "optimizer.", DoneKey = "epochs_done", StepKey = "step";
    private readonly ResultFolder folder;

    private DistillationFolder(ResultFolder folder) => this.folder = folder;

    public string FullPath => folder.FullPath;

    public string ClassifierPath => folder["classifier.safetensors"];

    /// <summary>Epochs that are in the checkpoint.</summary>
    public List<DistillEpoch> Epochs { get; } = [];

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <exception cref="WclUsageException">It holds something else, or cannot be written to.</exception>
    public static DistillationFolder Open(string path, DistillSettings settings) =>
        new(ResultFolder.Open(path, DistillJson.ToBytes(settings), "distillation", "another teacher, other images or other options"));

    /// <summary>Takes what an earlier process left, if any.</summary>
    /// <exception cref="WclUsageException">A file is damaged.</exception>
    public void Restore(ClassifierNetwork student, Optimizer optimizer)
    {
        string checkpoint = folder["checkpoint.safetensors"];
        if (!File.Exists(checkpoint)) return;
        using var content = SafetensorsFile.Read(checkpoint);
        if (!int.TryParse(content.Metadata.GetValueOrDefault(DoneKey), CultureInfo.InvariantCulture, out int done)
            || !long.TryParse(content.Metadata.GetValueOrDefault(StepKey), CultureInfo.InvariantCulture, out long step))
            throw new WclUsageException($"'{checkpoint}' is no checkpoint of a distillation; delete the folder, or name another with --out.");
        try
        {
            // The checkpoint is the truth: a line that was written before it, and then the process died, does not count.
            Epochs.AddRange(File.ReadLines(folder["metrics.jsonl"]).Take(done).Select(line => JsonSerializer.Deserialize(line, DistillJson.Default.DistillEpoch)!));
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new WclUsageException($"'{folder["metrics.jsonl"]}' is damaged ({e.Message.ReplaceLineEndings(" ")}); delete the folder, or name another with --out.", e);
        }

        Dictionary<string, Tensor> Part(string prefix) =>
            content.Tensors.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value);
        student.Restore(Part(StudentPrefix));
        optimizer.Load(Part(OptimizerPrefix), step);
    }

    /// <summary>Adds an epoch: its line first, then the checkpoint that makes it count.</summary>
    public void Save(ClassifierNetwork student, Optimizer optimizer, DistillEpoch epoch)
    {
        Epochs.Add(epoch);
        AtomicFile.Write(folder["metrics.jsonl"], stream =>
        {
            foreach (var each in Epochs) stream.Write(DistillJson.ToLine(each));
        });
        SafetensorsFile.Write(folder["checkpoint.safetensors"],
            student.Named().Select(pair => (StudentPrefix + pair.Name, pair.Tensor)).Concat(optimizer.NamedState().Select(pair => (OptimizerPrefix + pair.Name, pair.Tensor))),
            new Dictionary<string, string>
            {
                [DoneKey] = Epochs.Count.ToString(CultureInfo.InvariantCulture),
                [StepKey] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            });
    }

    /// <summary>Writes the figures of a finished distillation.</summary>
    public void Write(DistillResult result) => AtomicFile.Write(folder["summary.json"], stream => stream.Write(DistillJson.ToBytes(result)));

    public void Dispose() => folder.Dispose();
}

/// <summary>JSON of a distillation: snake_case keys, null for what was not measured.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DistillSettings))]
[JsonSerializable(typeof(DistillEpoch))]
[JsonSerializable(typeof(DistillResult))]
internal sealed partial class DistillJson : JsonSerializerContext
{
    // Made at first use: see RunJson.
    private static DistillJson Indented => field ??= new(new JsonSerializerOptions(Default.Options)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static byte[] ToBytes(DistillSettings settings) => [.. JsonSerializer.SerializeToUtf8Bytes(settings, Indented.DistillSettings), (byte)'\n'];

    public static byte[] ToBytes(DistillResult result) => [.. JsonSerializer.SerializeToUtf8Bytes(result, Indented.DistillResult), (byte)'\n'];

    public static byte[] ToLine(DistillEpoch epoch) => [.. JsonSerializer.SerializeToUtf8Bytes(epoch, Default.DistillEpoch), (byte)'\n'];
}
