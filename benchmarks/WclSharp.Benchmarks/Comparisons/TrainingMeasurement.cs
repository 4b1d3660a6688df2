using System.Globalization;
using System.Text.Json;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>A training run of <c>wcl pretrain</c> in a folder that goes with it: how long it waited for data, and its peak memory, reading and evaluations included.</summary>
internal static class TrainingMeasurement
{
    private const string Usage = "training waiting|accumulate IMAGES.tar [--threads 2]";

    // Those of docs/performance.md, "Reading images" and "A batch larger than memory".
    private static readonly Dictionary<string, string[]> Trainings = new(StringComparer.Ordinal)
    {
        ["waiting"] = ["--arch", "resnet18", "--width", "64", "--stem", "small", "--batch", "128", "--limit", "2000", "--epochs", "2"],
        ["accumulate"] = ["--preset", "cifar", "--batch", "4096", "--accumulate", "32", "--limit", "5200", "--epochs", "3", "--lr", "0.1", "--seed", "0", "--evaluate-every", "3"],
    };

    /// <summary>Trains, and prints the figures.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 2, most: 2, ["threads"]);
        if (!Trainings.TryGetValue(given[0], out var training)) throw given.Wrong($"There is no training '{given[0]}'");
        string images = given.ExistingFile(1), folder = Directory.CreateTempSubdirectory("wcl-compare-").FullName;
        int threads = given.Count("threads") ?? GivenArguments.UsualThreads;
        try
        {
            string run = Path.Combine(folder, "run");
            (Programs.Wcl(["pretrain", "--data", images, .. training, "--workers", threads.ToString(CultureInfo.InvariantCulture), "--out", run]) with { Threads = threads }).Output();
            Print(run);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Print(string run)
    {
        double seconds = 0, wait = 0;
        foreach (string line in File.ReadLines(Path.Combine(run, "metrics.jsonl")))
        {
            using var epoch = JsonDocument.Parse(line);
            if (epoch.RootElement.TryGetProperty("data_wait", out var share)) wait = Math.Max(wait, share.GetDouble());
            if (epoch.RootElement.TryGetProperty("seconds", out var sinceTheBeginning)) seconds = sinceTheBeginning.GetDouble();
        }
        using var summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "summary.json")));
        double peak = summary.RootElement.GetProperty("peak_memory_mib").GetDouble();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"trained for {seconds:0.00} s, waited for data {100 * wait:0.000} % of an epoch at most, peak {peak:0} MiB"));
    }
}
