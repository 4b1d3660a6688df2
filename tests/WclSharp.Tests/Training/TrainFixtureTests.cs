using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Encoders;
using WclSharp.Graphs;
using WclSharp.Heads;
using WclSharp.Losses;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>Three steps of the whole model in float64, against the authors' code.</summary>
[Trait("Category", "Fixtures")]
public class TrainFixtureTests
{
    public static TheoryData<string> Files => FixtureFiles.Matching("train-resnet50*.safetensors");

    [Theory, MemberData(nameof(Files))]
    public void ThreeStepsOfResNet50_MeetTheAuthorsCode(string file)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        string[] Names(string key) => JsonSerializer.Deserialize<string[]>(fixture.Metadata[key])!;
        double Number(string key) => double.Parse(fixture.Metadata[key], CultureInfo.InvariantCulture);
        double temperature = Number("temperature");
        var names = Names("parameter_names");
        var excluded = Names("excluded_from_lars").ToHashSet();

        var random = new ParameterInitializer(0);
        using var net = new ResNet(EncoderArch.ResNet50, 64, EncoderStem.ImageNet, random);
        using var head1 = new ProjectionHead(2048, 256, 64, random);
        using var head2 = new ProjectionHead(2048, 256, 64, random);
        var parameters = Optimizer.ParametersOf(("net.", net), ("head1.", head1), ("head2.", head2));
        Assert.Equal(names, parameters.Select(p => p.Name));
        foreach (var p in parameters) Initialise(p);
        foreach (nn.Module module in new nn.Module[] { net, head1, head2 }) module.to(ScalarType.Float64);
        net.ComputeType = head1.ComputeType = head2.ComputeType = ScalarType.Float64;

        var x1 = fixture["x1"].to(ScalarType.Float64);
        var x2 = fixture["x2"].to(ScalarType.Float64);
        net.eval();
        using (no_grad()) Close.ToNorm(fixture["features_eval"], net.call(x1), 1e-6, "features");
        net.train();

        // Taken anew: the parameters are those of the module after its change of dtype.
        parameters = [.. Optimizer.ParametersOf(("net.", net), ("head1.", head1), ("head2.", head2))
            .Select(p => p with { Decayed = !excluded.Contains(p.Name) })];
        using var lars = new Lars(parameters, Number("weight_decay"), Number("momentum"), Number("trust"));
        var rates = JsonSerializer.Deserialize<double[]>(fixture.Metadata["lrs"])!;
        for (int step = 0; step < rates.Length; step++)
        {
            var (z1, v1) = Project(x1);
            var (z2, v2) = Project(x2);
            var instance = InstanceLoss.Forward(z1, z2, temperature);
            var weak = WeakLoss.Swapped(v1, v2, ConnectedComponents.OfNearestNeighbors(v1), ConnectedComponents.OfNearestNeighbors(v2), temperature, detachKeys: true);
            Close.Relative(fixture[$"instance_loss_{step}"].ToDouble(), instance.ToDouble(), 1e-6, $"instance loss of step {step}");
            Close.Relative(fixture[$"weak_loss_{step}"].ToDouble(), weak.ToDouble(), 1e-6, $"weak loss of step {step}");

            lars.ZeroGradients();
            (instance + weak).backward();
            Norms(fixture[$"grad_norm_{step}"], p => p.grad!, $"gradient of step {step}");
            lars.Step(rates[step]);
            Norms(fixture[$"param_norm_{step}"], p => p, $"parameter after step {step}");
        }

        (Tensor Z, Tensor V) Project(Tensor x)
        {
            var features = net.call(x);
            return (nn.functional.normalize(head1.call(features)), nn.functional.normalize(head2.call(features)));
        }

        void Norms(Tensor expected, Func<Parameter, Tensor> of, string what)
        {
            var values = expected.data<double>().ToArray();
            // Gradients that are zero but for rounding (a bias before batch norm) are compared to the largest.
            double floor = 1e-9 * values.Max();
            for (int i = 0; i < parameters.Count; i++)
            {
                double actual = of(parameters[i].Parameter).norm().ToDouble();
                if (Math.Max(values[i], actual) > floor) Close.Relative(values[i], actual, 1e-6, $"{what}, {parameters[i].Name}");
            }
        }
    }

    /// <summary>The fixture's own way to start: a hash of the name and the element's place.</summary>
    private static void Initialise(OptimizedParameter p)
    {
        using var noGradient = no_grad();
        var shape = p.Parameter.shape;
        if (shape.Length == 1)
        {
            bool batchNormWeight = p.Name.EndsWith("weight", StringComparison.Ordinal);
            p.Parameter.fill_(batchNormWeight ? 1 : 0);
            return;
        }

        long count = p.Parameter.numel();
        double bound = Math.Sqrt(6.0 / (count / shape[0]));
        ulong key = (ulong)Crc32.HashToUInt32(Encoding.UTF8.GetBytes(p.Name)) << 32;
        var values = new float[count];
        for (long i = 0; i < count; i++)
        {
            ulong h = key + (ulong)i + 0x9E3779B97F4A7C15;
            h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9;
            h = (h ^ (h >> 27)) * 0x94D049BB133111EB;
            h ^= h >> 31;
            values[i] = (float)(bound * (2 * ((h >> 11) / 9007199254740992.0) - 1));
        }
        p.Parameter.copy_(tensor(values, shape));
    }
}
