using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Encoders;
using WclSharp.Native;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Heads;

/// <summary>
/// Projection head: three linear layers, batch norm and ReLU after the first two (paper, section 4.1: hidden 2048, output
/// 128; the authors' code: 4096 and 256).
/// </summary>
public sealed class ProjectionHead : nn.Module<Tensor, Tensor>
{
    private readonly int features;
    private readonly DenseLayer linear1;
    private readonly BatchNormalization bn1;
    private readonly DenseLayer linear2;
    private readonly BatchNormalization bn2;
    private readonly DenseLayer linear3;
    private ScalarType computeType = ScalarType.Float32;

    /// <summary>Builds a head with fresh weights, in float32 on the CPU.</summary>
    /// <param name="features">F, width of the encoder's features, 1 or more.</param>
    /// <param name="hidden">Hidden width, 1 or more.</param>
    /// <param name="output">D, output width, 1 or more.</param>
    /// <param name="seed">Seed of the initial weights; another one for each head.</param>
    /// <exception cref="ArgumentException">A width is below 1, or a weight would have 2^31 numbers or more.</exception>
    public ProjectionHead(int features, int hidden, int output, long seed) : this(features, hidden, output, new ParameterInitializer(seed)) { }

    internal ProjectionHead(int features, int hidden, int output, ParameterInitializer random) : base(nameof(ProjectionHead))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hidden, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(output, 1);
        if ((long)hidden * Math.Max(hidden, Math.Max(features, output)) > int.MaxValue)
            throw new ArgumentException(FormattableString.Invariant($"A head of widths {features:N0}, {hidden:N0} and {output:N0} has a weight of 2^31 numbers or more; use smaller widths."), nameof(hidden));
        this.features = features;
        linear1 = new DenseLayer(features, hidden, random);
        bn1 = new BatchNormalization(hidden);
        linear2 = new DenseLayer(hidden, hidden, random);
        bn2 = new BatchNormalization(hidden);
        linear3 = new DenseLayer(hidden, output, random);
        RegisterComponents();
    }

    /// <summary>Number format of the matrix products: float32 or bfloat16. Weights and projections stay float32. Float64 is for a head whose weights are float64, to check numbers by.</summary>
    /// <exception cref="ArgumentException">It is none of these.</exception>
    public ScalarType ComputeType
    {
        get => computeType;
        set => computeType = value is ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16
            ? value
            : throw new ArgumentException($"{value} is not a compute type; use Float32, BFloat16 or Float64.", nameof(value));
    }

    /// <summary>Projections before they are brought to unit length.</summary>
    /// <param name="x">Features, [N, F] float32.</param>
    /// <returns>[N, D] float32. The caller owns it.</returns>
    /// <exception cref="ArgumentException">They are of another shape, or not of floating point.</exception>
    public override Tensor forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 2 || x.size(1) != features || !x.is_floating_point()) throw new ArgumentException($"Features are {ShapeText.Of(x)} {x.dtype}; expected [N, {features}] of floating point.", nameof(x));
        using var scope = NewDisposeScope();
        var y = x.to(ComputeType);
        y = nn.functional.relu(bn1.call(linear1.call(y)), inplace: true);
        y = nn.functional.relu(bn2.call(linear2.call(y)), inplace: true);
        y = linear3.call(y);
        if (ComputeType == ScalarType.BFloat16) y = y.to(ScalarType.Float32);
        return y.MoveToOuterDisposeScope();
    }
}
