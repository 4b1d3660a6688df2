using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Data;
using WclSharp.Files;

namespace WclSharp.FineTuning;

/// <summary>What the results of a folder hang on; results of other settings do not mix. Rates are null where they are chosen.</summary>
internal sealed record FineTuneSettings
{
    /// <summary>What they are called.</summary>
    public static readonly IReadOnlyList<ResultSetting> Names =
    [
        new("encoder", "encoder weights"), new("train_fingerprint", "training images", "train_labels"), new("test_fingerprint", "test images", "test_labels"),
        new("seed", "--seed"), new("from_head", "--from-head"), new("scratch", "training from scratch"), new("epochs", "--epochs"), new("lr", "--lr"),
        new("head_lr", "--head-lr"), new("scratch_lr", "--scratch-lr"), new("vertical_flip", "--vertical-flip"), new("rotation", "--rotation"), new("batch", "batch size"), new("recipe", "version of the recipe"), new("weight_decay", "weight decay"),
        new("precision", "number format"),
    ];

    public required string Encoder { get; init; }
    public required string TrainFingerprint { get; init; }
    public required string TestFingerprint { get; init; }

    /// <summary>Images that have a label, of those trained on and of those tested with; null before they were written down.</summary>
    public int? TrainLabels { get; init; }

    /// <inheritdoc cref="TrainLabels"/>
    public int? TestLabels { get; init; }

    public required long Seed { get; init; }
    public required bool FromHead { get; init; }
    public required bool Scratch { get; init; }
    public int? Epochs { get; init; }
    public double? Lr { get; init; }
    public required double HeadLr { get; init; }
    public double? ScratchLr { get; init; }

    /// <summary>Left out of the file where it is 0, as in files made before there was this option, so that those studies go on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double VerticalFlip { get; init; }

    /// <inheritdoc cref="VerticalFlip"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Rotation { get; init; }

    public required int Batch { get; init; }

    /// <summary>Of the recipe, <see cref="FineTuneRecipe.Version"/>: draws of another are no part of the same study.</summary>
    public int Recipe { get; init; }

    public required double WeightDecay { get; init; }
    public required string Precision { get; init; }
}

/// <summary>The content of <c>finetune.json</c>, and of what <c>--json</c> names.</summary>
internal sealed record FineTuneReport
{
    public required IReadOnlyList<FineTuneRow> Rows { get; init; }
    public required int TestImages { get; init; }
    public required int ClassCount { get; init; }
    public required FineTuneSettings Settings { get; init; }

    /// <summary>The classifier that the folder holds; null where it is of a version that did not count.</summary>
    public SavedClassifier? Classifier { get; init; }

    /// <summary>What the intervals of the rows are.</summary>
    public string Interval => "half-width of the 95 % confidence interval of the mean over draws, by Student's t distribution; null with one draw, or where all have the same figure; "
        + (Rows.Any(row => row.ValidationLabels > 0) ? "where validation_labels is above 0, given one choice of rate and stop, made on the first draw, whose luck it leaves out. " : "no rate or stop was chosen. ")
        + "With all labels there is nothing to draw: then it is over seeds of training, and null for what is not trained anew. All are tested on the same images: what others of the kind would say is left out"
        + (Rows.Any(row => row.DrawsOverlap) ? ". Draws of more than a tenth of all labels share many: the interval is too narrow for labels of another choice" : "");

    /// <summary>What the difference from scratch is.</summary>
    public string ScratchDifference { get; } = "fine-tuned less from scratch of the same draw, mean over draws; its half-width is that of these differences";
}

/// <summary>
/// The folder of a study: <c>config.json</c>, <c>draws.jsonl</c> with a line for every draw that is finished, and what is made of these:
/// <c>finetune.json</c>, <c>classifier.safetensors</c>, <c>plots/</c>. The same command goes on with what is missing.
/// </summary>
internal sealed class FineTuneFolder : IDisposable
{
    private readonly ResultFolder folder;
    private readonly FineTuneSettings settings;

    private FineTuneFolder(ResultFolder folder, FineTuneSettings settings)
    {
        (this.folder, this.settings) = (folder, settings);
        Draws = Lines.Read();
    }

    public string FullPath => folder.FullPath;

    /// <summary>Draws that are finished.</summary>
    public List<FineTuneDraw> Draws { get; }

    public string ClassifierPath => folder[ResultNames.Classifier];

    public string PlotPath => Path.Combine(folder["plots"], "accuracy_over_labels.png");

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <exception cref="WclUsageException">It holds something else, or results of other settings, or cannot be written to.</exception>
    public static FineTuneFolder Open(string path, FineTuneSettings settings)
    {
        var folder = ResultFolder.Open(path, settings, FineTuneJson.Default.FineTuneSettings, "fine-tuning", FineTuneSettings.Names);
        try
        {
            return new FineTuneFolder(folder, settings);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>What the classifier in a folder was fine-tuned and tested with; null where the folder is of another kind.</summary>
    public static FineTuneSettings? SettingsOf(string classifier)
    {
        string settings = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(classifier))!, ResultFolder.ConfigFile);
        try
        {
            return File.Exists(settings) ? JsonSerializer.Deserialize(File.ReadAllBytes(settings), FineTuneJson.Default.FineTuneSettings) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Where a classifier waits until its draw is finished: a stop before that leaves the one that there is.</summary>
    public string NextClassifierPath => folder[ResultNames.Classifier + ".next"];

    /// <summary>Adds a draw, or puts it in the place of an earlier one of the same labels; its classifier, if it has one, takes the place of the one that there was.</summary>
    public void Add(FineTuneDraw draw)
    {
        int earlier = Draws.FindIndex(each => each.Budget == draw.Budget && each.Draw == draw.Draw);
        if (earlier < 0) Draws.Add(draw);
        else Draws[earlier] = draw;
        Lines.Write(Draws);
        if (draw.ClassifierSha256 is not null) TakeNextClassifier();
    }

    private void TakeNextClassifier()
    {
        try
        {
            File.Move(NextClassifierPath, ClassifierPath, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclException($"Could not write '{ClassifierPath}': {ErrorText.Of(e)}. Make it writable; the same command goes on.", e);
        }
    }

    /// <summary>Writes the table and the plot of the rows.</summary>
    /// <returns>What the table holds.</returns>
    public FineTuneReport Write(IReadOnlyList<FineTuneRow> rows, int testImages, int classCount)
    {
        var report = new FineTuneReport { Rows = rows, TestImages = testImages, ClassCount = classCount, Settings = settings, Classifier = Saved() };
        AtomicFile.Write(folder["finetune.json"], stream => stream.Write(JsonText.Page(report, FineTuneJson.Default.FineTuneReport)));
        Directory.CreateDirectory(folder["plots"]);
        LabelPlot.Write(PlotPath, rows, Draws);
        return report;
    }

    /// <summary>What is known of the classifier: that of the first draw of most labels.</summary>
    private SavedClassifier? Saved() => SavedDraw is { Classes: { } classes } draw ? new SavedClassifier { Labels = draw.Labels, Accuracy = draw.Finetune, Classes = classes } : null;

    private FineTuneDraw? SavedDraw => Draws.Where(draw => draw.Draw == 0).MaxBy(draw => draw.Labels);

    /// <summary>The draw whose classifier was written and is gone, or is not what was written any more; null where all is well.</summary>
    public FineTuneDraw? LostClassifier
    {
        get
        {
            if (SavedDraw is not { ClassifierSha256: { } written } draw) return null;
            try
            {
                if (IsWritten(ClassifierPath)) return null;
                if (!IsWritten(NextClassifierPath)) return draw;
                TakeNextClassifier(); // what a process that was killed did not come to
                return null;

                bool IsWritten(string path) => File.Exists(path) && FileHash.Of(path) == written;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new WclUsageException($"'{ClassifierPath}' cannot be read: {ErrorText.Of(e)}. Make it readable, or delete it, and its draw is trained again.", e);
            }
        }
    }

    private JsonLines<FineTuneDraw> Lines => new(folder["draws.jsonl"], FineTuneJson.Default.FineTuneDraw);

    public void Dispose() => folder.Dispose();
}

/// <summary>JSON of a study: snake_case keys, and null for what was not measured.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FineTuneReport))]
[JsonSerializable(typeof(FineTuneSettings))]
[JsonSerializable(typeof(FineTuneDraw))]
internal sealed partial class FineTuneJson : JsonSerializerContext;
