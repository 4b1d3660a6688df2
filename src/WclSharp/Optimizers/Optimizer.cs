using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// An update rule over named parameters. State is named too, so that a checkpoint does not depend on the order or
/// handles of parameters. Move the model to its device before an optimiser is made for it. Not safe for use by several threads at once.
/// </summary>
/// <remarks>The learning rate is given to each step, for instance by <see cref="LearningRateSchedule"/>.</remarks>
public abstract class Optimizer : IDisposable
{
    private readonly Dictionary<string, Tensor> state = [];
    private bool disposed;

    private protected Optimizer(IReadOnlyList<OptimizedParameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = [.. parameters];
        var names = new HashSet<string>(Parameters.Count, StringComparer.Ordinal);
        var handles = new Dictionary<IntPtr, string>(Parameters.Count);
        foreach (var each in Parameters)
        {
            if (each?.Name is null || each.Parameter is null) throw new ArgumentException("A parameter or its name is null.", nameof(parameters));
            if (!names.Add(each.Name)) throw new ArgumentException($"Two parameters are named '{each.Name}'; give the modules prefixes of their own.", nameof(parameters));
            if (!handles.TryAdd(each.Parameter.Handle, each.Name)) throw new ArgumentException($"'{handles[each.Parameter.Handle]}' and '{each.Name}' are one parameter, which a step would move twice; name it once.", nameof(parameters));
        }
    }

    private protected IReadOnlyList<OptimizedParameter> Parameters { get; }

    /// <summary>Steps taken.</summary>
    public long Steps { get; private set; }

    /// <summary>Applies the gradients at a learning rate; a parameter without gradient stays as it is. What the gradients are afterwards is not defined.</summary>
    /// <param name="learningRate">Learning rate of this step, finite, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is another number.</exception>
    /// <exception cref="ObjectDisposedException">The optimiser was disposed of.</exception>
    public void Step(double learningRate)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RequireNotNegative(learningRate, nameof(learningRate));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        try
        {
            Begin(learningRate);
            foreach (bool decayed in (ReadOnlySpan<bool>)[true, false])
                if (GroupOf(decayed) is { Indices.Length: > 0 } group) Update(group);
        }
        catch
        {
            Steps--;
            throw;
        }
    }

    /// <summary>Parameters that have a gradient and are updated by the same operations, all in one call each.</summary>
    /// <param name="Indices">Their places among all parameters.</param>
    /// <param name="Weights">The parameters.</param>
    /// <param name="Gradients">Their gradients, which an update may overwrite.</param>
    /// <param name="Decayed">Whether they are decayed and adapted.</param>
    private protected sealed record ParameterGroup(int[] Indices, Tensor[] Weights, Tensor[] Gradients, bool Decayed);

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
    private protected abstract void Begin(double learningRate);

    /// <summary>Updates parameters in place, inside a dispose scope and without gradient.</summary>
    /// <remarks>
    /// By operators over lists of tensors: a loop over parameters costs a GPU's host more than the step's arithmetic costs the GPU. TorchSharp has no
    /// methods for these, TorchScript has.
    /// </remarks>
    private protected abstract void Update(ParameterGroup group);

    /// <summary>What state a parameter has, by name.</summary>
    private protected virtual IReadOnlyList<string> Kinds => [];

    /// <summary>Forgets all gradients.</summary>
    /// <exception cref="ObjectDisposedException">The optimiser was disposed of.</exception>
    public void ZeroGradients()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        foreach (var p in Parameters) p.Parameter.grad = null;
    }

    /// <summary>Replaces a number of the last step by this step's.</summary>
    private protected static void Renew(ref Scalar? number, double value)
    {
        number?.Dispose();
        number = value;
    }

    /// <summary>A state tensor of each parameter of a group.</summary>
    private protected Tensor[] States(ParameterGroup group, string kind) => Array.ConvertAll(group.Indices, index => State(index, kind));

    /// <summary>A state tensor of a parameter's shape, made of zeros at first use and owned by the optimiser.</summary>
    private Tensor State(int index, string kind)
    {
        string key = $"{Parameters[index].Name}.{kind}";
        if (!state.TryGetValue(key, out var tensor))
            state[key] = tensor = zeros_like(Parameters[index].Parameter).DetachFromDisposeScope();
        return tensor;
    }

    /// <summary>State by name, in a fixed order, for a checkpoint: a parameter's name, a dot and what it is, as <c>encoder.conv1.weight.momentum</c>.</summary>
    /// <returns>Tensors of the parameters' shapes, of those that have taken a step. The optimiser owns them, and the next step changes them.</returns>
    /// <exception cref="ObjectDisposedException">The optimiser was disposed of.</exception>
    public IReadOnlyList<(string Name, Tensor Tensor)> NamedState()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return [.. state.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, s.Value))];
    }

    /// <summary>Takes state from a checkpoint in the place of its own.</summary>
    /// <param name="saved">What <see cref="NamedState"/> gave; copied.</param>
    /// <param name="steps">What <see cref="Steps"/> was, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of steps is negative.</exception>
    /// <exception cref="ObjectDisposedException">The optimiser was disposed of.</exception>
    /// <exception cref="WclUsageException">A tensor belongs to no parameter, is no state of such an optimiser or has another shape; nothing is taken then.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved, long steps)
    {
        ArgumentNullException.ThrowIfNull(saved);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        ObjectDisposedException.ThrowIf(disposed, this);
        var places = Enumerable.Range(0, Parameters.Count).ToDictionary(index => Parameters[index].Name, StringComparer.Ordinal);
        foreach (var (key, tensor) in saved)
        {
            if (tensor is null) throw new ArgumentException($"The state '{key}' is null.", nameof(saved));
            var (index, kind) = Named(key);
            if (index < 0 || !Kinds.Contains(kind) || !tensor.shape.AsSpan().SequenceEqual(Parameters[index].Parameter.shape))
                throw new WclUsageException($"The checkpoint's optimiser state '{key}' {ShapeText.Of(tensor)} fits no parameter of this network; resume with the options that it was started with.");
        }

        using var noGradient = no_grad();
        FreeState();
        foreach (var (key, tensor) in saved)
        {
            var (index, kind) = Named(key);
            State(index, kind).copy_(tensor);
        }
        Steps = steps;

        (int Index, string Kind) Named(string key)
        {
            int dot = key.LastIndexOf('.');
            return dot > 0 && places.TryGetValue(key[..dot], out int index) ? (index, key[(dot + 1)..]) : (-1, "");
        }
    }

    /// <summary>Frees the state; the parameters are the caller's.</summary>
    public void Dispose()
    {
        disposed = true;
        FreeState();
    }

    private void FreeState()
    {
        foreach (var tensor in state.Values) tensor.Dispose();
        state.Clear();
    }

    /// <summary>Makes an optimiser.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="parameters">What it updates.</param>
    /// <param name="weightDecay">Weight decay, in the optimiser's own sense.</param>
    /// <exception cref="WclUsageException">There is no such optimiser.</exception>
    internal static Optimizer Create(OptimizerKind kind, IReadOnlyList<OptimizedParameter> parameters, double weightDecay) => kind switch
    {
        OptimizerKind.Sgd => new Sgd(parameters, weightDecay),
        OptimizerKind.Lars => new Lars(parameters, weightDecay),
        OptimizerKind.AdamW => new AdamW(parameters, weightDecay),
        _ => throw new WclUsageException($"{kind} is no optimiser; use {OptionValue.Choice<OptimizerKind>().Expected}."),
    };

    /// <summary>Checks a number such as a rate or a decay.</summary>
    private protected static void RequireNotNegative(double value, string name)
    {
        if (!(value >= 0 && double.IsFinite(value))) throw new ArgumentOutOfRangeException(name, value, "Use a finite number of 0 or more.");
    }

    /// <summary>Checks a share of what was before that is kept, such as a momentum.</summary>
    private protected static void RequireShare(double value, string name)
    {
        if (value is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(name, value, "Use 0 or more and below 1.");
    }

    /// <summary>Names the parameters of one module or several; only those with more than one dimension, the weights, are decayed and adapted, not biases and batch norm.</summary>
    /// <param name="modules">Modules of TorchSharp's, each with a prefix for the names of its parameters, such as "encoder.".</param>
    /// <returns>The parameters in the modules' order; change a record's <see cref="OptimizedParameter.Decayed"/> for another rule.</returns>
    /// <exception cref="ArgumentException">A module or a prefix is null.</exception>
    public static IReadOnlyList<OptimizedParameter> ParametersOf(params (string Prefix, nn.Module Module)[] modules)
    {
        ArgumentNullException.ThrowIfNull(modules);
        if (modules.Any(m => m.Prefix is null || m.Module is null)) throw new ArgumentException("A module or its prefix is null.", nameof(modules));
        return [.. modules.SelectMany(m => m.Module.named_parameters().Select(p => new OptimizedParameter(m.Prefix + p.name, p.parameter, p.parameter.dim() > 1)))];
    }
}
