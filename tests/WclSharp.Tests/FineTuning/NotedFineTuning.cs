using System.Text.Json;
using WclSharp.FineTuning;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>Fine-tunes, and notes what is reported meanwhile.</summary>
internal sealed class NotedFineTuning
{
    /// <summary>Stages without the numbers of the trainings in them, each once.</summary>
    public List<string> Stages { get; } = [];

    /// <summary>Those numbers, as "1 of 4)".</summary>
    public List<string> Numbers { get; } = [];

    /// <summary>The last report of each stage.</summary>
    public Dictionary<string, (long Done, long? Total)> Steps { get; } = [];

    /// <summary>Training images whose features were computed last.</summary>
    public long FeaturesOfTraining { get; private set; }

    public FineTuneResult Run(FineTuneOptions options) => FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
    {
        if (report is not RunProgress.Working working) return;
        string[] parts = working.Stage.Split(" (training ");
        if (!Stages.Contains(parts[0])) Stages.Add(parts[0]);
        Steps[parts[0]] = (working.Done, working.Total);
        if (parts.Length > 1 && !Numbers.Contains(parts[1])) Numbers.Add(parts[1]);
        if (working.Stage == "Computing features of training images") FeaturesOfTraining = working.Total ?? 0;
    }));

    /// <summary>The draws that a folder of fine-tuning has.</summary>
    public static JsonElement[] DrawsIn(string folder) => [.. File.ReadLines(Path.Combine(folder, "draws.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
}
