using System.Globalization;
using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Small runs in a folder that goes with the test.</summary>
public abstract class RunsInFolder : IDisposable
{
    protected readonly string folder = Directory.CreateTempSubdirectory("wcl-runs-").FullName;

    /// <summary>Three epochs of five steps of 320 images, in a folder of that name.</summary>
    protected PretrainOptions Options(string name, bool resume = false) => SmallRun.Options with
    {
        Limit = 320,
        Batch = 64,
        Epochs = 3,
        EvaluateEvery = 3,
        Seed = 5,
        Out = Path.Combine(folder, name),
        Resume = resume,
    };

    /// <summary>The step of the last checkpoint of a run.</summary>
    protected static int SavedStep(string run)
    {
        string checkpoint = new CheckpointStore(Path.Combine(run, "checkpoints")).Last!;
        using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(checkpoint, "state.json")));
        return state.RootElement.GetProperty("step").GetInt32();
    }

    /// <summary>Arguments of dotnet that make a process do what the options say, in another folder.</summary>
    private protected static string[] Command(PretrainOptions options, string run)
    {
        static string Text(long? number) => number!.Value.ToString(CultureInfo.InvariantCulture);
        return [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), "pretrain", "--limit", Text(options.Limit), "--image-size", Text(options.ImageSize), "--width", Text(options.Width),
            "--head-hidden", Text(options.HeadHidden), "--head-output", Text(options.HeadOutput), "--batch", Text(options.Batch), "--epochs", Text(options.Epochs),
            "--evaluate-every", Text(options.EvaluateEvery), "--seed", Text(options.Seed), "--device", options.Device!, "--workers", Text(options.Workers), "--out", run];
    }

    private protected static void AwaitFirstCheckpoint(ChildProcess process, string run)
    {
        string saved = Path.Combine(run, "checkpoints", "last.json");
        process.Await(() => File.Exists(saved));
    }

    public void Dispose()
    {
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}
