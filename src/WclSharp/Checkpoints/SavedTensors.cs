using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints;

/// <summary>Tensors that a checkpoint holds, taken by those whose state they are.</summary>
internal static class SavedTensors
{
    /// <summary>A tensor of a checkpoint that has to replace another.</summary>
    /// <param name="saved">The checkpoint's tensors.</param>
    /// <param name="name">Name among them.</param>
    /// <param name="own">What it replaces: type and shape have to be the same.</param>
    /// <param name="startedWith">What the run has to be resumed with, for the error.</param>
    /// <exception cref="WclUsageException">It is missing, or of another type or shape.</exception>
    public static Tensor Require(IReadOnlyDictionary<string, Tensor> saved, string name, Tensor own, string startedWith) =>
        Require(saved, name, own.dtype, [.. Enumerable.Range(0, (int)own.dim()).Select(i => own.size(i))], startedWith);

    /// <summary>A tensor of a checkpoint.</summary>
    /// <param name="saved">The checkpoint's tensors.</param>
    /// <param name="name">Name among them.</param>
    /// <param name="type">Type that it has to have.</param>
    /// <param name="shape">Shape that it has to have.</param>
    /// <param name="startedWith">What the run has to be resumed with, for the error.</param>
    /// <exception cref="WclUsageException">It is missing, or of another type or shape.</exception>
    public static Tensor Require(IReadOnlyDictionary<string, Tensor> saved, string name, ScalarType type, long[] shape, string startedWith)
    {
        var found = saved.GetValueOrDefault(name);
        if (found is not null && found.dtype == type && found.dim() == shape.Length && shape.Index().All(side => found.size(side.Index) == side.Item)) return found;
        string there = found is null ? "is missing" : $"is {ShapeText.Of(found)} {found.dtype}";
        throw new WclUsageException($"The checkpoint's '{name}' {there}, where this run needs {ShapeText.OfSizes(shape)} {type}; resume with the {startedWith} that it was started with.");
    }
}
