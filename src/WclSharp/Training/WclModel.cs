using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Kernels;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>One encoder f with the instance head g and, where the method has one, the weak head phi (paper, figure 2).</summary>
internal sealed class WclModel : IDisposable
{
    private readonly BatchNormalization[] norms;
    private readonly bool joinsViews;

    /// <summary>Builds the network that resolved options describe, on its device and in training mode.</summary>
    /// <param name="options">Resolved options.</param>
    /// <param name="weakHead">Whether the method has a weak head.</param>
    /// <param name="compute">Where it lies, and what convolutions and matrix products compute in.</param>
    public WclModel(PretrainOptions options, bool weakHead, ComputeDevice compute)
    {
        var random = new ParameterInitializer(options.Seed, options.ConvInit ?? ConvInit.Torchvision);
        Encoder = new ResNet(options.Arch!.Value, options.Width!.Value, options.Stem!.Value, random);
        InstanceHead = new ProjectionHead(Encoder.FeatureSize, options.HeadHidden!.Value, options.HeadOutput!.Value, random);
        WeakHead = weakHead
            ? new ProjectionHead(Encoder.FeatureSize, options.HeadHidden!.Value, options.HeadOutput!.Value, random)
            : null;
        foreach (var (_, module) in Modules) module.to(compute.Device);
        Encoder.ComputeType = InstanceHead.ComputeType = compute.Type;
        Encoder.RoundsTiles = compute.RoundsTiles;
        if (WeakHead is not null) WeakHead.ComputeType = compute.Type;
        joinsViews = !compute.IsGpu; // there batch norm, which is libtorch's, would copy each view out and in
        norms = [.. Modules.SelectMany(part => part.Module.modules()).OfType<BatchNormalization>()];
    }

    /// <summary>The part that is kept after pretraining.</summary>
    public ResNet Encoder { get; }

    /// <summary>Head of the instance loss.</summary>
    public ProjectionHead InstanceHead { get; }

    /// <summary>Head of the weak loss; null where the method has none.</summary>
    public ProjectionHead? WeakHead { get; }

    /// <summary>Every module with the prefix of its parameters' names.</summary>
    public IEnumerable<(string Prefix, nn.Module Module)> Modules => Heads.Prepend(("encoder.", Encoder));

    /// <summary>The heads with the prefix of their parameters' names.</summary>
    public IEnumerable<(string Prefix, nn.Module Module)> Heads => WeakHead is null
        ? [("instance_head.", InstanceHead)]
        : [("instance_head.", InstanceHead), ("weak_head.", WeakHead)];

    /// <summary>All parameters for an optimiser.</summary>
    public IReadOnlyList<OptimizedParameter> Parameters => Optimizer.ParametersOf([.. Modules]);

    /// <summary>Whether a forward pass in training mode updates the running statistics of every batch norm; true at first.</summary>
    public bool UpdatesRunningStatistics
    {
        set
        {
            foreach (var norm in norms) norm.UpdatesRunningStatistics = value;
        }
    }

    /// <summary>Projections of one view: z = normalise(g(f(x))), v = normalise(phi(f(x))).</summary>
    /// <param name="view">[N, 3, S, S] float32, normalised.</param>
    /// <returns>z [N, D] and v [N, D] float32, rows of unit length; v is null without a weak head. The caller owns them.</returns>
    public (Tensor Z, Tensor? V) Project(Tensor view)
    {
        using var features = Encoder.call(view);                     // [N, F]
        return (Unit(InstanceHead, features), WeakHead is null ? null : Unit(WeakHead, features));

        static Tensor Unit(ProjectionHead head, Tensor features)
        {
            using var projection = head.call(features);              // [N, D]
            return UnitRows.Of(projection);
        }
    }

    /// <summary>
    /// Projections of several views, each normalised by itself as though it had passed alone. On a processor they pass together: half of what is done once a
    /// pass whatever the images, such as putting weights in order for a product, and larger products.
    /// </summary>
    /// <param name="views">One view after another, [V N, 3, S, S] float32, normalised.</param>
    /// <param name="count">V, 1 or more.</param>
    /// <returns>z [N, D] and v [N, D] of each view, as <see cref="Project(Tensor)"/> has them. The caller owns them.</returns>
    public IReadOnlyList<(Tensor Z, Tensor? V)> ProjectViews(Tensor views, int count)
    {
        if (count == 1) return [Project(views)];
        using var scope = NewDisposeScope();
        if (!joinsViews)
        {
            return [.. views.chunk(count).Select(view =>
            {
                var (z, v) = Project(view);
                return (z.MoveToOuterDisposeScope(), v?.MoveToOuterDisposeScope());
            })];
        }
        Parts(count);
        try
        {
            var (z, v) = Project(views);                             // [V N, D]
            var ofEach = z.chunk(count).Select(part => part.MoveToOuterDisposeScope());
            return v is null
                ? [.. ofEach.Select(part => (part, (Tensor?)null))]
                : [.. ofEach.Zip(v.chunk(count), (part, weak) => (part, (Tensor?)weak.MoveToOuterDisposeScope()))];
        }
        finally
        {
            Parts(1);
        }

        void Parts(int number)
        {
            foreach (var norm in norms) norm.Parts = number;
        }
    }

    public void Dispose()
    {
        foreach (var (_, module) in Modules) module.Dispose();
    }
}
