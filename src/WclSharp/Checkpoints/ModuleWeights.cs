using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints;

/// <summary>A module's parameters and buffers by name, in and out of files.</summary>
internal static class ModuleWeights
{
    /// <summary>Parameters and buffers in the order of PyTorch's state dicts, layer by layer, each named with a prefix.</summary>
    public static IEnumerable<(string Name, Tensor Tensor)> Of(nn.Module module, string prefix = "")
    {
        foreach (var norm in module.modules().OfType<BatchNormalization>()) norm.WriteCount();
        return module.named_parameters().Select(p => (Name: prefix + p.name, Tensor: (Tensor)p.parameter))
            .Concat(module.named_buffers().Select(b => (Name: prefix + b.name, Tensor: b.buffer)))
            .GroupBy(pair => pair.Name[..(pair.Name.LastIndexOf('.') + 1)]).SelectMany(layer => layer);
    }

    /// <summary>Copies saved tensors into a module, in place, so that strides, dtype and device stay the module's.</summary>
    /// <param name="module">Module to fill.</param>
    /// <param name="saved">Tensors by name.</param>
    /// <param name="prefix">Prefix of the saved names.</param>
    /// <param name="source">Where they come from, for errors.</param>
    /// <exception cref="WclUsageException">A tensor is missing or has another shape; nothing was changed.</exception>
    public static void Load(nn.Module module, IReadOnlyDictionary<string, Tensor> saved, string prefix, string source)
    {
        var targets = Of(module, prefix).ToList();
        foreach (var (name, tensor) in targets)
        {
            if (!saved.TryGetValue(name, out var value))
            {
                if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) continue; // older PyTorch files lack it
                throw new WclUsageException($"'{source}' has no tensor '{name}'; it holds another architecture than this run's (see --arch, --stem).");
            }
            if (value.numel() == 1 && tensor.dim() == 0) continue; // a count may be a list of one
            if (!value.shape.AsSpan().SequenceEqual(tensor.shape))
                throw new WclUsageException($"'{source}' has '{name}' of shape {ShapeText.Of(value)} where {ShapeText.Of(tensor)} is needed; give the --arch, --width and --stem it was made with.");
        }

        using var noGradient = no_grad();
        foreach (var (name, tensor) in targets)
        {
            if (!saved.TryGetValue(name, out var value)) continue;
            using var same = value.reshape(tensor.shape);
            tensor.copy_(same);
        }
    }
}
