using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Checkpoints;

namespace WclSharp.FineTuning;

/// <summary>What the results of a folder hang on; results of other settings do not mix.</summary>
internal sealed record FineTuneSettings
{
    public required string Encoder { get; init; }
    public required string TrainFingerprint { get; init; }
    public required string TestFingerprint { get; init; }
    public required long Seed { get; init; }
    public required bool FromHead { get; init; }
    public required bool Scratch { get; init; }
    public int? Epochs { get; init; }
    public required double Lr { get; init; }
    public required double HeadLr { get; init; }
    public required double ScratchLr { get; init; }
    public required int Batch { get; init; }
    public required double WeightDecay { get; init; }
    public required string Precision { get; init; }
}

/// <summary>The content of <c>finetune.json</c>.</summary>
internal sealed record FineTuneReport
{
    public required IReadOnlyList<FineTuneRow> Rows { get; init; }
    public required int TestImages { get; init; }
    public required int ClassCount { get; init; }
    public required FineTuneSettings Settings { get; init; }
    public string Interval { get; } = "half-width of the 95 % confidence interval of the mean over draws, by Student's t distribution; null with one draw";
}

/// <summary>
/// The folder of a study: <c>config.json</c>, <c>draws.jsonl</c> with a line for every draw that is finished, and what is made of these:
/// <c>finetune.json</c>, <c>classifier.safetensors</c>, <c>plots/</c>. The same command goes on with what is missing.
/// </summary>
internal sealed class FineTuneFolder : IDisposable
{
    private readonly FileStream held;
    private readonly FineTuneSettings settings;

    private FineTuneFolder(string path, FineTuneSettings settings, FileStream held)
    {
        (FullPath, this.settings, this.held) = (path, settings, held);
        Draws = [.. ReadDraws()];
    }

    public string FullPath { get; }

    /// <summary>Draws that are finished.</summary>
    public List<FineTuneDraw> Draws { get; }

    public string ClassifierPath => Path.Combine(FullPath, "classifier.safetensors");

    public string PlotPath => Path.Combine(FullPath, "plots", "accuracy_over_labels.png");

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <exception cref="WclUsageException">It holds something else, or results of other settings, or cannot be written to.</exception>
    public static FineTuneFolder Open(string path, FineTuneSettings settings)
    {
        path = Path.GetFullPath(path);
        string config = Path.Combine(path, "config.json");
        byte[] json = FineTuneJson.ToBytes(settings);
        if (File.Exists(path)) throw new WclUsageException($"--out {path} is a file; name a folder.");
        if (File.Exists(config))
        {
            if (!File.ReadAllBytes(config).AsSpan().SequenceEqual(json))
                throw new WclUsageException($"The folder {path} holds results of another encoder, other data or other options; name a new folder with --out (its config.json says which).");
        }
        else if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new WclUsageException($"The folder {path} is not empty and holds no fine-tuning; name a new folder with --out.");
        }

        try
        {
            Directory.CreateDirectory(Path.Combine(path, "plots"));
            var held = new FileStream(Path.Combine(path, "finetune.lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            AtomicFile.Write(config, stream => stream.Write(json));
            return new FineTuneFolder(path, settings, held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"Cannot write to {path}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. Name another folder with --out, and see that no other process works in it.", e);
        }
    }

    /// <summary>Adds a draw.</summary>
    public void Add(FineTuneDraw draw)
    {
        Draws.Add(draw);
        AtomicFile.Write(DrawsPath, stream =>
        {
            foreach (var each in Draws) stream.Write(FineTuneJson.ToLine(each));
        });
    }

    /// <summary>Writes the table and the plot of the rows.</summary>
    public void Write(IReadOnlyList<FineTuneRow> rows, int testImages, int classCount)
    {
        AtomicFile.Write(Path.Combine(FullPath, "finetune.json"), stream =>
            stream.Write(FineTuneJson.ToBytes(new FineTuneReport { Rows = rows, TestImages = testImages, ClassCount = classCount, Settings = settings })));
        LabelPlot.Write(PlotPath, rows);
    }

    private string DrawsPath => Path.Combine(FullPath, "draws.jsonl");

    private IEnumerable<FineTuneDraw> ReadDraws()
    {
        if (!File.Exists(DrawsPath)) return [];
        try
        {
            return [.. File.ReadLines(DrawsPath).Select(line => JsonSerializer.Deserialize(line, FineTuneJson.Default.FineTuneDraw)!)];
        }
        catch (JsonException e)
        {
            throw new WclUsageException($"{DrawsPath} is damaged ({e.Message.ReplaceLineEndings(" ")}); delete the folder, or name another with --out.", e);
        }
    }

    public void Dispose() => held.Dispose();
}

/// <summary>JSON of a study: snake_case keys, and null for what was not measured.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FineTuneReport))]
[JsonSerializable(typeof(FineTuneSettings))]
[JsonSerializable(typeof(FineTuneDraw))]
internal sealed partial class FineTuneJson : JsonSerializerContext
{
    // Made at first use: see RunJson.
    private static FineTuneJson Indented => field ??= new(new JsonSerializerOptions(Default.Options)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static byte[] ToBytes(FineTuneReport report) => [.. JsonSerializer.SerializeToUtf8Bytes(report, Indented.FineTuneReport), (byte)'\n'];

    public static byte[] ToBytes(FineTuneSettings settings) => [.. JsonSerializer.SerializeToUtf8Bytes(settings, Indented.FineTuneSettings), (byte)'\n'];

    public static byte[] ToLine(FineTuneDraw draw) => [.. JsonSerializer.SerializeToUtf8Bytes(draw, Default.FineTuneDraw), (byte)'\n'];
}
