using System.Diagnostics;
using TorchSharp;
using WclSharp.Native;
using WclSharp.Neighbors;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="NeighborBenchmark"/> measured.</summary>
/// <param name="Seconds">The search.</param>
/// <param name="Gflops">Arithmetic of the products that were computed over that time, GFLOP/s.</param>
/// <param name="MatrixGflops">What a large matrix product of the same inner size reaches here just after, GFLOP/s.</param>
/// <param name="BankMib">Size of the bank, MiB.</param>
/// <param name="MibAboveBank">Growth of the peak resident memory over what it was with the bank made, MiB.</param>
/// <param name="LargestMib">The bound on that growth by <see cref="NearestRows.PeakBytes"/>, MiB.</param>
/// <param name="OnGpu">Whether a GPU computed: it held the bank, and its memory is not in the growth.</param>
internal sealed record NeighborFigures(double Seconds, double Gflops, double MatrixGflops, double BankMib, double MibAboveBank, double LargestMib, bool OnGpu);

/// <summary>Times the search for all images' nearest images in a bank of random embeddings.</summary>
internal static class NeighborBenchmark
{
    private const int WriteRows = 4096;

    /// <param name="images">N, rows of the bank.</param>
    /// <param name="dim">D, width of an embedding.</param>
    /// <param name="k">K, neighbours.</param>
    /// <param name="deviceName">cpu, cuda, cuda:N or auto.</param>
    /// <param name="progress">Told of every tile, and warned where auto passes a GPU over; may be null.</param>
    public static NeighborFigures Run(int images, int dim, int k, string deviceName, IProgress<RunProgress>? progress = null)
    {
        BenchmarkSizes.RequireNeighbors(k, images - 1); // an image is no neighbour of itself
        Allocator.KeepFreedMemory();
        var device = ComputeDevice.Choose(deviceName, ComputePrecision.Fp32, progress).Device;
        using var bank = Filled(images, dim, device);
        double before = ProcessMemory.PeakMiB;
        long start = Stopwatch.GetTimestamp();
        using (var scope = NewDisposeScope()) NearestRows.Search(bank, k, (done, all) => progress.Working("Searching, tiles", done, all)).cpu();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double above = ProcessMemory.GrowthMiB(before); // before the matrix product adds its own
        return new NeighborFigures(seconds, (double)images * images * dim / seconds / 1e9, MatrixProduct(dim, device), bank.Bytes / 1048576.0, above,
            NearestRows.PeakBytes(images, dim, k, NearestRows.DefaultTile(device)) / 1048576.0, device.type != DeviceType.CPU);
    }

    private static EmbeddingBank Filled(int images, int dim, Device device)
    {
        var random = new ParameterInitializer(0);
        var bank = new EmbeddingBank(images, dim, device);
        for (int start = 0; start < images; start += WriteRows)
        {
            using var scope = NewDisposeScope();
            int[] rows = [.. Enumerable.Range(start, Math.Min(WriteRows, images - start))];
            bank.Write(rows, random.Normal([rows.Length, dim], 1).to(device));
        }
        return bank;
    }

    private static double MatrixProduct(int dim, Device device)
    {
        const int Rows = 4096, Times = 8;
        using var scope = NewDisposeScope();
        var a = ones([Rows, dim], device: device);
        double seconds = double.PositiveInfinity;
        for (int i = 0; i <= Times; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using (var product = a.mm(a.T)) product[0, 0].cpu().Dispose(); // waits for a GPU
            if (i > 0) seconds = Math.Min(seconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 2.0 * Rows * Rows * dim / seconds / 1e9;
    }
}
