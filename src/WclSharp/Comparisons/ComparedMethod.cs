using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>A row of a comparison: a method, with local crops of its own where it names them.</summary>
/// <param name="Method">How it learns from a batch.</param>
/// <param name="Crops">Local crops; null for what <see cref="ComparisonOptions.Training"/> says.</param>
public readonly record struct ComparedMethod(ContrastiveMethod Method, MultiCrop? Crops = null)
{
    /// <summary>A method with the local crops that all have.</summary>
    public static implicit operator ComparedMethod(ContrastiveMethod method) => new(method);

    /// <summary>The options of one of its runs, from those of all; what is meant for other methods, or for others' local crops or weak loss, is none of it.</summary>
    internal PretrainOptions Apply(PretrainOptions training)
    {
        var (own, unset) = (training with { Method = Method, MultiCrop = Crops ?? training.MultiCrop }, new PretrainOptions());
        if (own.MultiCrop != MultiCrop.Knn) own = own with { BankK = unset.BankK, CropNeighbors = unset.CropNeighbors, OwnCrops = unset.OwnCrops };
        if (own.MultiCrop == MultiCrop.None) own = own with { LocalCrops = unset.LocalCrops, LocalSize = unset.LocalSize, LocalScaleMin = unset.LocalScaleMin, LocalScaleMax = unset.LocalScaleMax, LocalInstanceWeight = unset.LocalInstanceWeight };
        if (own.MultiCrop == MultiCrop.None || !MethodFactory.HasWeakLoss(Method)) own = own with { LocalWeakWeight = unset.LocalWeakWeight };
        if (!MethodFactory.HasWeakLoss(Method)) own = own with { Beta = unset.Beta, BetaRamp = unset.BetaRamp, WeakKeys = unset.WeakKeys };
        return PretrainOptionTable.Only(own, option => option.OnlyFor is not { } other || other == own.Method);
    }
}
