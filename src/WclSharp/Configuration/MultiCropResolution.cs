using WclSharp.Augmentation;
using WclSharp.Methods;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>The options of multi-crop that were not given, by the side of the global crops, and what does not go together.</summary>
internal static class MultiCropResolution
{
    /// <summary>Fills the local crops' size and scales, and checks them.</summary>
    /// <exception cref="WclUsageException">The options do not fit one another or the data.</exception>
    public static PretrainOptions Resolve(PretrainOptions given, int imageSize, DataFacts data)
    {
        var standard = LocalCrops.For(imageSize);
        var resolved = given with
        {
            LocalSize = given.LocalSize ?? standard.SizePixels,
            // One end that is given may lie beyond the other's standard value, which then gives way.
            LocalScaleMin = given.LocalScaleMin ?? Math.Min(standard.ScaleMin, given.LocalScaleMax ?? 1),
            LocalScaleMax = given.LocalScaleMax ?? Math.Max(standard.ScaleMax, given.LocalScaleMin ?? 0),
        };
        if (resolved.LocalScaleMin > resolved.LocalScaleMax)
            throw new WclUsageException(FormattableString.Invariant($"--local-scale-min {resolved.LocalScaleMin} is above --local-scale-max {resolved.LocalScaleMax}; swap them."));
        if (resolved.MultiCrop == MultiCrop.None) return resolved;

        if (resolved.LocalSize > imageSize)
            throw new WclUsageException($"--local-size {resolved.LocalSize} is larger than the global crops of {imageSize} pixels; use {standard.SizePixels}, or a larger --image-size.");
        Require(resolved);
        if (HasNeighbors(resolved) && data.Images != DataFacts.NotRead) RequireHeld(resolved.BankK, data.Images);
        return resolved;
    }

    /// <summary>Refuses more neighbours than there are, or than <see cref="Neighbors.NeighborCrops"/> holds in one array: at the end of the first epoch it would be late.</summary>
    private static void RequireHeld(int k, long images)
    {
        long most = Math.Min(images - 1, Array.MaxLength / images);
        if (k <= most) return;
        throw new WclUsageException(k >= images
            ? $"--bank-k {k} asks for more neighbours than {images} images have; use {most} or fewer."
            : $"--bank-k {k} asks for {k * images} neighbours of {images} images, and no more than {Array.MaxLength} can be held; use {most} or fewer.");
    }

    /// <summary>Refuses local crops that the method has no loss for, or that there are not. Needs no data, so that it can be asked before anything is read.</summary>
    /// <exception cref="WclUsageException">The options do not go together.</exception>
    public static void Require(PretrainOptions options)
    {
        if (options.MultiCrop == MultiCrop.None) return;
        if (!HasLocalLoss(options.Method))
        {
            string[] names = [.. Enum.GetValues<ContrastiveMethod>().Where(HasLocalLoss).Select(OptionValue.NameOf)];
            throw new WclUsageException($"--multi-crop goes with --method {string.Join(", ", names[..^1])} and {names[^1]}, not with {OptionValue.NameOf(options.Method)}; leave it out.");
        }
        if (options.MultiCrop == MultiCrop.Knn && !MethodFactory.HasWeakLoss(options.Method))
            throw new WclUsageException($"--multi-crop knn needs weak labels, and {OptionValue.NameOf(options.Method)} has none; use --method wcl, or --multi-crop standard.");
        if (options.MultiCrop == MultiCrop.Knn && options.OwnCrops > options.LocalCrops)
            throw new WclUsageException($"--own-crops {options.OwnCrops} is more than there are local crops; use 0 to {options.LocalCrops}, or more --local-crops.");
    }

    /// <summary>A warning for every option of local crops that was given and that the run has no use for.</summary>
    /// <param name="given">Options, those of a run that goes on resolved.</param>
    /// <param name="imageSize">Side of the global crops, pixels.</param>
    public static IEnumerable<string> Unused(PretrainOptions given, int imageSize)
    {
        var standard = LocalCrops.For(imageSize);
        var unset = new PretrainOptions { LocalSize = standard.SizePixels, LocalScaleMin = standard.ScaleMin, LocalScaleMax = standard.ScaleMax };
        return Ignored(given).Select(pair => (Option: PretrainOptionTable.Find(pair.Name)!, pair.Why))
            .Where(pair => pair.Option.Show(given) is { } value && value != pair.Option.Show(unset))
            .Select(pair => $"--{pair.Option.Name} changes nothing: {pair.Why}.");
    }

    /// <summary>The options of local crops that a run has no use for, by name, with the reason.</summary>
    public static IEnumerable<(string Name, string Why)> Ignored(PretrainOptions options)
    {
        string[] crops = ["local-crops", "local-size", "local-scale-min", "local-scale-max", "local-instance-weight", "local-weak-weight"], neighbors = ["bank-k", "crop-neighbors"];
        var (names, why) = options switch
        {
            { MultiCrop: MultiCrop.None } => ((string[])[.. crops, .. neighbors, "own-crops"], "there are no local crops without --multi-crop"),
            { MultiCrop: MultiCrop.Standard } => ([.. neighbors, "own-crops"], "it belongs to --multi-crop knn"),
            _ when !HasNeighbors(options) => (neighbors, "all local crops are of the image itself"),
            { OwnCrops: 0 } => (["local-instance-weight"], "no local crop is of the image itself (--own-crops)"),
            _ => ([], ""),
        };
        var ignored = names.Select(name => (name, why));
        return options.MultiCrop == MultiCrop.Standard && !MethodFactory.HasWeakLoss(options.Method)
            ? ignored.Append(("local-weak-weight", $"{OptionValue.NameOf(options.Method)} has no weak loss"))
            : ignored;
    }

    /// <summary>A warning where the weak loss is switched off, but not that of local crops, whose weight is another.</summary>
    public static IEnumerable<string> WeakWithoutBeta(PretrainOptions given)
    {
        if (given is { Beta: 0, LocalWeakWeight: > 0 } && MethodFactory.HasLocalCrops(given) && MethodFactory.HasWeakLoss(given.Method))
            yield return FormattableString.Invariant($"--beta 0 does not reach the weak loss of local crops, so the run trains on weak labels all the same; --local-weak-weight 0 (it is {given.LocalWeakWeight}) switches that off too.");
    }

    /// <summary>Whether a method has a loss of local crops: the two of wcl, or the first of them alone.</summary>
    private static bool HasLocalLoss(ContrastiveMethod method) => MethodFactory.HasWeakLoss(method) || method == ContrastiveMethod.SimClr;

    private static bool HasNeighbors(PretrainOptions options) => options.MultiCrop == MultiCrop.Knn && options.OwnCrops < options.LocalCrops;

    /// <summary>Smallest global crop where neither options nor preset give one: with local crops beside them, global ones stay large.</summary>
    public static double? GlobalCropMin(PretrainOptions given) => given.MultiCrop == MultiCrop.None ? null : LocalCrops.GlobalScaleMin;
}
