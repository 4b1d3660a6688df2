using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>What a training step hands a method. Legend: N images in the batch, D projection size, rows of unit length.</summary>
internal sealed record MethodInput
{
    // Crops of other sizes may take the view numbers below.
    private const int FirstSupportView = 64;

    /// <summary>Instance projections of the first views, [N, D] with gradient.</summary>
    public required Tensor Z1 { get; init; }

    /// <summary>Instance projections of the second views; null for a method of one view.</summary>
    public Tensor? Z2 { get; init; }

    /// <summary>Weak projections of the first views, [N, D] with gradient; null without a weak head.</summary>
    public Tensor? V1 { get; init; }

    /// <summary>Weak projections of the second views.</summary>
    public Tensor? V2 { get; init; }

    /// <summary>Classes, [N] int64, -1 where unknown; null where no image has one.</summary>
    public Tensor? Classes { get; init; }

    /// <summary>Place of each image in the data set, [N].</summary>
    public IReadOnlyList<int> Images { get; init; } = [];

    /// <summary>Epoch, from 0.</summary>
    public int Epoch { get; init; }

    /// <summary>Steps taken before this one.</summary>
    public long Step { get; init; }

    /// <summary>Share of the run's steps that were taken before this one, 0 to 1.</summary>
    public double Done { get; init; }

    /// <summary>Instance projections [N, D] of a view of the batch by its number; gradient flows where it is on.</summary>
    public required Func<int, Tensor> ProjectInstance { private get; init; }

    /// <summary>
    /// Projects the local crops of each image, [M N, D] on the instance and the weak head, in one batch: cut from where
    /// <see cref="Method.CropSources"/> says. Null where the run has no local crops.
    /// </summary>
    public Func<(Tensor Z, Tensor? V)>? ProjectLocal { get; init; }

    /// <summary>Of the batch's local crops that are cut from other images: those of the image's own class, and all whose classes are known.</summary>
    public (int Right, int Judged) CropPairs { get; init; }

    /// <summary><see cref="Method.CropRelation"/> of the epoch.</summary>
    public (long OneWay, long Related) CropRelation { get; init; }

    /// <summary>What a method is handed of a batch's projected views.</summary>
    /// <param name="views">The instance and the weak projections of each, one or two.</param>
    /// <param name="project">Projects a further view by its number, as <see cref="WclModel.Project(Tensor)"/> does; called while the input is in use.</param>
    public static MethodInput Of(IReadOnlyList<(Tensor Z, Tensor? V)> views, Func<int, (Tensor Z, Tensor? V)> project)
    {
        var second = views.Count == 2 ? views[1] : default((Tensor? Z, Tensor? V));
        return new MethodInput { Z1 = views[0].Z, Z2 = second.Z, V1 = views[0].V, V2 = second.V, ProjectInstance = number => project(number).Z };
    }

    /// <summary>Instance projections of a further view of each image, [N, D], without gradient.</summary>
    /// <remarks>The encoder stays in training mode, so batch norm's running statistics take this view in as well.</remarks>
    /// <param name="number">Which further view, from 0.</param>
    public Tensor Support(int number)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return ProjectInstance(FirstSupportView + number).MoveToOuterDisposeScope();
    }
}
