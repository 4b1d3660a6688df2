using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>Steps of the whole model against the authors' code, which ran in float64.</summary>
[Trait("Category", "Fixtures")]
public class TrainFixtureTests
{
    public static TheoryData<string> Files => FixtureFiles.Matching("train-resnet50*.safetensors");

    [Theory, MemberData(nameof(Files))]
    public void ThreeStepsOfResNet50_MeetTheAuthorsCode(string file) => Compare(file, ScalarType.Float64, steps: 3, new Tolerances(Features: 1e-6, Losses: 1e-6, Gradients: 1e-6, Weights: 1e-6, Floor: 1e-9));

    [Theory, MemberData(nameof(Files))]
    public void WhatIsNeitherDecayedNorAdapted_IsWhatTheAuthorsExclude_AndTheNormsOfShortcuts(string file)
    {
        using var fixture = FixtureFiles.Load(file);
        string[] excluded = JsonSerializer.Deserialize<string[]>(fixture.Metadata["excluded_from_lars"])!;
        using var net = new ResNet(EncoderArch.ResNet50, 64, EncoderStem.ImageNet, seed: 0);
        using var head1 = new ProjectionHead(2048, 256, 64, new ParameterInitializer(1));
        using var head2 = new ProjectionHead(2048, 256, 64, new ParameterInitializer(2));
        var parameters = Optimizer.ParametersOf(("net.", net), ("head1.", head1), ("head2.", head2));
        // The authors go by names that have bn or bias in them, which these have not.
        var shortcuts = parameters.Select(p => p.Name).Where(name => name.EndsWith(".downsample.1.weight", StringComparison.Ordinal)).ToArray();
        Assert.Equal(4, shortcuts.Length);
        Assert.Equal(excluded.Concat(shortcuts).Order(StringComparer.Ordinal), parameters.Where(p => !p.Decayed).Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    /// <summary>How far a part may be off, relative; norms of gradients and weights below the floor times the largest are rounding.</summary>
    private sealed record Tolerances(double Features, double Losses, double Gradients, double Weights, double Floor);

    private static void Compare(string file, ScalarType type, int steps, Tolerances allowed)
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
        foreach (nn.Module module in new nn.Module[] { net, head1, head2 }) module.to(type);
        net.ComputeType = head1.ComputeType = head2.ComputeType = type;

        var x1 = fixture["x1"].to(type);
        var x2 = fixture["x2"].to(type);
        net.eval();
        using (no_grad()) Close.ToNorm(fixture["features_eval"], net.call(x1), allowed.Features, "features");
        net.train();

        // Taken anew: the parameters are those of the module after its change of dtype.
        parameters = [.. Optimizer.ParametersOf(("net.", net), ("head1.", head1), ("head2.", head2))
            .Select(p => p with { Decayed = !excluded.Contains(p.Name) })];
        using var lars = new Lars(parameters, Number("weight_decay"), Number("momentum"), Number("trust"));
        var rates = JsonSerializer.Deserialize<double[]>(fixture.Metadata["lrs"])!;
        Assert.Equal(3, rates.Length);
        for (int step = 0; step < steps; step++)
        {
            var (z1, v1) = Project(x1);
            var (z2, v2) = Project(x2);
            var instance = InstanceLoss.Forward(z1, z2, temperature);
            var (weak, _, _) = WeakLoss.OfGraphs(v1, v2, temperature, detachKeys: true);
            Close.Relative(fixture[$"instance_loss_{step}"].ToDouble(), instance.to(ScalarType.Float64).ToDouble(), allowed.Losses, $"instance loss of step {step}");
            Close.Relative(fixture[$"weak_loss_{step}"].ToDouble(), weak.to(ScalarType.Float64).ToDouble(), allowed.Losses, $"weak loss of step {step}");

            lars.ZeroGradients();
            (instance + weak).backward();
            Norms(fixture[$"grad_norm_{step}"], p => p.grad!, allowed.Gradients, $"gradient of step {step}");
            lars.Step(rates[step]);
            Norms(fixture[$"param_norm_{step}"], p => p, allowed.Weights, $"parameter after step {step}");
        }

        if (steps == rates.Length) Buffers();

        (Tensor Z, Tensor V) Project(Tensor x)
        {
            var features = net.call(x);
            return (UnitRows.Of(head1.call(features)), UnitRows.Of(head2.call(features)));
        }

        // The running statistics of batch norms.
        void Buffers()
        {
            var found = new (string Prefix, nn.Module Module)[] { ("net.", net), ("head1.", head1), ("head2.", head2) }
                .SelectMany(part => part.Module.named_buffers().Select(buffer => (Name: part.Prefix + buffer.name, Tensor: buffer.buffer)))
                .ToDictionary(buffer => buffer.Name, buffer => buffer.Tensor);
            string[] bufferNames = Names("buffer_names");
            double[] norms = fixture["buffer_norm"].data<double>().ToArray();
            Assert.Equal(found.Keys.Where(name => !name.EndsWith("num_batches_tracked", StringComparison.Ordinal)).Order(StringComparer.Ordinal), bufferNames.Order(StringComparer.Ordinal));
            for (int i = 0; i < norms.Length; i++) Close.Relative(norms[i], found[bufferNames[i]].norm().ToDouble(), allowed.Weights, bufferNames[i]);
        }

        void Norms(Tensor expected, Func<Parameter, Tensor> of, double tolerance, string what)
        {
            var values = expected.data<double>().ToArray();
            // Gradients that are zero but for rounding (a bias before batch norm) are compared to the largest.
            double floor = allowed.Floor * values.Max();
            for (int i = 0; i < parameters.Count; i++)
            {
                double actual = of(parameters[i].Parameter).to(ScalarType.Float64).norm().ToDouble();
                if (Math.Max(values[i], actual) > floor) Close.Relative(values[i], actual, tolerance, $"{what}, {parameters[i].Name}");
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
