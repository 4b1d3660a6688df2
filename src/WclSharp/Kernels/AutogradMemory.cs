using System.Collections;
using System.Reflection;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>Gives back memory that TorchSharp's custom autograd functions would hold on to. docs/kernels.md says who owns what, and when.</summary>
internal static class AutogradMemory
{
    private const BindingFlags Private = BindingFlags.NonPublic | BindingFlags.Instance;
    private static readonly FieldInfo? NodeOfContext = typeof(autograd.AutogradContext).GetField("_node", Private);
    [ThreadStatic] private static List<Tensor>? returned;

    /// <summary>
    /// Frees the spare output of the function that was just applied. TorchSharp makes one of the output's size and keeps it until the
    /// graph is gone, in case a gradient is undefined. Where TorchSharp has changed, nothing is freed: that costs memory, not correctness.
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
    /// function has ended. When the next one begins, the engine has handles of its own, and only ours still hold the memory.
    /// </summary>
    public static void FreeReturned()
    {
        if (returned is null) return;
        foreach (var tensor in returned) tensor.Dispose();
        returned.Clear();
    }

    /// <summary>
    /// A view of a parameter, to be given to a function in its place. A parameter takes a gradient as its own only where nobody else has a handle of it, and copies it otherwise; our functions still have one
    /// of what they return. The view passes the gradient on as another tensor, of which there is no second handle.
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
