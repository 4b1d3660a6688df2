using System.Globalization;
using System.Text.Json;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>
/// WclSharp beside plain PyTorch and Pillow: training steps, losses, reading and whole trainings, in turn, round by round, in processes of their own; medians and aims in one table.
/// </summary>
internal static class ReferenceComparison
{
    private const string Usage = "compare REFERENCE.py [--only step,resnet50,loss,loss65536,embed,embed50,onnx,onnx50,photographs,large,crops,again,tar,folder,data,waiting,accumulate] [--rounds 3] [--threads 2] [--batch 16] [--data FOLDER] [--json FILE]";

    /// <param name="arguments">REFERENCE.py, a plain PyTorch WCL with the commands step and loss, and options.</param>
    /// <exception cref="WclUsageException">The call is wrong.</exception>
    /// <exception cref="WclException">A program fails.</exception>
    public static void Run(string[] arguments)
    {
        using var data = new ComparedData();
        var given = GivenArguments.Parse(arguments, Usage, least: 1, most: 1, ["only", "rounds", "threads", "batch", "data", "json"]);
        int rounds = given.Count("rounds") ?? 3;
        var terms = new Terms(given.ExistingFile(0), given.Count("threads") ?? GivenArguments.UsualThreads, given.Count("batch") ?? 16);
        string? file = GivenArguments.NewFile(given["json"]);
        data.Folder = given["data"] ?? Environment.GetEnvironmentVariable("WCLSHARP_DATA");
        string[] only = (given["only"] ?? string.Join(',', Parts.Keys.Except(LongParts))).Split(',').SelectMany(name => name == "data" ? DataParts : [name]).ToArray();
        foreach (string name in only)
            if (!Parts.ContainsKey(name)) throw new WclUsageException($"There is no part '{name}'; use some of {string.Join(", ", Parts.Keys)} or data.");
        ComparedPart[] parts = [.. only.Select(name => Parts[name](terms, data))]; // what is missing is missed before anything is timed
        List<ComparedResult> results = [];
        foreach (var part in parts)
        {
            results.Add(Measure(part, rounds, terms.Threads));
            if (file is not null) WriteJson(file, results, terms.Threads); // each may take minutes: none is lost by the next
        }
        Print(results, rounds, terms.Threads);
    }

    private static readonly string[] DataParts = ["photographs", "large", "crops", "again", "tar", "folder"];

    // Several minutes each: only where they are named.
    private static readonly string[] LongParts = ["loss65536", "accumulate"];

    /// <summary>What holds for every part.</summary>
    private sealed record Terms(string Reference, int Threads, int Batch);

    private static readonly Dictionary<string, Func<Terms, ComparedData, ComparedPart>> Parts = new(StringComparer.Ordinal)
    {
        ["step"] = (terms, _) => new("step", "training step: ResNet-18, 32 x 32, batch 128", "1.35 times the best peer",
            Programs.Wcl("bench", "step", "--arch", "resnet18", "--batch", "128", "--stem", "small", "--repeat", "7"),
            Precisions((name, more) => ReferenceProgram.On(terms.Threads, name, terms.Reference, ["step", "--batch", "128", .. more])))
        { TimesFaster = 1.35 },
        ["resnet50"] = (terms, _) => new("resnet50", $"training step: ResNet-50, 224 x 224, batch {Text(terms.Batch)}", "1.3 times the best peer",
            Programs.Wcl("bench", "step", "--arch", "resnet50", "--batch", Text(terms.Batch), "--stem", "imagenet", "--image-size", "224", "--repeat", "9"),
            Precisions((name, more) => Programs.Python(name, [Programs.Script("resnet50.py"), terms.Reference, "--threads", Text(terms.Threads), "--batch", Text(terms.Batch), .. more])))
        { TimesFaster = 1.3 },
        ["loss"] = (terms, _) => new("loss", "graph and both losses: batch 4096, D = 128", "0.6 s, 96 MiB",
            Programs.Wcl("bench", "loss", "--batch", "4096", "--dim", "128", "--repeat", "5"),
            [ReferenceProgram.On(terms.Threads, "PyTorch", terms.Reference, "loss", "--batch", "4096", "--dim", "128", "--repeat", "3")])
        { Seconds = 0.6, Mib = 96 },
        // No peer: the reference's matrices would take over 200 GiB.
        ["loss65536"] = (_, _) => new("loss65536", "graph and both losses: batch 65536, D = 128", "1 GiB", Programs.Wcl("bench", "loss", "--batch", "65536", "--dim", "128", "--repeat", "1"), []) { Mib = 1024 },
        ["embed"] = (terms, _) => Embedding(terms, "embed", "features of a run: ResNet-18, 32 x 32, float32", 0, "resnet18", "small", "1024"),
        ["embed50"] = (terms, _) => Embedding(terms, "embed50", "features of a run: ResNet-50, 224 x 224, float32", 0, "resnet50", "imagenet", "64"),
        ["onnx"] = (terms, _) => Embedding(terms, "onnx", "features by ONNX Runtime: ResNet-18, 32 x 32, float32", 1, "resnet18", "small", "1024"),
        ["onnx50"] = (terms, _) => Embedding(terms, "onnx50", "features by ONNX Runtime: ResNet-50, 224 x 224, float32", 1, "resnet50", "imagenet", "64"),
        ["photographs"] = (terms, data) => Photographs(terms, "photographs", "160 photographs of some 500 x 375 to 224 x 224", data.Photographs, "middle", "middle"),
        ["large"] = (terms, data) => Photographs(terms, "large", "48 photographs of 2000 x 1500 to 224 x 224", data.LargePhotographs, "middle", "middle"),
        ["crops"] = (terms, data) => Photographs(terms, "crops", "the 160 to random crops of 224 x 224, first epoch", data.Photographs, "random", "random"),
        ["again"] = (terms, data) => Photographs(terms, "again", "the 160 to random crops of 224 x 224, later epochs", data.Photographs, "random", "again"),
        ["tar"] = (terms, data) => Small(terms, "tar", "CIFAR-10 as 50,000 JPEGs in a tar file", data.SmallImages),
        ["folder"] = (terms, data) => Small(terms, "folder", "CIFAR-10 as 50,000 JPEG files", data.SmallImageFolder),
        ["waiting"] = (terms, data) => Training(terms, "waiting", "waiting for data: ResNet-18, 32 x 32, batch 128, 2 epochs of 2,000 images", "2 % of an epoch", data.SmallImages) with { Percent = 2 },
        ["accumulate"] = (terms, data) => Training(terms, "accumulate", "a logical batch of 4,096 by --accumulate 32: ResNet-18, 32 x 32, 3 steps", "4 GiB", data.SmallImages) with { Mib = 4096 },
    };

    // They print the median of their steps, of an even number the slower of the middle two.
    private static MeasuredProgram[] Precisions(Func<string, string[], MeasuredProgram> peer) =>
    [
        peer("PyTorch, default", ["--repeat", "3"]),
        peer("PyTorch, channels-last", ["--repeat", "3", "--channels-last"]),
        peer("PyTorch, channels-last, bf16", ["--repeat", "5", "--channels-last", "--bf16"]),
    ];

    private static ComparedPart Embedding(Terms terms, string name, string title, int rate, string arch, string stem, string images)
    {
        string[] peer = [Programs.Script("embed.py"), terms.Reference, "--threads", Text(terms.Threads), "--arch", arch, "--images", images];
        return new(name, title, "1.5 times the best peer",
            Programs.Wcl("bench", "embed", "--arch", arch, "--stem", stem, "--images", images, "--repeat", "3") with { Rate = rate },
            [Programs.Python("PyTorch, default", peer), Programs.Python("PyTorch, channels-last", [.. peer, "--channels-last"])])
        { TimesFaster = 1.5 };
    }

    private static ComparedPart Photographs(Terms terms, string name, string title, string source, string crop, string ours)
    {
        const string Passes = "5";
        string[] peer = [Programs.Script("pil.py"), "photographs", source, "--crop", crop, "--repeat", Passes], loader = ["--workers", Text(terms.Threads)];
        return new(name, title, "2 times Pillow in one process",
            Programs.Ourselves("read-all", source, ours, Passes, "--threads", Text(terms.Threads)),
            [
                Programs.Python("Pillow", peer),
                Programs.Python("Pillow, draft", [.. peer, "--draft"]),
                Programs.Python($"Pillow, {Loader(terms)}", [.. peer, .. loader]),
                Programs.Python($"Pillow, draft, {Loader(terms)}", [.. peer, "--draft", .. loader]),
            ])
        { TimesFaster = 2, PeersThatCount = 2 };
    }

    private static ComparedPart Small(Terms terms, string name, string title, string source)
    {
        const string Passes = "3";
        string[] peer = [Programs.Script("pil.py"), "small", source, "--repeat", Passes];
        return new(name, title, "3 times Pillow in one process",
            Programs.Ourselves("read-all", source, "whole", Passes, "--threads", Text(terms.Threads)),
            [Programs.Python("Pillow", peer), Programs.Python($"Pillow, {Loader(terms)}", [.. peer, "--workers", Text(terms.Threads)])])
        { TimesFaster = 3, PeersThatCount = 1 };
    }

    private static ComparedPart Training(Terms terms, string name, string title, string aim, string source) =>
        new(name, title, aim, Programs.Ourselves("training", name, source, "--threads", Text(terms.Threads)), []);

    private static string Loader(Terms terms) => $"DataLoader of {Text(terms.Threads)} worker{(terms.Threads == 1 ? "" : "s")}";

    private static ComparedResult Measure(ComparedPart part, int rounds, int threads)
    {
        // In turn, so that whatever else the machine does meets all of them.
        MeasuredProgram[] programs = [.. part.Peers.Append(part.Ours).Select(program => program with { Threads = threads })];
        var figures = programs.Select(_ => new List<PrintedFigures>()).ToArray();
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < programs.Length; i++)
            {
                figures[i].Add(programs[i].Measure());
                Console.Error.WriteLine($"{part.Name}, round {round + 1} of {rounds}: {programs[i].Name}: {figures[i][^1]}");
            }
        var all = programs.Zip(figures, (program, values) => new ComparedFigures(program, values)).ToArray();
        return new(part, all[^1], all[..^1]);
    }

    private static void Print(List<ComparedResult> results, int rounds, int threads)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Medians of {rounds} rounds in turn on {threads} thread{(threads == 1 ? "" : "s")}, lowest and highest in brackets.\n"));
        Console.WriteLine("| what | program | speed | MiB | WclSharp is faster by |\n| --- | --- | --- | --- | --- |");
        foreach (var result in results)
            foreach (var each in (ComparedFigures[])[.. result.Peers, result.Ours])
            {
                string unit = each.IsRate ? "images/s" : "s", ratio = ReferenceEquals(each, result.Ours) ? "" : Text(result.Ours.TimesAsFastAs(each));
                Console.WriteLine($"| {result.Part.Title} | {each.Program.Name} | {Text(each.Middle)} {unit} ({Text(each.Values.Min())} to {Text(each.Values.Max())}) | {(each.Mib is { } mib ? mib.ToString("0", CultureInfo.InvariantCulture) : "")} | {ratio} |");
            }
        Console.WriteLine("\n| part | WclSharp | aim | reached |\n| --- | --- | --- | --- |");
        foreach (var result in results)
            Console.WriteLine($"| {result.Part.Name} | {Found(result)} | {result.Part.Aim} | {(result.Reached ? "yes" : "no")} |");
    }

    /// <summary>The figures that a part's aims are of, for people.</summary>
    private static string Found(ComparedResult result)
    {
        var (part, ours) = (result.Part, result.Ours);
        List<string> found = [];
        if (part.TimesFaster is not null) found.Add($"{Text(result.Ratio!.Value)} times");
        if (part.Seconds is not null) found.Add($"{Text(ours.Middle)} s");
        if (part.Mib is not null) found.Add(string.Create(CultureInfo.InvariantCulture, $"{ours.Mib:0} MiB"));
        if (part.Percent is not null) found.Add(string.Create(CultureInfo.InvariantCulture, $"{ours.Percent:0.###} %"));
        return string.Join(", ", found);
    }

    private static void WriteJson(string file, List<ComparedResult> results, int threads)
    {
        using var stream = File.Create(file);
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        foreach (var result in results)
        {
            writer.WriteStartObject(result.Part.Name);
            writer.WriteString("title", result.Part.Title);
            writer.WriteNumber("threads", threads);
            writer.WriteString("aim", result.Part.Aim);
            writer.WriteBoolean("reached", result.Reached);
            if (result.Ratio is { } ratio) writer.WriteNumber("ratio", ratio);
            writer.WriteStartArray("programs");
            foreach (var each in (ComparedFigures[])[.. result.Peers, result.Ours])
            {
                writer.WriteStartObject();
                writer.WriteString("name", each.Program.Name);
                writer.WriteString("command", each.Program.Command);
                writer.WriteString("unit", each.IsRate ? "images/s" : "s");
                writer.WriteNumber("median", each.Middle);
                writer.WriteStartArray("rounds");
                foreach (double value in each.Values) writer.WriteNumberValue(value);
                writer.WriteEndArray();
                if (each.Mib is { } mib) writer.WriteNumber("mib", mib);
                if (each.Percent is { } percent) writer.WriteNumber("percent", percent);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString(value >= 1000 ? "0" : value >= 100 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
}
