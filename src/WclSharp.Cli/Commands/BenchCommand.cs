using System.CommandLine;
using System.Globalization;
using WclSharp.Benchmarking;
using WclSharp.Configuration;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl bench</c>: how fast training steps, losses, data, features and searches are on this machine.</summary>
internal static class BenchCommand
{
    private const int Repeats = 5;
    private const string OfTheHost = " of the host's memory"; // a GPU's own is not measured

    public static Command Create(TextWriter output, TextWriter error) => new("bench", "Measure how fast this machine trains and reads: medians over repeats, after a warm-up")
    {
        Step(output, error),
        Loss(output, error),
        Data(output, error),
        Neighbors(output, error),
        Embed(output, error),
        Search(output, error),
    };

    private static Command Step(TextWriter output, TextWriter error)
    {
        var command = new Command("step", "Whole training steps: encoder, heads, graph, losses, backward, optimiser");
        var options = new TableOptions(command)
            .Add("arch", "resnet18")
            .Add("width", "64")
            .Add("stem", "by --image-size as with --preset tiny; small without it")
            .Add("batch", "128")
            .Add("image-size", "32 with the small stem, 224 with imagenet's")
            .Add("method", "wcl")
            .Add("device", "auto")
            .Add("precision", "auto");
        var (repeat, json) = (Count("--repeat", Repeats, "Steps that are timed"), JsonFile.Option());
        command.Add(repeat);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions
            {
                Arch = EncoderArch.ResNet18,
                Width = 64,
                Batch = 128,
                HeadHidden = 2048,
                HeadOutput = 128,
            });
            given = WithStem(given);
            var figures = StepBenchmark.Run(given, Value(parsed, repeat), Progress(error));
            // On a processor it is done when it is asked for.
            string asked = figures.HostSecondsPerStep < 0.99 * figures.SecondsPerStep ? string.Create(CultureInfo.InvariantCulture, $" (asked of the device in {figures.HostSecondsPerStep:0.0000} s)") : "";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{figures.ImagesPerSecond:0.0} images/s (two views each), {figures.SecondsPerStep:0.0000} s per step{asked}, {figures.Precision}, peak {figures.PeakRssMib:0} MiB{(figures.OnGpu ? OfTheHost : "")}"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                writer.WriteNumber("images_per_second", figures.ImagesPerSecond);
                writer.WriteNumber("seconds_per_step", figures.SecondsPerStep);
                writer.WriteNumber("host_seconds_per_step", figures.HostSecondsPerStep);
                writer.WriteNumber("peak_rss_mib", figures.PeakRssMib);
                writer.WriteString("precision", figures.Precision);
                Repeated(writer, figures.Seconds);
            });
        });
        return command;
    }

    private static Command Loss(TextWriter output, TextWriter error)
    {
        var command = new Command("loss", "Nearest-neighbour graph and both losses, forward and backward");
        var batch = Count("--batch", 4096, "Images in the batch", BatchSizes);
        var dim = Count("--dim", 128, "Output width of the heads", Dimensions);
        var (repeat, json) = (Count("--repeat", Repeats, "Times it is timed"), JsonFile.Option());
        foreach (var option in (Option[])[batch, dim, repeat, json]) command.Add(option);
        command.SetAction(parsed =>
        {
            var figures = LossBenchmark.Run(Value(parsed, batch), Value(parsed, dim), Value(parsed, repeat), Progress(error));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{figures.Seconds:0.000} s, {figures.MibAboveInputs:0} MiB above the inputs"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                writer.WriteNumber("seconds", figures.Seconds);
                writer.WriteNumber("mib_above_inputs", figures.MibAboveInputs);
                Repeated(writer, figures.Repeats);
            });
        });
        return command;
    }

    private static Command Data(TextWriter output, TextWriter error)
    {
        var command = new Command("data", "Reading and decoding images, then augmenting them");
        var options = new TableOptions(command).Add("data", "the embedded Fashion-MNIST").Add("image-size", "32").Add("workers", "one per core");
        var (repeat, json) = (Count("--repeat", 3, "Times it is timed"), JsonFile.Option());
        foreach (var option in (Option[])[repeat, json]) command.Add(option);
        command.SetAction(parsed =>
        {
            var figures = DataBenchmark.Run(options.Apply(parsed, new PretrainOptions { ImageSize = 32 }), Value(parsed, repeat), Progress(error));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{figures.Images:N0} images: {figures.DecodeImagesPerSecond:0} images/s read and decoded, {figures.AugmentImagesPerSecond:0} views/s augmented, peak {figures.PeakRssMib:0} MiB"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                writer.WriteNumber("images", figures.Images);
                writer.WriteNumber("decode_images_per_second", figures.DecodeImagesPerSecond);
                writer.WriteNumber("augment_images_per_second", figures.AugmentImagesPerSecond);
                writer.WriteNumber("peak_rss_mib", figures.PeakRssMib);
            });
        });
        return command;
    }

    private static Command Neighbors(TextWriter output, TextWriter error)
    {
        var command = new Command("neighbors", "The nearest images of every image in a bank of embeddings, as KNN multi-crop finds them at an epoch's end");
        var options = new TableOptions(command).Add("device", "auto");
        var images = Count("--images", 100_000, "Images in the bank", BankSizes);
        var dim = Count("--dim", 128, "Output width of the heads", Dimensions);
        var neighbors = Nearest(4, "Neighbours of each image");
        var json = JsonFile.Option();
        foreach (var option in (Option[])[images, dim, neighbors, json]) command.Add(option);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var figures = NeighborBenchmark.Run(Value(parsed, images), Value(parsed, dim), Value(parsed, neighbors), given.Device ?? ComputeDevice.Auto, Progress(error));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{figures.Seconds:0.0} s, {figures.Gflops:0} GFLOP/s (a matrix product alone {figures.MatrixGflops:0}), {(figures.OnGpu ? FormattableString.Invariant($"{figures.MibAboveBank:0} MiB{OfTheHost}, bank of {figures.BankMib:0} MiB on the GPU") : FormattableString.Invariant($"{figures.MibAboveBank:0} MiB above the bank of {figures.BankMib:0} MiB"))}"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                writer.WriteNumber("seconds", figures.Seconds);
                writer.WriteNumber("gflops", figures.Gflops);
                writer.WriteNumber("matrix_gflops", figures.MatrixGflops);
                writer.WriteNumber("bank_mib", figures.BankMib);
                writer.WriteNumber("mib_above_bank", figures.MibAboveBank);
                writer.WriteNumber("largest_mib_above_bank", figures.LargestMib);
            });
        });
        return command;
    }

    private static Command Embed(TextWriter output, TextWriter error)
    {
        var command = new Command("embed", "Features of decoded images on the CPU, by libtorch in float32 and by ONNX Runtime in turn");
        var options = new TableOptions(command)
            .Add("arch", "resnet18")
            .Add("width", "64")
            .Add("stem", "by --image-size as with --preset tiny; small without it")
            .Add("image-size", "32 with the small stem, 224 with imagenet's");
        var images = NumberOption.Checked("--images", "Images to embed", StepSizes, "256 up to 64 pixels, 64 above");
        var precision = ExportCommand.PrecisionOption();
        var (repeat, json) = (Count("--repeat", Repeats, "Times that both are timed"), JsonFile.Option());
        foreach (var option in (Option[])[precision, images, repeat, json]) command.Add(option);
        command.SetAction(parsed => Stoppable.Run(stop =>
        {
            var given = options.Apply(parsed, new PretrainOptions { Arch = EncoderArch.ResNet18, Width = 64 });
            given = WithStem(given);
            var figures = EmbedBenchmark.Run(given, ExportCommand.PrecisionOf(parsed, precision), parsed.GetValue(images), Value(parsed, repeat), Progress(error), stop);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{given.ImageSize} pixels, {OptionValue.NameOf(given.Stem!.Value)} stem: {figures.LibtorchImagesPerSecond:0.0} images/s by libtorch, {figures.OnnxImagesPerSecond:0.0} images/s by ONNX Runtime, {figures.Ratio:0.00} times; lowest cosine {figures.MinCosine:0.0000000}, mean {figures.MeanCosine:0.0000000}, largest difference {figures.LargestDifference:0.0e+0}; file {figures.FileMib:0.0} MiB"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                writer.WriteNumber("libtorch_images_per_second", figures.LibtorchImagesPerSecond);
                writer.WriteNumber("onnx_images_per_second", figures.OnnxImagesPerSecond);
                writer.WriteNumber("ratio", figures.Ratio);
                writer.WriteString("stem", OptionValue.NameOf(given.Stem!.Value));
                writer.WriteNumber("image_size", given.ImageSize!.Value);
                writer.WriteString("precision", OptionValue.NameOf(ExportCommand.PrecisionOf(parsed, precision)));
                writer.WriteNumber("min_cosine", figures.MinCosine);
                writer.WriteNumber("mean_cosine", figures.MeanCosine);
                writer.WriteNumber("largest_difference", figures.LargestDifference);
                writer.WriteNumber("file_mib", figures.FileMib);
            });
        }));
        return command;
    }

    /// <summary>The stem by the image size, or the image size by the stem, where one is not given.</summary>
    internal static PretrainOptions WithStem(PretrainOptions given)
    {
        var stem = given.Stem ?? (given.ImageSize is { } side ? Presets.StemFor(side) : EncoderStem.Small);
        return given with { Stem = stem, ImageSize = given.ImageSize ?? (stem == EncoderStem.Small ? 32 : 224) };
    }

    private static Command Search(TextWriter output, TextWriter error)
    {
        var command = new Command("search", "Exact searches of an index in float32, fp16 and int8, and what the last two find of what float32 does");
        var images = Count("--images", 100_000, "Random vectors; their files go into the folder for temporary ones, 7 bytes a number");
        var dim = Count("--dim", 512, "Their length", Dimensions);
        var neighbors = Nearest(10, "Images to find");
        var index = new Option<string>("--index") { HelpName = "FILE", Description = "Take the vectors of this float32 index instead; some of them are searched for, and do not count as found [default: none]" };
        var (repeat, json) = (Count("--repeat", 20, "Searches of each format, after the first"), JsonFile.Option());
        foreach (var option in (Option[])[images, dim, neighbors, index, repeat, json]) command.Add(option);
        command.SetAction(parsed => Stoppable.Run(stop =>
        {
            int k = Value(parsed, neighbors), queries = Value(parsed, repeat);
            var figures = parsed.GetValue(index) is { } file ? OfIndex(file) : OfRandom(Value(parsed, images), Value(parsed, dim));

            IReadOnlyList<SearchFigures> OfIndex(string file)
            {
                foreach (var option in (Option<int?>[])[images, dim])
                    if (parsed.GetResult(option) is { Implicit: false }) throw new WclUsageException($"{option.Name} changes nothing with --index, whose vectors are taken; leave one of them out.");
                using (var opened = ImageIndex.Open(file)) RequireRoom(opened.Count, opened.FeatureSize);
                return SearchBenchmark.OfIndex(file, k, queries, Progress(error), stop);
            }

            IReadOnlyList<SearchFigures> OfRandom(int count, int length)
            {
                RequireRoom(count, length);
                return SearchBenchmark.Random(count, length, k, queries, Progress(error), stop);
            }

            foreach (var each in figures)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{OptionValue.NameOf(each.Format),-8} {each.FileMib,8:0.0} MiB, first {each.FirstSeconds:0.000} s, median {each.MedianSeconds:0.0000} s, slowest {each.WorstSeconds:0.0000} s, recall@{k} {each.Recall:0.0000}"));
            JsonFile.Write(parsed.GetValue(json), writer =>
            {
                foreach (var each in figures)
                {
                    writer.WriteStartObject(OptionValue.NameOf(each.Format));
                    writer.WriteNumber("file_mib", each.FileMib);
                    writer.WriteNumber("first_seconds", each.FirstSeconds);
                    writer.WriteNumber("median_seconds", each.MedianSeconds);
                    writer.WriteNumber("slowest_seconds", each.WorstSeconds);
                    writer.WriteNumber("recall", each.Recall);
                    writer.WriteEndObject();
                }
            });
        }));
        return command;
    }

    /// <summary>Lines now and then, beside the figures: a bar that draws itself meanwhile would be timed with them.</summary>
    private static PlainProgress Progress(TextWriter error) => new(error.WriteLine, TimeSpan.FromSeconds(Console.IsErrorRedirected ? 10 : 2), error.WriteLine);

    /// <summary>A number of the command's own, which has a value where it is not given.</summary>
    private static Option<int?> Count(string name, int standard, string description, NumberRange? range = null) => NumberOption.Checked(name, description, range ?? Counts, standard);

    /// <summary>How many images to find, by the names of wcl search, and by --k, which it had before.</summary>
    private static Option<int?> Nearest(int standard, string description)
    {
        var option = Count("--count", standard, description);
        option.Aliases.Add("-k");
        option.Aliases.Add("--k");
        return option;
    }

    private static int Value(ParseResult parsed, Option<int?> option) => parsed.GetValue(option)!.Value;

    // Far more than any machine would finish; what is within may still be too much for its memory.
    private static readonly NumberRange Counts = new(1, 100_000_000), BankSizes = Counts with { Least = 2 }, Dimensions = new(1, 65_536), StepSizes = new(1, 1_000_000), BatchSizes = StepSizes with { Least = 2 };

    /// <summary>Refuses random vectors whose files the disk has no room for.</summary>
    private static void RequireRoom(int images, int dim)
    {
        long bytes = (long)images * dim * BytesANumber, free = new DriveInfo(Path.GetTempPath()).AvailableFreeSpace;
        if (bytes > free) throw new WclUsageException(FormattableString.Invariant($"The files of {images:N0} vectors of {dim:N0} numbers take {bytes >> 30:N0} GiB, and {Path.GetTempPath()} has {free >> 30:N0} free; use fewer, or set TMPDIR."));
    }

    private const int BytesANumber = 7; // of float32, fp16 and int8

    private static void Repeated(System.Text.Json.Utf8JsonWriter writer, IReadOnlyList<double> seconds)
    {
        writer.WriteStartArray("repeats");
        foreach (double value in seconds) writer.WriteNumberValue(value);
        writer.WriteEndArray();
    }
}
