using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Divides the rows of a product [n, N] that is too large to hold at once. A tile has all N columns; its rows depend on the shape and device
/// alone, so that no number of threads changes what is summed with what here; libtorch's own products may differ in the last bits.
/// </summary>
internal static class RowTiles
{
    private const long LeastRows = 64; // fewer make poor matrix products

    /// <summary>First row and number of rows of every tile, in order.</summary>
    /// <param name="rows">n.</param>
    /// <param name="columns">N.</param>
    /// <param name="type">Number format of the product.</param>
    /// <param name="device">Where it is computed: on a CPU a tile stays in its last cache, elsewhere it keeps the device busy.</param>
    public static IEnumerable<(long Start, long Count)> Of(long rows, long columns, ScalarType type, Device device)
    {
        long bytes = device.type == DeviceType.CPU ? 4 << 20 : 256 << 20;
        long side = Math.Max(LeastRows, bytes / Math.Max(1, columns * type.ElementSize()));
        for (long start = 0; start < rows; start += side) yield return (start, Math.Min(side, rows - start));
    }
}
