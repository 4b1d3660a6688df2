using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Export;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl export RUN|FILE</c>: a trained network as a file for use elsewhere.</summary>
internal static class ExportCommand
{
    public static Command Create(Func<ExportOptions, IProgress<RunProgress>, CancellationToken, ExportResult> export, TextWriter output, TextWriter error)
    {
        var command = new Command("export", "Write a trained network for use elsewhere; an ONNX file is compared with libtorch on images before it is kept");
        var source = new Argument<string>("RUN|FILE") { Description = "Run folder that wcl pretrain wrote, an encoder.safetensors, or a classifier.safetensors of wcl finetune, or its folder" };
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "onnx, safetensors, or torchvision, a PyTorch state dict (.pth); the last two have torchvision's parameter names [default: by the file extension of --out (.onnx, .safetensors, .pth, .pt), else onnx]" };
        var file = OutputFile.Option("--out", "File to write", required: true, isRenamed: true);
        var head = new Option<string>("--head") { HelpName = "HEAD", Description = "A head of the run, weak or instance, as a second output of the ONNX file [default: none]" };
        var data = new Option<string>("--data") { HelpName = "PATH", Description = "Images to compare on, and to calibrate int8 with; same forms as pretrain's [default: the run's; without a run the embedded ones, but not for int8]" };
        var precision = PrecisionOption();
        var calibrate = Count("--calibrate", "Images that int8 measures ranges on: without --data of a run with test images the others, else at most half of those that there are");
        var check = Count("--check", "Images to compare on, none of them used to calibrate");
        var json = JsonFile.Option();
        command.Add(source);
        foreach (var option in (Option[])[format, file, precision, head, data, calibrate, check, json]) command.Add(option);
        command.SetAction(parsed =>
        {
            var request = new ExportOptions
            {
                Source = parsed.GetRequiredValue(source),
                Out = parsed.GetRequiredValue(file),
                Format = ChoiceText.Parse<ExportFormat>(parsed, format),
                Head = ChoiceText.Parse<ExportHead>(parsed, head),
                Precision = PrecisionOf(parsed, precision),
                Data = parsed.GetValue(data),
                Calibrate = parsed.GetValue(calibrate),
                Check = parsed.GetValue(check),
            };
            request.Validate();
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, error, progress => export(request, progress, stop));
                if (result.Parity is { } parity)
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"Compared {(result.Cost is null ? "" : "float32 ")}with libtorch on {parity.Images:N0} images of {parity.Source}: lowest cosine {parity.MinCosine:0.00000000}, largest difference {parity.LargestDifference:0.0e+0}"));
                if (result.Cost is { } cost)
                    foreach (string line in Lines(cost)) output.WriteLine(line);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Wrote {RunReport.Shown(result.File)}, {result.Bytes / 1048576.0:0.0} MiB"));
                JsonFile.Write(parsed.GetValue(json), writer => Write(writer, request, result));
            });
        });
        return command;
    }

    /// <summary>The option that says which numbers an ONNX file holds.</summary>
    internal static Option<string> PrecisionOption() => new("--precision")
    {
        HelpName = "PRECISION",
        Description = "Numbers in the ONNX file: fp32; fp16, weights of half the size; int8, a quarter of the size and faster, calibrated on images [default: fp32]",
    };

    internal static ExportPrecision PrecisionOf(ParseResult parsed, Option<string> option) => ChoiceText.Parse<ExportPrecision>(parsed, option) ?? ExportPrecision.Fp32;

    private static Option<int?> Count(string name, string description) => NumberOption.Integer(name, description, ExportOptions.ImagesRange, ExportOptions.StandardImages.ToString(CultureInfo.InvariantCulture));

    private static IEnumerable<string> Lines(ExportCost cost)
    {
        string name = OptionValue.NameOf(cost.Precision);
        string calibrated = cost.CalibrationImages > 0 ? string.Create(CultureInfo.InvariantCulture, $", calibrated on {cost.CalibrationImages:N0} others") : "";
        yield return string.Create(CultureInfo.InvariantCulture,
            $"Compared {name} with float32 on {cost.Images:N0} images of {cost.Source}{calibrated}: lowest cosine {cost.MinCosine:0.000000}, mean {cost.MeanCosine:0.000000}");
        if (cost.Agreement is { } agreement) yield return $"Both name the same class of {EpochTable.Percent(agreement)} of them";
        foreach (string line in TextTable.Lines<(string Name, ExportFigures Figures)>(
        [
            ("", row => row.Name),
            ("file, MiB", row => (row.Figures.Bytes / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture)),
            ("images/s", row => row.Figures.ImagesPerSecond.ToString("0.0", CultureInfo.InvariantCulture)),
            .. Share("kNN accuracy", figures => figures.Knn),
            .. Share("accuracy", figures => figures.Accuracy),
        ], [("fp32", cost.Float32), (name, cost.Exported)], namesFirst: true)) yield return $"  {line}";

        (string, Func<(string Name, ExportFigures Figures), string>)[] Share(string title, Func<ExportFigures, double?> share) =>
            share(cost.Exported) is null ? [] : [(title, row => EpochTable.Percent(share(row.Figures)!.Value))];
    }

    private static void Write(Utf8JsonWriter writer, ExportOptions options, ExportResult result)
    {
        writer.WriteString("file", result.File);
        writer.WriteNumber("bytes", result.Bytes);
        if (result.Parity is { } parity)
        {
            writer.WriteString("precision", OptionValue.NameOf(options.Precision));
            writer.WriteString("images_of", parity.Source);
            writer.WriteNumber("images", parity.Images);
            writer.WriteNumber("libtorch_min_cosine", parity.MinCosine);
            writer.WriteNumber("libtorch_largest_difference", parity.LargestDifference);
        }
        if (result.Cost is not { } cost) return;
        writer.WriteNumber("calibration_images", cost.CalibrationImages);
        writer.WriteNumber("min_cosine", cost.MinCosine);
        writer.WriteNumber("mean_cosine", cost.MeanCosine);
        if (cost.Agreement is { } agreement) writer.WriteNumber("agreement", agreement);
        foreach (var (name, figures) in (IEnumerable<(string, ExportFigures)>)[("float32", cost.Float32), ("exported", cost.Exported)])
        {
            writer.WriteStartObject(name);
            writer.WriteNumber("bytes", figures.Bytes);
            writer.WriteNumber("images_per_second", figures.ImagesPerSecond);
            if (figures.Knn is { } knn) writer.WriteNumber("knn", knn);
            if (figures.Accuracy is { } accuracy) writer.WriteNumber("accuracy", accuracy);
            writer.WriteEndObject();
        }
    }
}
