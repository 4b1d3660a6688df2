using TorchSharp;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;
using AdamW = WclSharp.Optimizers.AdamW;
using Parameter = TorchSharp.Modules.Parameter;

namespace WclSharp.Tests.Optimizers;

public class OptimizerTests
{
    /// <summary>Minimises |w - target|^2 with a named optimiser, beside a slow scalar rule.</summary>
    private static void Compare(Func<IReadOnlyList<OptimizedParameter>, Optimizer> create, Func<int, double[], double[], double, double[]> rule, bool decayed)
    {
        using var scope = NewDisposeScope();
        var target = new[] { 1.0, -2, 3, 0.5 };
        var w = new[] { 0.3, 0.1, -0.7, 2.0 };
        var parameter = new Parameter(tensor(w, [2, 2]));
        using var optimizer = create([new OptimizedParameter("w", parameter, decayed)]);
        for (int step = 1; step <= 5; step++)
        {
            double rate = 0.1 / step;
            var gradient = w.Zip(target, (a, b) => 2 * (a - b)).ToArray();
            optimizer.ZeroGradients();
            parameter.sub(tensor(target, [2, 2])).square().sum().backward();
            optimizer.Step(rate);
            w = rule(step, w, gradient, rate);
            for (int i = 0; i < 4; i++) Assert.Equal(w[i], parameter.data<double>().ToArray()[i], 12);
        }
    }

    [Fact]
    public void Sgd_FollowsItsRule()
    {
        var velocity = new double[4];
        Compare(p => new Sgd(p, 0.01), (_, w, g, rate) =>
        {
            for (int i = 0; i < 4; i++) velocity[i] = 0.9 * velocity[i] + g[i] + 0.01 * w[i];
            return [.. w.Select((x, i) => x - rate * velocity[i])];
        }, decayed: false);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Lars_FollowsItsRule(bool decayed)
    {
        var velocity = new double[4];
        Compare(p => new Lars(p, 0.01), (_, w, g, rate) =>
        {
            double[] slope = [.. g.Zip(w, (x, y) => x + (decayed ? 0.01 * y : 0))];
            double ratio = decayed ? 0.001 * Norm(w) / Norm(slope) : 1;
            for (int i = 0; i < 4; i++) velocity[i] = 0.9 * velocity[i] + ratio * slope[i];
            return [.. w.Select((x, i) => x - rate * velocity[i])];
        }, decayed);

        static double Norm(double[] x) => Math.Sqrt(x.Sum(each => each * each));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void AdamW_FollowsItsRule(bool decayed)
    {
        double[] m = new double[4], s = new double[4];
        Compare(p => new AdamW(p, 0.1), (step, w, g, rate) => [.. w.Select((x, i) =>
        {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            s[i] = 0.999 * s[i] + 0.001 * g[i] * g[i];
            double moved = decayed ? x * (1 - rate * 0.1) : x;
            return moved - rate * (m[i] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(s[i] / (1 - Math.Pow(0.999, step))) + 1e-8);
        })], decayed);
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd, typeof(Sgd), 1 - 0.1 * 0.3)]
    [InlineData(OptimizerKind.Lars, typeof(Lars), 1 - 0.1 * 0.001)] // whatever the decay is: the ratio divides it out
    [InlineData(OptimizerKind.AdamW, typeof(AdamW), 1 - 0.1 * 0.3)]
    public void Create_MakesTheKind_WithItsDecay(OptimizerKind kind, Type type, double factor)
    {
        using var scope = NewDisposeScope();
        var start = new ParameterInitializer(4).Normal([3, 5], 1);
        var parameter = new Parameter(start.clone());
        using var optimizer = Optimizer.Create(kind, [new OptimizedParameter("w", parameter, true)], 0.3);
        Assert.IsType(type, optimizer);
        parameter.mul(0).sum().backward();
        optimizer.Step(0.1);
        Assert.True(parameter.allclose(start * factor, 1e-5, 1e-7));
    }

    [Theory]
    [InlineData("sgd"), InlineData("lars"), InlineData("adamw")]
    public void State_ThatIsSavedAndLoaded_GoesOnAlike(string kind)
    {
        using var scope = NewDisposeScope();
        var start = new ParameterInitializer(4).Normal([3, 5], 1);
        var a = new Parameter(start.clone());
        var b = new Parameter(start.clone());
        using var one = Create(a);
        Steps(one, a, 3);
        using var other = Create(b);
        using (no_grad()) b.copy_(a);
        other.Load(one.NamedState().ToDictionary(s => s.Name, s => s.Tensor), one.Steps);
        Steps(one, a, 3);
        Steps(other, b, 3);
        Assert.True(a.eq(b).all().ToBoolean());

        // What does not fit is refused as a whole, also another optimiser's; what fits takes the place of what was there.
        var before = other.NamedState().Select(s => (s.Name, s.Tensor.clone())).ToArray();
        foreach (string wrong in new[] { "v.momentum", kind == "adamw" ? "w.momentum" : "w.square" })
            Assert.Throws<WclUsageException>(() => other.Load(new Dictionary<string, Tensor> { [before[0].Name] = zeros(3, 5), [wrong] = ones(3, 5) }, 1));
        Assert.Equal(6, other.Steps);
        Assert.All(before.Zip(other.NamedState()), pair => Assert.True(pair.First.Item2.eq(pair.Second.Tensor).all().ToBoolean()));
        other.Load(new Dictionary<string, Tensor>(), 0);
        Assert.Empty(other.NamedState());

        Optimizer Create(Parameter p)
        {
            OptimizedParameter[] parameters = [new("w", p, true)];
            return kind switch { "sgd" => new Sgd(parameters, 0.1), "lars" => new Lars(parameters, 0.1), _ => new AdamW(parameters, 0.1) };
        }

        static void Steps(Optimizer optimizer, Parameter p, int count)
        {
            for (int i = 0; i < count; i++)
            {
                optimizer.ZeroGradients();
                p.pow(4).sum().backward();
                optimizer.Step(0.01);
            }
        }
    }

    [Fact]
    public void Lars_OfAZeroWeight_IsNotScaledAway()
    {
        using var scope = NewDisposeScope();
        var p = new Parameter(zeros(2, 2));
        using var lars = new Lars([new OptimizedParameter("w", p, true)], 0);
        p.sum().backward();
        lars.Step(0.5);
        Assert.All(p.data<float>().ToArray(), x => Assert.Equal(-0.5f, x));
    }

    [Fact]
    public void WrongArguments_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        OptimizedParameter w = new("w", new Parameter(ones(2, 2)), true);
        OptimizedParameter[] one = [w];
        foreach (Func<IReadOnlyList<OptimizedParameter>, double, Optimizer> create in new Func<IReadOnlyList<OptimizedParameter>, double, Optimizer>[]
                 { (p, decay) => new Sgd(p, decay), (p, decay) => new Lars(p, decay), (p, decay) => new AdamW(p, decay) })
        {
            Refused("parameters", () => create(null!, 0), "null");
            Refused("parameters", () => create([null!], 0), "is null");
            Refused("parameters", () => create([w, w], 0), "Two parameters are named 'w'");
            Refused("parameters", () => create([w, w with { Name = "v" }], 0), "'w' and 'v' are one parameter");
            foreach (double decay in new[] { -1e-4, double.NaN, double.PositiveInfinity }) Refused("weightDecay", () => create(one, decay), "0 or more");
            var optimizer = create(one, 0);
            Refused("learningRate", () => optimizer.Step(-0.1), "0 or more");
            Refused("learningRate", () => optimizer.Step(double.NaN), "0 or more");
            Refused("steps", () => optimizer.Load(new Dictionary<string, Tensor>(), -1), "non-negative");
            Assert.Equal(0, optimizer.Steps);
            optimizer.Dispose();
            Assert.Throws<ObjectDisposedException>(() => optimizer.Step(0.1));
            Assert.Throws<ObjectDisposedException>(() => optimizer.Load(new Dictionary<string, Tensor>(), 1));
            Assert.Throws<ObjectDisposedException>(() => optimizer.NamedState());
            Assert.Throws<ObjectDisposedException>(optimizer.ZeroGradients);
        }
        Refused("momentum", () => new Sgd(one, 0, momentum: 1), "below 1");
        Refused("momentum", () => new Lars(one, 0, momentum: -0.1), "below 1");
        Refused("trust", () => new Lars(one, 0, trust: 0), "above 0");
        Refused("beta1", () => new AdamW(one, 0, beta1: 1), "below 1");
        Refused("beta2", () => new AdamW(one, 0, beta2: double.NaN), "below 1");
        Refused("epsilon", () => new AdamW(one, 0, epsilon: 0), "above 0");

        static void Refused(string name, Action call, string saying)
        {
            var error = Assert.ThrowsAny<ArgumentException>(call);
            Assert.Equal(name, error.ParamName);
            Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ParametersOf_SeveralModules_HavePrefixes_AndWeightsAloneAreDecayed()
    {
        using var one = nn.Linear(3, 2);
        using var other = nn.BatchNorm1d(2);
        var parameters = Optimizer.ParametersOf(("a.", one), ("b.", other));
        Assert.Equal([("a.weight", true), ("a.bias", false), ("b.weight", false), ("b.bias", false)], parameters.Select(each => (each.Name, each.Decayed)));
        Assert.Same(one.weight, parameters[0].Parameter);
    }
}
