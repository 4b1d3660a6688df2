using WclSharp.Methods;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>Defaults of the options that belong to one method. For other methods these options stay unset.</summary>
internal static class MethodDefaults
{
    /// <summary>Sets what the chosen method needs and was not given.</summary>
    /// <param name="options">Options with the batch resolved.</param>
    /// <exception cref="WclUsageException">A number of neighbours is more than a batch has.</exception>
    public static PretrainOptions Fill(PretrainOptions options) => FillOwn(options) with
    {
        WeakKeys = options.WeakKeys ?? (options.Method == ContrastiveMethod.WclBank ? WeakKeys.Full : WeakKeys.Detached),
    };

    private static PretrainOptions FillOwn(PretrainOptions options) => options.Method switch
    {
        // Ours: the one nearest, as WCL's graph has, from the middle of the run on.
        ContrastiveMethod.AdpClr => options with
        {
            AdpClrK = Neighbours("adpclr-k", options.AdpClrK, 1, options.Batch!.Value),
            AdpClrStart = options.AdpClrStart ?? 0.5,
        },
        // Ours: after the usual warm-up, when nearest images first mean something.
        ContrastiveMethod.WclBank => options with
        {
            BankPairs = options.BankPairs ?? BankPairs.Components,
            BankNegatives = options.BankNegatives ?? BankNegatives.Others,
            BankStart = options.BankStart ?? (options.Epochs < 4 ? 1 : 2),
        },
        // Huynh et al. 2022: eight views of support. The others are ours to choose, k with the batch.
        ContrastiveMethod.FnCancel => options with
        {
            FnSupport = options.FnSupport ?? 8,
            FnScore = options.FnScore ?? SupportScore.Max,
            FnMode = options.FnMode ?? FalseNegativeMode.Attraction,
            FnK = options.FnK is null && options.FnThreshold is not null ? null : Neighbours("fn-k", options.FnK, 10, options.Batch!.Value),
        },
        // Wu et al. 2018, section 3 and their code.
        ContrastiveMethod.InstDisc => options with
        {
            InstDiscLoss = options.InstDiscLoss ?? BankLoss.Nce,
            InstDiscNegatives = options.InstDiscLoss == BankLoss.Softmax ? options.InstDiscNegatives : options.InstDiscNegatives ?? 4096,
            InstDiscMomentum = options.InstDiscMomentum ?? 0.5,
            InstDiscTemperature = options.InstDiscTemperature ?? 0.07,
        },
        _ => options,
    };

    /// <summary>A warning for every option that was given and belongs to another method than the chosen one.</summary>
    public static IEnumerable<string> Unused(PretrainOptions given) => PretrainOptionTable.All
        .Where(option => option.OnlyFor is { } method && method != given.Method && option.Show(given) is not null)
        .Select(option => $"--{option.Name} changes nothing: it belongs to --method {OptionValue.NameOf(option.OnlyFor!.Value)}, and the method is {OptionValue.NameOf(given.Method)}.")
        .Concat(given.Method == ContrastiveMethod.InstDisc && given.Temperature != new PretrainOptions().Temperature
            ? ["--temperature changes nothing: --method instdisc has its own, --instdisc-temperature."]
            : [])
        .Concat(given is { Method: ContrastiveMethod.InstDisc, InstDiscLoss: BankLoss.Softmax, InstDiscNegatives: not null }
            ? ["--instdisc-negatives changes nothing: --instdisc-loss softmax compares with every image of the bank and draws none."]
            : [])
        .Concat(MethodFactory.HasWeakLoss(given.Method) ? [] : UnusedOfWeakLoss(given));

    private static readonly string[] OfWeakLoss = ["beta", "beta-ramp", "weak-keys"];

    /// <summary>Names of the options that are every run's and that one of this method has no use for, or no use with the others as they are.</summary>
    public static IReadOnlyList<string> Ignored(PretrainOptions options) =>
    [
        .. options.Method == ContrastiveMethod.InstDisc ? ["temperature"] : Array.Empty<string>(),
        .. MethodFactory.HasWeakLoss(options.Method) ? Array.Empty<string>() : OfWeakLoss,
        .. MultiCropResolution.Ignored(options).Select(pair => pair.Name),
    ];

    private static IEnumerable<string> UnusedOfWeakLoss(PretrainOptions given)
    {
        var unset = new PretrainOptions { WeakKeys = WeakKeys.Detached }; // what a run that goes on was filled with
        return OfWeakLoss.Select(name => PretrainOptionTable.Find(name)!)
            .Where(option => option.Show(given) is { } value && value != option.Show(unset))
            .Select(option => $"--{option.Name} changes nothing: {OptionValue.NameOf(given.Method)} has no weak loss.");
    }

    /// <summary>A warning for what would begin, or come to its full size, after the last epoch only.</summary>
    public static IEnumerable<string> NeverBegun(PretrainOptions resolved)
    {
        if (resolved.BankStart >= resolved.Epochs)
            yield return $"The run's {Epochs(resolved)} over before wcl-bank's graph is made, after epoch {resolved.BankStart} (--bank-start): all of it is wcl. Use more --epochs or a smaller --bank-start.";
        if (resolved is { MultiCrop: MultiCrop.Knn, Epochs: 1 })
            yield return "Local crops are of an image's nearest ones from the second epoch on, and the run has one: all of them are of the image itself. Use more --epochs, or --multi-crop standard.";
        if (MethodFactory.HasWeakLoss(resolved.Method) && resolved.BetaRamp > resolved.Epochs - resolved.WarmupEpochs)
            yield return FormattableString.Invariant($"The run's {Epochs(resolved)} over before the weak loss has its weight: --beta-ramp {resolved.BetaRamp} has {resolved.Epochs - resolved.WarmupEpochs} after the warm-up. Use more --epochs or a smaller --beta-ramp.");
    }

    private static string Epochs(PretrainOptions resolved) => resolved.Epochs == 1 ? "one epoch is" : FormattableString.Invariant($"{resolved.Epochs} epochs are");

    private static int Neighbours(string name, int? given, int standard, int batch)
    {
        int most = 2 * batch - 2; // rows of other images
        if (given is null) return Math.Min(standard, most);
        return given <= most
            ? given.Value
            : throw new WclUsageException($"--{name} {given} is more than the {most} rows of other images in a batch of {batch}; use {most} or fewer.");
    }
}
