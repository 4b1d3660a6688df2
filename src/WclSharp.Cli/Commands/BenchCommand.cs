using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WclSharp.Benchmarking;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl bench step|loss|data</c>: speed and memory of the pieces, as a table and as JSON.</summary>
internal static class BenchCommand
{
    public static Command Create(TextWriter output, TextWriter error) => new("bench", "Measure speed and memory of a training step, the losses, or reading images")
    {
        Step(output, error), Loss(output, error), Data(output, error),
    };

    private static Command Step(TextWriter output, TextWriter error)
    {
        var given = new[] { "method", "arch", "width", "stem", "batch", "image-size", "head-hidden", "head-output", "precision", "device" }
            .Select(name => PretrainOptionTable.Find(name)!).Select(entry => (Entry: entry, Option: new Option<string>($"--{entry.Name}") { Description = entry.Description, HelpName = entry.Placeholder })).ToList();
        var repeat = Number("--repeat", "Steps that are timed, after two that are not", 5);
        var json = Json();
        var command = new Command("step", "Whole training steps on random images [default: resnet18, width 64, small stem, 32 pixels, batch 128]") { repeat, json };
        foreach (var (_, option) in given) command.Add(option);
        command.SetAction(parsed =>
        {
            var standard = new PretrainOptions { Arch = EncoderArch.ResNet18, Width = 64, Stem = EncoderStem.Small, Batch = 128, HeadHidden = 2048, HeadOutput = 128 };
            var options = given.Aggregate(standard, (o, pair) => parsed.GetValue(pair.Option) is { } text ? pair.Entry.Parse(o, text) : o);
            options = options with { ImageSize = options.ImageSize ?? (options.Stem == EncoderStem.Small ? 32 : 224) };
            PretrainOptionTable.Validate(options);
            var figures = StepBenchmark.Run(options, parsed.GetValue(repeat), Progress(error));
            return Report(output, parsed.GetValue(json),
                ("arch", options.Arch.ToString()!.ToLowerInvariant()), ("width", options.Width), ("batch", options.Batch), ("image_size", options.ImageSize),
                ("precision", figures.Precision), ("images_per_second", figures.ImagesPerSecond), ("seconds_per_step", figures.SecondsPerStep),
                ("seconds_min", figures.Seconds.Min()), ("seconds_max", figures.Seconds.Max()), ("peak_rss_mib", figures.PeakRssMib));
        });
        return command;
    }

    private static Command Loss(TextWriter output, TextWriter error)
    {
        var batch = Number("--batch", "Images in the batch", 4096);
        var dim = Number("--dim", "Width of the heads' output", 128);
        var repeat = Number("--repeat", "Repeats that are timed, after one that is not", 5);
        var json = Json();
        var command = new Command("loss", "Graph and both losses, forward and backward, on random embeddings") { batch, dim, repeat, json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(batch) < 2) throw new WclUsageException($"--batch {parsed.GetValue(batch)} gives no neighbours; use 2 or more.");
            if (parsed.GetValue(dim) < 1) throw new WclUsageException($"--dim {parsed.GetValue(dim)} is too small; use 1 or more.");
            var figures = LossBenchmark.Run(parsed.GetValue(batch), parsed.GetValue(dim), parsed.GetValue(repeat), Progress(error));
            return Report(output, parsed.GetValue(json),
                ("batch", parsed.GetValue(batch)), ("dim", parsed.GetValue(dim)), ("seconds", figures.Seconds),
                ("seconds_min", figures.Repeats.Min()), ("seconds_max", figures.Repeats.Max()), ("mib_above_inputs", figures.MibAboveInputs));
        });
        return command;
    }

    private static Command Data(TextWriter output, TextWriter error)
    {
        var data = new Option<string?>("--data") { Description = "Images, as for pretrain [default: the embedded Fashion-MNIST]", HelpName = "PATH" };
        var imageSize = Number("--image-size", "Side of the crops, pixels", 32);
        var workers = Number("--workers", "Threads that decode", Environment.ProcessorCount);
        var repeat = Number("--repeat", "Repeats that are timed, after one that is not", 3);
        var json = Json();
        var command = new Command("data", "Reading and decoding images, then augmenting them") { data, imageSize, workers, repeat, json };
        command.SetAction(parsed =>
        {
            var options = new PretrainOptions { Data = parsed.GetValue(data), ImageSize = parsed.GetValue(imageSize), Workers = parsed.GetValue(workers) };
            PretrainOptionTable.Validate(options);
            var figures = DataBenchmark.Run(options, parsed.GetValue(repeat), Progress(error));
            return Report(output, parsed.GetValue(json),
                ("images", figures.Images), ("image_size", options.ImageSize), ("decode_images_per_second", figures.DecodeImagesPerSecond),
                ("augment_images_per_second", figures.AugmentImagesPerSecond), ("peak_rss_mib", figures.PeakRssMib));
        });
        return command;
    }

    private static Option<int> Number(string name, string description, int standard) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        Validators = { result => { if (result.GetValueOrDefault<int>() < 1) result.AddError($"{name} must be 1 or more."); } },
    };

    private static Option<string?> Json() => new("--json") { Description = "Write the figures as JSON too [default: none]", HelpName = "FILE" };

    /// <summary>On a terminal a benchmark says how far it is; its figures go to the output alone.</summary>
    private static Action<int, int>? Progress(TextWriter error) => Console.IsErrorRedirected
        ? null
        : (done, total) => error.Write(done == total ? "\r                    \r" : $"\r{done} of {total} repeats");

    private static int Report(TextWriter output, string? json, params (string Key, object? Value)[] figures)
    {
        int width = figures.Max(f => f.Key.Length);
        foreach (var (key, value) in figures)
            output.WriteLine($"{key.Replace('_', ' ').PadRight(width)}  {(value is double number ? number.ToString(number < 10 ? "0.0000" : "0.0", CultureInfo.InvariantCulture) : value)}");
        if (json is not null)
        {
            var node = new JsonObject(figures.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)JsonSerializer.SerializeToNode(f.Value))));
            AtomicFile.WriteText(json, node.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        }
        return ExitCodes.Done;
    }
}
