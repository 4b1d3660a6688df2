using WclSharp.Configuration;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>Makes the method that options name.</summary>
internal static class MethodFactory
{
    /// <param name="options">Resolved options.</param>
    /// <param name="images">Training images.</param>
    /// <param name="labels">Whether any of them has a class.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="WclUsageException">The method needs what the data does not have.</exception>
    public static Method Create(PretrainOptions options, int images, bool labels, Device device)
    {
        var method = CreateOfGlobalViews(options, images, labels, device);
        return HasLocalCrops(options) ? new MultiCropMethod(method, options, images, device) : method;
    }

    /// <summary>Whether a run has local crops beside the global views.</summary>
    public static bool HasLocalCrops(PretrainOptions options) => options.MultiCrop != MultiCrop.None;

    /// <summary>Whether a method has a weak loss over components: its <see cref="Method.HasWeakLoss"/>, before there is data to make one for.</summary>
    public static bool HasWeakLoss(ContrastiveMethod method) => method is ContrastiveMethod.Wcl or ContrastiveMethod.WclOneHead or ContrastiveMethod.WclNoSwap or ContrastiveMethod.WclBank;

    private static Method CreateOfGlobalViews(PretrainOptions options, int images, bool labels, Device device) => options.Method switch
    {
        ContrastiveMethod.Wcl => new Wcl(options),
        ContrastiveMethod.WclOneHead => new WclOneHead(options),
        ContrastiveMethod.WclNoSwap => new WclNoSwap(options),
        ContrastiveMethod.WclBank => new WclBank(options, images),
        ContrastiveMethod.SimClr => new SimClr(options),
        ContrastiveMethod.SupCon => labels
            ? new SupCon(options)
            : throw new WclUsageException("--method supcon learns from classes, and no training image has one; name classes with --labels or a folder for each, or use another --method."),
        ContrastiveMethod.AdpClr => new AdpClr(options),
        ContrastiveMethod.FnCancel => new FnCancel(options),
        ContrastiveMethod.InstDisc => new InstDisc(options, images, device),
        _ => throw new WclUsageException($"{options.Method} is no method; use {OptionValue.Choice<ContrastiveMethod>().Expected}."),
    };
}
