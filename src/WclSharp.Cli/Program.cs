using WclSharp.Benchmarking;
using WclSharp.Training;

if (args is ["step", ..])
{
    var o = new PretrainOptions { Arch = EncoderArch.ResNet18, Width = int.Parse(args[1]), Stem = EncoderStem.Small, ImageSize = int.Parse(args[3]), Batch = int.Parse(args[2]), HeadHidden = 2048, HeadOutput = 128, Precision = Enum.Parse<ComputePrecision>(args[4]) };
    Console.WriteLine(StepBenchmark.Run(o, 3));
    return;
}
var options = WclSharp.Configuration.ConfigFile.Parse(args[0], new PretrainOptions(), "args");
Pretraining.Run(options, new Printer());

internal sealed class Printer : IProgress<PretrainProgress>
{
    public void Report(PretrainProgress value) { if (value is not PretrainProgress.Working and not PretrainProgress.Step) Console.WriteLine(value is PretrainProgress.Started s ? string.Join("\n", s.Lines) : value.ToString()); }
}
