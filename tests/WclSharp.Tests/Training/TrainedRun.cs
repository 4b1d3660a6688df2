using System.Text.Json.Nodes;
using WclSharp.FineTuning;
using WclSharp.Training;

[assembly: AssemblyFixture(typeof(WclSharp.Tests.Training.TrainedRun))]

namespace WclSharp.Tests.Training;

/// <summary>A small run, and the same with a classifier that was fine-tuned from it, for tests of what is made of a run: trained once, when the first asks, and copied for each.</summary>
public sealed class TrainedRun : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-trained-").FullName;
    private readonly Lazy<string> run, finetuned;

    public TrainedRun()
    {
        run = new(() =>
        {
            string path = Path.Combine(folder, "run");
            Pretraining.Run(SmallRun.Options with { Limit = 400, Width = 8, Epochs = 1, Out = path });
            return path;
        });
        finetuned = new(() =>
        {
            string path = CopyTo(Path.Combine(folder, "finetuned"));
            FineTune.Run(new FineTuneOptions { Run = path, LabelsPerClass = [10], Draws = 1, Epochs = 20, Scratch = false, Device = "cpu" });
            return path;
        });
    }

    /// <summary>Copies the run into a new folder, and returns that.</summary>
    public string CopyTo(string path) => Copy(run.Value, path);

    /// <summary>The same with its fine-tuning below it.</summary>
    public string CopyFineTunedTo(string path) => Copy(finetuned.Value, path);

    /// <summary>Sets a run's number format: in bfloat16 other batches round otherwise, which may turn an image.</summary>
    public static void SetFloat32(string run)
    {
        string config = Path.Combine(run, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        json["precision"] = "fp32";
        File.WriteAllText(config, json.ToJsonString());
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return to;
    }
}
