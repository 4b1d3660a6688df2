using System.Collections;
using System.Reflection;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Gives back memory that TorchSharp's custom autograd functions hold on to: each keeps an empty tensor of its output's
/// size until the graph is gone, in case a gradient is undefined. A network whose every output is used never needs them.
/// </summary>
internal static class AutogradMemory
{
    private const BindingFlags Private = BindingFlags.NonPublic | BindingFlags.Instance;
    private static readonly FieldInfo? NodeOfContext = typeof(autograd.AutogradContext).GetField("_node", Private);
    private static FieldInfo? cacheOfNode;

    /// <summary>Frees the spare output of the function that was just applied. Costs memory, not correctness, where TorchSharp changed.</summary>
    public static void FreeSpareOutput(autograd.AutogradContext context)
    {
        if (NodeOfContext?.GetValue(context) is not { } node) return;
        if (cacheOfNode is null || cacheOfNode.DeclaringType != node.GetType()) cacheOfNode = node.GetType().GetField("_outputCache", Private);
        if (cacheOfNode?.GetValue(node) is not IList spares) return;
        for (int i = 0; i < spares.Count; i++)
        {
            (spares[i] as Tensor)?.Dispose();
            spares[i] = null;
        }
    }
}
