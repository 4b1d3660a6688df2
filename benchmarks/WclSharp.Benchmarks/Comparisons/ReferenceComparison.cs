using System.Globalization;
using System.Text.Json;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>
/// WclSharp beside plain PyTorch and Pillow: training steps, losses and reading, in turn, round by round, in processes of their own; medians and aims in one table.
/// </summary>
internal static class ReferenceComparison
{
    private const string Usage = "compare REFERENCE.py [--only step,resnet50,loss,embed,embed50,onnx,onnx50,photographs,large,crops,again,tar,folder,data] [--rounds 3] [--batch 16] [--data FOLDER] [--json FILE]";

    /// <param name="arguments">REFERENCE.py, a plain PyTorch WCL with the commands step and loss, and options.</param>
    /// <exception cref="WclUsageException">The call is wrong.</exception>
    /// <exception cref="WclException">A program fails.</exception>
    public static void Run(string[] arguments)
    {
        using var data = new ComparedData();
        var options = CompareOptions.Parse(arguments, Usage, "only", "rounds", "batch", "data", "json");
        int rounds = options.Count("rounds", 3), batch = options.Count("batch", 16);
        data.Folder = options["data"] ?? Environment.GetEnvironmentVariable("WCLSHARP_DATA");
        string[] only = (options["only"] ?? string.Join(',', Parts.Keys)).Split(',').SelectMany(name => name == "data" ? DataParts : [name]).ToArray();
        foreach (string name in only)
            if (!Parts.ContainsKey(name)) throw new WclUsageException($"There is no part '{name}'; use some of {string.Join(", ", Parts.Keys)} or data.");
        ComparedPart[] parts = [.. only.Select(name => Parts[name](options.Reference, batch, data))]; // what is missing is missed before anything is timed
        List<ComparedResult> results = [];
        foreach (var part in parts)
        {
            results.Add(Measure(part, rounds));
            if (options["json"] is { } file) WriteJson(file, results); // each may take minutes: none is lost by the next
        }
        Print(results, rounds);
    }

    private static readonly string[] DataParts = ["photographs", "large", "crops", "again", "tar", "folder"];

    private static readonly Dictionary<string, Func<string, int, ComparedData, ComparedPart>> Parts = new(StringComparer.Ordinal)
    {
        ["step"] = (reference, _, _) => new("step", "training step: ResNet-18, 32 x 32, batch 128", "1.35 times the best peer",
            Programs.Wcl("bench", "step", "--arch", "resnet18", "--batch", "128", "--stem", "small", "--repeat", "7"),
            Precisions([reference, "step", "--batch", "128"], "2"))
        { TimesFaster = 1.35 },
        ["resnet50"] = (reference, batch, _) => new("resnet50", $"training step: ResNet-50, 224 x 224, batch {Text(batch)}", "1.3 times the best peer",
            Programs.Wcl("bench", "step", "--arch", "resnet50", "--batch", Text(batch), "--stem", "imagenet", "--image-size", "224", "--repeat", "9"),
            Precisions([Programs.Script("resnet50.py"), reference, "--batch", Text(batch)], "2"))
        { TimesFaster = 1.3 },
        ["loss"] = (reference, _, _) => new("loss", "graph and both losses: batch 4096, D = 128", "0.6 s, 96 MiB",
            Programs.Wcl("bench", "loss", "--batch", "4096", "--dim", "128", "--repeat", "5"),
            [Programs.Python("PyTorch", reference, "loss", "--batch", "4096", "--dim", "128", "--repeat", "3")])
        { Seconds = 0.6, Mib = 96 },
        ["embed"] = (reference, _, _) => Embedding("embed", "features of a run: ResNet-18, 32 x 32, float32", reference, 0, "resnet18", "small", "1024"),
        ["embed50"] = (reference, _, _) => Embedding("embed50", "features of a run: ResNet-50, 224 x 224, float32", reference, 0, "resnet50", "imagenet", "64"),
        ["onnx"] = (reference, _, _) => Embedding("onnx", "features by ONNX Runtime: ResNet-18, 32 x 32, float32", reference, 1, "resnet18", "small", "1024"),
        ["onnx50"] = (reference, _, _) => Embedding("onnx50", "features by ONNX Runtime: ResNet-50, 224 x 224, float32", reference, 1, "resnet50", "imagenet", "64"),
        ["photographs"] = (_, _, data) => Photographs("photographs", "160 photographs of some 500 x 375 to 224 x 224", data.Photographs, "middle", "middle"),
        ["large"] = (_, _, data) => Photographs("large", "48 photographs of 2000 x 1500 to 224 x 224", data.LargePhotographs, "middle", "middle"),
        ["crops"] = (_, _, data) => Photographs("crops", "the 160 to random crops of 224 x 224, first epoch", data.Photographs, "random", "random"),
        ["again"] = (_, _, data) => Photographs("again", "the 160 to random crops of 224 x 224, later epochs", data.Photographs, "random", "again"),
        ["tar"] = (_, _, data) => Small("tar", "CIFAR-10 as 50,000 JPEGs in a tar file", data.SmallImages),
        ["folder"] = (_, _, data) => Small("folder", "CIFAR-10 as 50,000 JPEG files", data.SmallImageFolder),
    };

    private static MeasuredProgram[] Precisions(string[] arguments, string repeat) =>
    [
        Programs.Python("PyTorch, default", [.. arguments, "--repeat", repeat]),
        Programs.Python("PyTorch, channels-last", [.. arguments, "--repeat", repeat, "--channels-last"]),
        Programs.Python("PyTorch, channels-last, bf16", [.. arguments, "--repeat", "5", "--channels-last", "--bf16"]),
    ];

    private static ComparedPart Embedding(string name, string title, string reference, int rate, string arch, string stem, string images)
    {
        string[] peer = [Programs.Script("embed.py"), reference, "--arch", arch, "--images", images];
        return new(name, title, "1.5 times the best peer",
            Programs.Wcl("bench", "embed", "--arch", arch, "--stem", stem, "--images", images, "--repeat", "3") with { Rate = rate },
            [Programs.Python("PyTorch, default", peer), Programs.Python("PyTorch, channels-last", [.. peer, "--channels-last"])])
        { TimesFaster = 1.5 };
    }

    private static ComparedPart Photographs(string name, string title, string source, string crop, string ours) => new(name, title, "2 times Pillow in one process",
        Programs.Ourselves("read-all", source, ours, "5"),
        [
            Programs.Python("Pillow", Programs.Script("pil.py"), "photographs", source, "--crop", crop),
            Programs.Python("Pillow, draft", Programs.Script("pil.py"), "photographs", source, "--crop", crop, "--draft"),
            Programs.Python("Pillow, DataLoader of 2 workers", Programs.Script("pil.py"), "photographs", source, "--crop", crop, "--workers", "2"),
            Programs.Python("Pillow, draft, DataLoader of 2 workers", Programs.Script("pil.py"), "photographs", source, "--crop", crop, "--draft", "--workers", "2"),
        ])
    { TimesFaster = 2, PeersThatCount = 2 };

    private static ComparedPart Small(string name, string title, string source) => new(name, title, "3 times Pillow in one process",
        Programs.Ourselves("read-all", source, "whole", "3"),
        [
            Programs.Python("Pillow", Programs.Script("pil.py"), "small", source),
            Programs.Python("Pillow, DataLoader of 2 workers", Programs.Script("pil.py"), "small", source, "--workers", "2"),
        ])
    { TimesFaster = 3, PeersThatCount = 1 };

    private static ComparedResult Measure(ComparedPart part, int rounds)
    {
        // In turn, so that whatever else the machine does meets all of them.
        MeasuredProgram[] programs = [.. part.Peers, part.Ours];
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

    private static void Print(List<ComparedResult> results, int rounds)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Medians of {rounds} rounds in turn, lowest and highest in brackets.\n"));
        Console.WriteLine("| what | program | speed | MiB | WclSharp is faster by |\n| --- | --- | --- | --- | --- |");
        foreach (var result in results)
            foreach (var each in (ComparedFigures[])[.. result.Peers, result.Ours])
            {
                string unit = each.IsRate ? "images/s" : "s", ratio = ReferenceEquals(each, result.Ours) ? "" : Text(result.Ours.TimesAsFastAs(each));
                Console.WriteLine($"| {result.Part.Title} | {each.Program.Name} | {Text(each.Middle)} {unit} ({Text(each.Values.Min())} to {Text(each.Values.Max())}) | {(each.Mib is { } mib ? mib.ToString("0", CultureInfo.InvariantCulture) : "")} | {ratio} |");
            }
        Console.WriteLine("\n| part | WclSharp | aim | reached |\n| --- | --- | --- | --- |");
        foreach (var result in results)
        {
            string reached = result.Part.TimesFaster is null ? $"{Text(result.Ours.Middle)} s, {result.Ours.Mib:0} MiB" : $"{Text(result.Ratio)} times";
            Console.WriteLine($"| {result.Part.Name} | {reached} | {result.Part.Aim} | {(result.Reached ? "yes" : "no")} |");
        }
    }

    private static void WriteJson(string file, List<ComparedResult> results)
    {
        using var stream = File.Create(file);
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        foreach (var result in results)
        {
            writer.WriteStartObject(result.Part.Name);
            writer.WriteString("title", result.Part.Title);
            writer.WriteString("aim", result.Part.Aim);
            writer.WriteBoolean("reached", result.Reached);
            writer.WriteNumber("ratio", result.Ratio);
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
