using System.Collections;
using System.Reflection;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>Gives back memory that TorchSharp's custom autograd functions would hold on to.</summary>
internal static class AutogradMemory
{
    private const BindingFlags Private = BindingFlags.NonPublic | BindingFlags.Instance;
    private static readonly FieldInfo? NodeOfContext = typeof(autograd.AutogradContext).GetField("_node", Private);
    [ThreadStatic] private static List<Tensor>? returned;

    /// <summary>
    /// Frees the spare output of the function that was just applied: an empty tensor of its output's size, kept until the
    /// graph is gone in case a gradient is undefined. Costs memory, not correctness, where TorchSharp changed.
    /// </summary>
    public static void FreeSpareOutput(autograd.AutogradContext context)
    {
        if (NodeOfContext?.GetValue(context) is not { } node) return;
        if (node.GetType().GetField("_outputCache", Private)?.GetValue(node) is not IList spares) return;
        for (int i = 0; i < spares.Count; i++)
        {
            (spares[i] as Tensor)?.Dispose();
            spares[i] = null;
        }
    }

    /// <summary>
    /// Frees the gradients that the last backward function of this thread returned. The engine reads them after that
    /// function ends; when the next one begins it has taken them, and only these handles still hold the memory.
    /// </summary>
    public static void FreeReturned()
    {
        if (returned is null) return;
        foreach (var tensor in returned) tensor.Dispose();
        returned.Clear();
    }

    /// <summary>
    /// A parameter as a function's argument. Its gradient as our function returns it has a handle still, and the engine would copy it; that of a view is a tensor of its own, which it takes.
    /// </summary>
    public static Tensor ViewOfParameter(Tensor parameter) => parameter.view(parameter.shape);

    /// <summary>Gradients as a backward function returns them, out of every dispose scope; null where there is none.</summary>
    public static List<Tensor> Return(params Tensor?[] gradients)
    {
        returned ??= [];
        foreach (var tensor in gradients)
            if (tensor is not null) returned.Add(tensor.DetachFromDisposeScope()!);
        return [.. gradients.Select(gradient => gradient!)];
    }
}
