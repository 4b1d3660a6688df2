using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>A measurement on the way: kNN accuracy, and seconds since training began.</summary>
internal sealed record AccuracyPoint(int Epoch, double Seconds, double Knn);

/// <summary>The same training by the reference and by WclSharp, in turn: kNN accuracy on CIFAR-10's test images against seconds.</summary>
/// <remarks>The reference's seconds include its evaluations, every five epochs; so do WclSharp's in all, whose seconds at an epoch are of training alone.</remarks>
internal static partial class TimeToAccuracy
{
    private const string Usage = "time-to-accuracy REFERENCE.py [--method wcl] [--epochs 15] [--images 10000] [--width 32] [--batch 256] [--rounds 1] [--threads 2] [--data FOLDER] [--json FILE]";

    /// <param name="arguments">REFERENCE.py, a plain PyTorch WCL with the command train, and options.</param>
    /// <exception cref="WclUsageException">The call is wrong.</exception>
    /// <exception cref="WclException">A program fails.</exception>
    public static void Run(string[] arguments)
    {
        string folder = Directory.CreateTempSubdirectory("wcl-compare-").FullName;
        try
        {
            var given = GivenArguments.Parse(arguments, Usage, least: 1, most: 1, ["method", "epochs", "images", "width", "batch", "rounds", "threads", "data", "json"]);
            string program = given.ExistingFile(0);
            string? file = GivenArguments.NewFile(given["json"]);
            int threads = given.Count("threads") ?? GivenArguments.UsualThreads, rounds = given.Count("rounds") ?? 1;
            string data = given["data"] ?? Environment.GetEnvironmentVariable("WCLSHARP_DATA") ?? throw new WclUsageException($"Name the folder of cifar10-train.tar and cifar10-test.tar. Usage: {Usage}");
            string train = Path.Combine(data, "cifar10-train.tar"), test = Path.Combine(data, "cifar10-test.tar"), method = given["method"] ?? "wcl";
            foreach (string tar in (string[])[train, test])
                if (!File.Exists(tar)) throw new WclUsageException($"There is no '{tar}'.");
            string epochs = Text(given.Count("epochs") ?? 15), images = Text(given.Count("images") ?? 10_000), width = Text(given.Count("width") ?? 32), batch = Text(given.Count("batch") ?? 256);
            var pairs = new List<Pair>();
            for (int seed = 0; seed < rounds; seed++)
            {
                var reference = ReferenceProgram.On(threads, "PyTorch", program, "train", "--method", method, "--train", train, "--test", test,
                    "--images", images, "--epochs", epochs, "--width", width, "--batch", batch, "--lr", "0.12", "--seed", Text(seed));
                string run = Path.Combine(folder, $"seed-{seed}");
                var ours = Programs.Wcl("pretrain", "--data", train, "--limit", images, "--test", test, "--arch", "resnet18", "--width", width, "--stem", "small",
                    "--batch", batch, "--epochs", epochs, "--optimizer", "sgd", "--lr", "0.12", "--weight-decay", "5e-4", "--temperature", "0.1",
                    "--seed", Text(seed), "--method", method, "--evaluate-every", "5", "--workers", Text(threads), "--out", run);
                var printed = Printed(Watched(reference, seed));
                Watched(ours with { Threads = threads }, seed);
                pairs.Add(new Pair(seed, threads, new Curve(reference.Name, printed[^1].Seconds, printed), new Curve(ours.Name, WholeSeconds(run), Written(run))));
                if (file is not null) File.WriteAllText(file, JsonSerializer.Serialize(pairs, Indented)); // what there is, after every round
            }
            Print(pairs, threads);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A program's training; seconds with evaluations, and for WclSharp with reading and pictures.</summary>
    private sealed record Curve(string Program, double WholeSeconds, List<AccuracyPoint> Points);

    private sealed record Pair(int Seed, int Threads, Curve Reference, Curve Ours)
    {
        /// <summary>WclSharp's time as a share of the reference's.</summary>
        public double TimeShare => Ours.WholeSeconds / Reference.WholeSeconds;
    }

    private const double AimedShare = 1.0 / 3;

    private static string Watched(MeasuredProgram program, int seed) => program.Output(line => Console.Error.WriteLine($"{program.Name}, seed {Text(seed)}: {line}"));

    private static void Print(List<Pair> pairs, int threads)
    {
        Console.WriteLine($"On {Text(threads)} thread{(threads == 1 ? "" : "s")}.\n\n| program | seed | kNN, % (after epoch) | seconds at these | seconds in all |\n| --- | --- | --- | --- | --- |");
        foreach (var (seed, _, reference, ours) in pairs)
            foreach (var curve in (Curve[])[reference, ours])
            {
                string accuracies = string.Join(" / ", curve.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{100 * point.Knn:0.0} ({point.Epoch})")));
                string seconds = string.Join(" / ", curve.Points.Select(point => point.Seconds.ToString("0", CultureInfo.InvariantCulture)));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {curve.Program} | {seed} | {accuracies} | {seconds} | {curve.WholeSeconds:0} |"));
            }
        Console.WriteLine("\n| seed | WclSharp is faster by | share of the reference's time | aim | reached | its kNN is higher by, points |\n| --- | --- | --- | --- | --- | --- |");
        foreach (var pair in pairs)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {pair.Seed} | {1 / pair.TimeShare:0.00} | {pair.TimeShare:0.00} | a third | {(pair.TimeShare <= AimedShare ? "yes" : "no")} | {100 * (pair.Ours.Points[^1].Knn - pair.Reference.Points[^1].Knn):+0.0;-0.0} |"));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static List<AccuracyPoint> Printed(string output)
    {
        var points = Evaluations().Matches(output).Select(match => new AccuracyPoint(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Number(match.Groups[3].Value), Number(match.Groups[2].Value))).ToList();
        return points.Count > 0 ? points : throw new WclException($"The reference printed no accuracy: {output}");
    }

    private static List<AccuracyPoint> Written(string run)
    {
        var points = new List<AccuracyPoint>();
        foreach (string line in File.ReadLines(Path.Combine(run, "metrics.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            int epoch = json.RootElement.GetProperty("epoch").GetInt32();
            if (epoch > 0 && json.RootElement.TryGetProperty("knn", out var knn)) points.Add(new(epoch, json.RootElement.GetProperty("seconds").GetDouble(), knn.GetDouble()));
        }
        return points;
    }

    /// <summary>From start to end, reading and pictures included.</summary>
    private static double WholeSeconds(string run)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "summary.json")));
        return json.RootElement.GetProperty("wall_seconds").GetDouble();
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"epoch (\d+) .*knn ([\d.]+) (\d+)s")]
    private static partial Regex Evaluations();
}
