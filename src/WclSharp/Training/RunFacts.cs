using System.Globalization;
using WclSharp.Configuration;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>What a person is told of a run before it trains: data, network, training, machine and folder, a fact a line.</summary>
internal static class RunFacts
{
    /// <param name="options">Resolved options.</param>
    /// <param name="data">What it trains on.</param>
    /// <param name="model">What it trains.</param>
    /// <param name="initial">What its weights are at first; null where they are random.</param>
    /// <param name="compute">Where.</param>
    /// <param name="stepsPerEpoch">Steps of an epoch.</param>
    public static IReadOnlyList<string> Of(PretrainOptions options, PretrainingData data, WclModel model, string? initial, ComputeDevice compute, long stepsPerEpoch)
    {
        long weights = model.Encoder.parameters().Sum(p => p.numel());
        return
        [
            .. data.Lines,
            string.Create(CultureInfo.InvariantCulture, $"{OptionValue.NameOf(options.Method)} with {OptionValue.NameOf(options.Arch!.Value)}, width {options.Width}, {OptionValue.NameOf(options.Stem!.Value)} stem, {(weights < 999_950 ? weights / 1e3 : weights / 1e6):F1} {(weights < 999_950 ? "K" : "M")} weights, {options.ImageSize} x {options.ImageSize} pixels"),
            string.Create(CultureInfo.InvariantCulture, $"{options.Epochs} epoch{(options.Epochs == 1 ? "" : "s")} of {stepsPerEpoch} step{(stepsPerEpoch == 1 ? "" : "s")}, batch {options.Batch}, {OptionValue.NameOf(options.Optimizer!.Value)} lr {options.LearningRate:G4}, temperature {options.Temperature}, seed {options.Seed}"),
            .. initial is null ? (string[])[] : [$"init: {initial}"],
            $"on {compute.Name}, {compute.TypeName}, {get_num_threads()} thread{(get_num_threads() == 1 ? "" : "s")}",
            $"run folder {options.Out}",
        ];
    }
}
