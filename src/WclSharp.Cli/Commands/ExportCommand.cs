using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Export;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl export RUN|FILE</c>: a trained network as a file for use elsewhere.</summary>
internal static class ExportCommand
{
    public static Command Create(Func<ExportOptions, IProgress<PretrainProgress>, CancellationToken, ExportResult> export, TextWriter output)
    {
        var command = new Command("export", "Write a trained network for use elsewhere; an ONNX file is compared with libtorch on images before it is kept");
        var source = new Argument<string>("RUN|FILE") { Description = "Run folder that wcl pretrain wrote, an encoder.safetensors, or a classifier.safetensors of wcl finetune" };
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "onnx, safetensors, or torchvision, a PyTorch state dict (.pth); the last two have torchvision's parameter names [default: onnx]" };
        var file = new Option<string>("--out") { HelpName = "FILE", Description = "File to write", Required = true };
        var head = new Option<string>("--head") { HelpName = "HEAD", Description = "A head of the run, weak or instance, as a second output of the ONNX file [default: none]" };
        var data = new Option<string>("--data") { HelpName = "PATH", Description = "Images to compare on; same forms as pretrain's [default: the run's, or the embedded ones]" };
        command.Add(source);
        foreach (var option in (Option[])[format, file, head, data]) command.Add(option);
        command.SetAction(parsed =>
        {
            var request = new ExportOptions
            {
                Source = parsed.GetRequiredValue(source),
                Out = parsed.GetRequiredValue(file),
                Format = FormatOf(parsed.GetValue(format)),
                Head = HeadOf(parsed.GetValue(head)),
                Data = parsed.GetValue(data),
            };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, progress => export(request, progress, stop));
                if (result.Parity is { } parity)
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"Compared with libtorch on {parity.Images:N0} images of {parity.Source}: lowest cosine {parity.MinCosine:0.00000000}, largest difference {parity.LargestDifference:0.0e+0}"));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Wrote {RunReport.Shown(result.File)}, {result.Bytes / 1048576.0:0.0} MiB"));
            });
        });
        return command;
    }

    private static ExportFormat FormatOf(string? text) => text switch
    {
        null or "onnx" => ExportFormat.Onnx,
        "safetensors" => ExportFormat.Safetensors,
        "torchvision" => ExportFormat.Torchvision,
        _ => throw new WclUsageException($"--format is \"{text}\"; expected onnx, safetensors or torchvision."),
    };

    private static ExportHead? HeadOf(string? text) => text switch
    {
        null => null,
        "weak" => ExportHead.Weak,
        "instance" => ExportHead.Instance,
        _ => throw new WclUsageException($"--head is \"{text}\"; expected weak or instance."),
    };
}
