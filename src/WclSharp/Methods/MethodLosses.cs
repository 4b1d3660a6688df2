using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>What a method makes of a step: its losses and its relation, the pairs of images that it treats as alike.</summary>
/// <param name="Total">What is minimised, scalar.</param>
/// <param name="Instance">The loss on the instance head, scalar in nats.</param>
internal sealed record MethodLosses(Tensor Total, Tensor Instance)
{
    /// <summary>The weak loss, scalar in nats, before its weight; null where there is none.</summary>
    public Tensor? Weak { get; init; }

    /// <summary>Instance loss of local crops, scalar in nats, before its weight; null where there is none.</summary>
    public Tensor? LocalInstance { get; init; }

    /// <summary>Weak loss of local crops, scalar in nats, before its weight; null where there is none.</summary>
    public Tensor? LocalWeak { get; init; }

    /// <summary>The labels that the rows of either view have in the weak loss, [N] int64 each; null without a weak loss.</summary>
    public (Tensor First, Tensor Second)? ViewLabels { get; init; }

    /// <summary>The relation as a partition: [N] int64 in 0 .. N - 1, equal for images that are alike; null where it is none.</summary>
    public Tensor? Labels { get; init; }

    /// <summary>
    /// The relation as sets: [2N, 2N] bool over the rows of both views, true where row b is in row a's set; false between rows
    /// of one image. Null where it is none.
    /// </summary>
    public Tensor? Sets { get; init; }
}
