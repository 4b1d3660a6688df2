using static TorchSharp.torch;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>Where a tensor's numbers lie.</summary>
internal sealed record StoredTensor(string Key, ScalarType Type, int Size, long StorageCount, long Offset, long[] Shape, long[] Strides)
{
    /// <summary>How many numbers it has.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Whether a value of a pickle is a tensor, or a parameter.</summary>
    public static bool Is(object? value) => value is PickleCall call && (PyTorchNames.RebuildTensor.Contains(call.Function) || call.Function == PyTorchNames.RebuildParameter);

    /// <summary>What a value is that is no tensor and no plain value; null for these.</summary>
    public static string? OtherThan(object? value) => value switch
    {
        _ when Is(value) => null,
        PickleCall call => $"Python's {call.Function.Module}.{call.Function.Name}",
        PickleGlobal global => $"Python's {global.Module}.{global.Name}",
        PickleOther other => other.What,
        _ => null,
    };

    /// <summary>_rebuild_tensor_v2(storage, offset, size, stride, ...) or a parameter of one; null for what is no tensor, or none of numbers that are read.</summary>
    /// <param name="value">The value.</param>
    /// <param name="other">What it is where it is another object.</param>
    /// <exception cref="FormatException">It is described wrongly.</exception>
    public static StoredTensor? Of(object? value, out string? other)
    {
        other = OtherThan(value);
        if (value is PickleCall { Arguments: [PickleCall inner, ..] } parameter && parameter.Function == PyTorchNames.RebuildParameter) value = inner;
        if (value is not PickleCall call || !PyTorchNames.RebuildTensor.Contains(call.Function)) return null;
        if (call.Arguments is not [PicklePersistentId { Id: object?[] and ["storage", PickleGlobal kind, string key, _, long storageCount, ..] }, long offset, object?[] size, object?[] stride, ..]
            || size.Length != stride.Length || !size.Concat(stride).All(each => each is long and >= 0))
            throw new FormatException("a tensor is described wrongly");
        var (_, type, bytes) = PyTorchNames.Storages.FirstOrDefault(storage => storage.Class == kind);
        if (bytes == 0)
        {
            other = $"a tensor in a {kind.Module}.{kind.Name}";
            return null;
        }

        var tensor = new StoredTensor(key, type, bytes, storageCount, offset, [.. size.Cast<long>()], [.. stride.Cast<long>()]);
        long last = tensor.Count == 0 ? offset : checked(offset + tensor.Shape.Zip(tensor.Strides, (n, step) => (n - 1) * step).Sum() + 1);
        // No more numbers than the storage has: an expanded tensor could ask for any amount.
        if (offset < 0 || last > storageCount) throw new FormatException("a tensor lies outside its storage");
        if (tensor.Count > storageCount)
        {
            other = "a tensor that repeats its numbers (expand)";
            return null;
        }

        return tensor;
    }
}
