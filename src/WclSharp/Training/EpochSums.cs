using TorchSharp;
using WclSharp.Graphs;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// Sums over the steps of an epoch, kept on the device and read when somebody looks, since a read waits for the device.
/// Part of a checkpoint, so that a resumed epoch reports what an uninterrupted one does.
/// </summary>
internal sealed class EpochSums : IDisposable
{
    /// <summary>Names of the sums, in the order of <see cref="Values"/>.</summary>
    private enum Sum { Instance, Weak, Components, Largest, Purity, Alignment, Uniformity }

    // Made once: see ColourJitter.
    private static readonly Scalar One = 1, Four = 4;
    private static readonly int Kinds = Enum.GetValues<Sum>().Length;
    private readonly Tensor sums;
    private readonly bool weak, labels;

    public EpochSums(Device device, bool weak, bool labels)
    {
        (this.weak, this.labels) = (weak, labels);
        sums = zeros(Kinds, dtype: ScalarType.Float64, device: device).DetachFromDisposeScope();
    }

    /// <summary>Steps summed.</summary>
    public int Steps { get; private set; }

    /// <summary>Everything summed, read from the device.</summary>
    public double[] Values
    {
        get
        {
            using var scope = NewDisposeScope();
            return [.. sums.cpu().data<double>()];
        }
    }

    /// <summary>Adds a step. No gradient.</summary>
    public void Add(Tensor instanceLoss, Tensor? weakLoss, Tensor z1, Tensor z2, WeakLabelStatistics? statistics)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var zero = zeros(1, dtype: ScalarType.Float64, device: sums.device);
        Tensor Summand(Tensor? value) => value is null ? zero : value.detach().to(ScalarType.Float64).reshape(1);

        var gram = z1.detach().matmul(z1.detach().T);                                // [N, N]
        long n = z1.shape[0];
        using Scalar same = n, different = (double)n * (n - 1);
        // Over pairs of different images: squared distance of unit vectors is 2 - 2 cos.
        var uniformity = gram.sub(One).mul(Four).exp().sum().sub(same).div(different).log();
        var apart = z1.detach().sub(z2.detach());                                    // [N, D]
        var alignment = apart.mul(apart).sum(1).mean();
        sums.add_(cat([
            Summand(instanceLoss), Summand(weakLoss), Summand(statistics?.Components), Summand(statistics?.LargestShare),
            Summand(statistics?.Purity), Summand(alignment), Summand(uniformity)]), One);
        Steps++;
    }

    /// <summary>Means over the steps so far, as an epoch's metrics.</summary>
    public EpochMetrics Means()
    {
        if (Steps == 0) return new EpochMetrics();
        var values = Values;
        double Mean(Sum sum) => values[(int)sum] / Steps;
        return new EpochMetrics
        {
            InstanceLoss = Mean(Sum.Instance),
            WeakLoss = weak ? Mean(Sum.Weak) : null,
            Components = weak ? Mean(Sum.Components) : null,
            LargestComponent = weak ? Mean(Sum.Largest) : null,
            Purity = weak && labels ? Mean(Sum.Purity) : null,
            Alignment = Mean(Sum.Alignment),
            Uniformity = Mean(Sum.Uniformity),
        };
    }

    /// <summary>Starts an epoch anew.</summary>
    public void Clear() => Restore(new double[Kinds], 0);

    /// <summary>Takes sums from a checkpoint.</summary>
    public void Restore(double[] values, int steps)
    {
        if (values.Length != Kinds) throw new WclUsageException($"The checkpoint holds {values.Length} sums where {Kinds} are known; it comes from another version.");
        using var saved = tensor(values);
        sums.copy_(saved);
        Steps = steps;
    }

    public void Dispose() => sums.Dispose();
}
