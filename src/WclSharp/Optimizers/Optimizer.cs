using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>A parameter with its name and whether it is decayed and adapted (weights are; biases and batch norm are not).</summary>
internal sealed record OptimizedParameter(string Name, Parameter Parameter, bool Decayed);

/// <summary>
/// An update rule over named parameters. State is named too, so that a checkpoint does not depend on the order or
/// handles of parameters. Move the model to its device before an optimiser is made for it.
/// </summary>
internal abstract class Optimizer(IReadOnlyList<OptimizedParameter> parameters) : IDisposable
{
    private readonly Dictionary<string, Tensor> state = [];

    protected IReadOnlyList<OptimizedParameter> Parameters { get; } = parameters;

    /// <summary>Steps taken.</summary>
    public long Steps { get; private set; }

    /// <summary>Applies the gradients at a learning rate.</summary>
    public void Step(double learningRate)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        Begin(learningRate);
        foreach (bool decayed in (ReadOnlySpan<bool>)[true, false])
            if (GroupOf(decayed) is { Indices.Length: > 0 } group) Update(group);
    }

    /// <summary>Parameters that have a gradient and are updated by the same operations, all in one call each.</summary>
    /// <param name="Indices">Their places among all parameters.</param>
    /// <param name="Weights">The parameters.</param>
    /// <param name="Gradients">Their gradients, which an update may overwrite.</param>
    /// <param name="Decayed">Whether they are decayed and adapted.</param>
    protected sealed record ParameterGroup(int[] Indices, Tensor[] Weights, Tensor[] Gradients, bool Decayed);

    private ParameterGroup GroupOf(bool decayed)
    {
        var indices = new List<int>(Parameters.Count);
        var gradients = new List<Tensor>(Parameters.Count);
        for (int i = 0; i < Parameters.Count; i++)
        {
            if (Parameters[i].Decayed != decayed || Parameters[i].Parameter.grad is not { } gradient) continue;
            indices.Add(i);
            gradients.Add(gradient);
        }
        return new([.. indices], [.. indices.Select(i => Parameters[i].Parameter)], [.. gradients], decayed);
    }

    /// <summary>Prepares a step: numbers that all parameters share, made once a step (CONTRIBUTING, Numbers).</summary>
    protected abstract void Begin(double learningRate);

    /// <summary>Updates parameters in place, inside a dispose scope and without gradient.</summary>
    /// <remarks>
    /// By operators over lists of tensors: a loop over parameters costs a GPU's host more than the step's arithmetic costs the GPU. TorchSharp has no
    /// methods for these, TorchScript has.
    /// </remarks>
    protected abstract void Update(ParameterGroup group);

    /// <summary>Forgets all gradients.</summary>
    public void ZeroGradients()
    {
        foreach (var p in Parameters) p.Parameter.grad = null;
    }

    /// <summary>Replaces a number of the last step by this step's.</summary>
    protected static void Renew(ref Scalar? number, double value)
    {
        number?.Dispose();
        number = value;
    }

    /// <summary>A state tensor of each parameter of a group.</summary>
    protected Tensor[] States(ParameterGroup group, string kind) => Array.ConvertAll(group.Indices, index => State(index, kind));

    /// <summary>A state tensor of a parameter's shape, made of zeros at first use and owned by the optimiser.</summary>
    private Tensor State(int index, string kind)
    {
        string key = $"{Parameters[index].Name}.{kind}";
        if (!state.TryGetValue(key, out var tensor))
            state[key] = tensor = zeros_like(Parameters[index].Parameter).DetachFromDisposeScope();
        return tensor;
    }

    /// <summary>State by name, in a fixed order, for a checkpoint.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedState() => state.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, s.Value));

    /// <summary>Takes state from a checkpoint.</summary>
    /// <exception cref="WclUsageException">A tensor belongs to no parameter or has another shape.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved, long steps)
    {
        using var noGradient = no_grad();
        foreach (var (key, tensor) in saved)
        {
            int dot = key.LastIndexOf('.');
            int index = -1;
            for (int i = 0; i < Parameters.Count && dot > 0; i++)
                if (key.AsSpan(0, dot).SequenceEqual(Parameters[i].Name)) index = i;
            if (index < 0 || !tensor.shape.AsSpan().SequenceEqual(Parameters[index].Parameter.shape))
                throw new WclUsageException($"The checkpoint's optimiser state '{key}' {ShapeText.Of(tensor)} fits no parameter of this network; resume with the options that it was started with.");
            State(index, key[(dot + 1)..]).copy_(tensor);
        }
        Steps = steps;
    }

    public void Dispose()
    {
        foreach (var tensor in state.Values) tensor.Dispose();
        state.Clear();
    }

    /// <summary>Makes an optimiser.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="parameters">What it updates.</param>
    /// <param name="weightDecay">Weight decay, in the optimiser's own sense.</param>
    /// <exception cref="WclUsageException">There is no such optimiser.</exception>
    public static Optimizer Create(OptimizerKind kind, IReadOnlyList<OptimizedParameter> parameters, double weightDecay) => kind switch
    {
        OptimizerKind.Sgd => new Sgd(parameters, weightDecay),
        OptimizerKind.Lars => new Lars(parameters, weightDecay),
        OptimizerKind.AdamW => new AdamW(parameters, weightDecay),
        _ => throw new WclUsageException($"{kind} is no optimiser; use {OptionValue.Choice<OptimizerKind>().Expected}."),
    };

    /// <summary>Names a model's parameters; only tensors with more than one dimension are decayed and adapted.</summary>
    public static List<OptimizedParameter> ParametersOf(params (string Prefix, nn.Module Module)[] modules) =>
        [.. modules.SelectMany(m => m.Module.named_parameters().Select(p => new OptimizedParameter(m.Prefix + p.name, p.parameter, p.parameter.dim() > 1)))];
}
