using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// Instance discrimination with a memory bank (Wu et al. 2018, arXiv 1805.01978): one view against a bank of one embedding for each training image,
/// by noise-contrastive estimation with m negatives or by the full softmax.
/// </summary>
/// <remarks>
/// After each step an image's row becomes normalise(momentum row + (1 - momentum) z). Rows start as random unit vectors.
/// <para>
/// The m negatives are drawn once a step, uniformly over the bank, and serve all anchors of the batch; the authors draw them anew for each
/// anchor. The expected loss is the same, and [N, m, D] need not be gathered. As theirs, the normaliser Z is estimated in the first step and
/// kept.
/// </para>
/// </remarks>
internal sealed class InstDisc : Method
{
    private const string BankName = "bank", NormaliserName = "log_normaliser";
    private const uint StartDraws = 0, NegativeDraws = 1; // the counter's view, which is not otherwise used

    private readonly PretrainOptions options;
    private readonly CounterRandom random;
    private readonly Device device;
    private readonly Scalar keep, take;
    private readonly Tensor bank;          // [n, D] float32, rows of unit length
    private readonly Tensor logNormaliser; // [1] float32, NaN before the first step

    /// <param name="options">Resolved options.</param>
    /// <param name="images">n, training images.</param>
    /// <param name="device">Where the bank lies.</param>
    public InstDisc(PretrainOptions options, int images, Device device)
    {
        (this.options, this.device) = (options, device);
        random = new CounterRandom(options.Seed, RandomPurpose.MemoryBank);
        double momentum = options.InstDiscMomentum!.Value;
        (keep, take) = (momentum, 1 - momentum);
        using var scope = NewDisposeScope();
        bank = StartingBank(images, options.HeadOutput!.Value).to(device).DetachFromDisposeScope();
        logNormaliser = full([1], float.NaN, ScalarType.Float32, device).DetachFromDisposeScope();
    }

    public override int Views => 1;

    public override MethodLosses Losses(MethodInput input)
    {
        var own = OwnRows(input);                                   // [N] int64
        double temperature = options.InstDiscTemperature!.Value;
        var loss = options.InstDiscLoss == BankLoss.Softmax
            ? MemoryBankLoss.Softmax(input.Z1, bank, own, temperature)
            : Nce(input, own, temperature);
        return new MethodLosses(loss, loss);
    }

    public override void AfterStep(MethodInput input)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var own = OwnRows(input);
        var moved = bank.index_select(0, own).mul_(keep).add_(input.Z1.detach(), alpha: take); // [N, D]
        bank.index_copy_(0, own, nn.functional.normalize(moved));
    }

    public override IReadOnlyList<(string Name, Tensor Tensor)> NamedState() => [(BankName, bank), (NormaliserName, logNormaliser)];

    public override void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        using var noGradient = no_grad();
        foreach (var (name, tensor) in NamedState()) tensor.copy_(SavedTensors.Require(saved, name, tensor, "images and options"));
    }

    public override void Dispose()
    {
        bank.Dispose();
        logNormaliser.Dispose();
        keep.Dispose();
        take.Dispose();
    }

    private Tensor Nce(MethodInput input, Tensor own, double temperature)
    {
        var ownRows = bank.index_select(0, own);                    // [N, D]
        var negatives = bank.index_select(0, DrawNegatives(input)); // [m, D]
        using (no_grad())
        {
            // Without a look at the value, which would wait for the device.
            var estimate = MemoryBankLoss.LogNormaliser(input.Z1, ownRows, negatives, bank.size(0), temperature);
            logNormaliser.copy_(where(logNormaliser.isnan(), estimate, logNormaliser));
        }
        return MemoryBankLoss.Nce(input.Z1, ownRows, negatives, logNormaliser, bank.size(0), temperature);
    }

    private Tensor OwnRows(MethodInput input) => Upload.To(device, input.Images.Select(image => (long)image).ToArray());

    /// <summary>m rows of the bank, uniformly and with replacement: a function of seed, epoch and step.</summary>
    private Tensor DrawNegatives(MethodInput input)
    {
        var drawn = new long[options.InstDiscNegatives!.Value];
        for (int i = 0; i < drawn.Length; i += 4)
        {
            var (a, b, c, d) = random.Words((uint)input.Epoch, (uint)input.Step, NegativeDraws, (uint)i);
            ReadOnlySpan<uint> words = [a, b, c, d];
            for (int j = i; j < Math.Min(i + 4, drawn.Length); j++) drawn[j] = (long)((ulong)words[j - i] * (ulong)bank.size(0) >> 32);
        }
        return Upload.To(device, drawn);
    }

    private unsafe Tensor StartingBank(int images, int dim)
    {
        var rows = empty([images, dim], ScalarType.Float32);
        float* values = TensorMemory.Start(rows); // no span: a bank may be larger than one is
        for (int i = 0; i < images; i++)
        {
            var row = new Span<float>(values + (long)i * dim, dim);
            float squares = 0;
            for (int j = 0; j < dim; j += 4)
            {
                var (a, b, c, d) = random.Uniforms(0, (uint)i, StartDraws, (uint)j);
                ReadOnlySpan<float> numbers = [a, b, c, d];
                for (int k = j; k < Math.Min(j + 4, dim); k++)
                {
                    row[k] = numbers[k - j] - 0.5f;
                    squares += row[k] * row[k];
                }
            }
            float norm = MathF.Sqrt(squares);
            foreach (ref float value in row) value /= norm;
        }
        GC.KeepAlive(rows);
        return rows;
    }
}
