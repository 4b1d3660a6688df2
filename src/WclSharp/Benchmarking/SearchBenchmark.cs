using System.Diagnostics;
using WclSharp.Configuration;
using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Training;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="SearchBenchmark"/> measured of one format.</summary>
/// <param name="Format">The format.</param>
/// <param name="FileMib">Size of the file, MiB.</param>
/// <param name="FirstSeconds">The first search, whose file was just written and is not mapped yet.</param>
/// <param name="MedianSeconds">Median of the others.</param>
/// <param name="WorstSeconds">The slowest of the others.</param>
/// <param name="Recall">Share of the nearest by float32 that it finds.</param>
internal sealed record SearchFigures(IndexFormat Format, double FileMib, double FirstSeconds, double MedianSeconds, double WorstSeconds, double Recall);

/// <summary>Times searches of one index in every format, and compares what they find with what float32 finds.</summary>
internal static class SearchBenchmark
{
    private const int RowsTold = 4096; // from one report of progress to the next

    private static readonly IndexFormat[] Formats = Enum.GetValues<IndexFormat>();

    /// <param name="images">N, rows of random vectors.</param>
    /// <param name="dim">F, their length.</param>
    /// <param name="k">K, images that are wanted.</param>
    /// <param name="queries">Searches of each format.</param>
    /// <param name="progress">Told of rows and searches; may be null.</param>
    /// <param name="cancellation">Stops between them; no file is left.</param>
    public static IReadOnlyList<SearchFigures> Random(int images, int dim, int k, int queries, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        BenchmarkSizes.RequireNeighbors(k, images);
        var random = new CounterRandom(0, RandomPurpose.Evaluation);
        return Run(images, dim, k, row => Vector(random, 0, row, dim), [.. Enumerable.Range(0, queries).Select(query => (Vector(random, 1, query, dim), -1))], progress, cancellation);
    }

    /// <param name="file">A float32 index; rows of it, evenly spaced, are what is searched for, and do not count as found.</param>
    /// <param name="k">K, images that are wanted.</param>
    /// <param name="queries">Searches of each format.</param>
    /// <param name="progress">As above.</param>
    /// <param name="cancellation">As above.</param>
    /// <exception cref="WclUsageException">It is no float32 index of more than one row.</exception>
    public static IReadOnlyList<SearchFigures> OfIndex(string file, int k, int queries, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var index = ImageIndex.Open(file);
        if (index.Format != IndexFormat.Float32 || index.Count < 2) throw new WclUsageException($"'{file}' has {index.Count} rows of {index.Format}; give an index of two or more in float32.");
        BenchmarkSizes.RequireNeighbors(k, index.Count - 1);
        queries = Math.Min(queries, index.Count);
        return Run(index.Count, index.FeatureSize, k, index.VectorOf, [.. Enumerable.Range(0, queries).Select(i => (int)((long)i * index.Count / queries)).Select(row => (index.VectorOf(row), row))], progress, cancellation);
    }

    private static IReadOnlyList<SearchFigures> Run(int images, int dim, int k, Func<int, float[]> vectorOf, IReadOnlyList<(float[] Vector, int Itself)> queries, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("wcl-bench-").FullName;
        try
        {
            Write(folder, images, dim, vectorOf, progress, cancellation);
            var figures = new List<SearchFigures>();
            int[][] nearest = [];
            foreach (var format in Formats)
            {
                using var index = ImageIndex.Open(PathOf(folder, format));
                var seconds = new List<double>();
                var found = new int[queries.Count][];
                for (int i = -1; i < queries.Count; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var (vector, itself) = queries[Math.Max(i, 0)];
                    long start = Stopwatch.GetTimestamp();
                    var hits = index.Search(vector, itself < 0 ? k : k + 1);
                    seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                    progress.Working($"Searching in {OptionValue.NameOf(format)}", i + 2, queries.Count + 1);
                    if (i >= 0) found[i] = [.. hits.Select(hit => hit.Row).Where(row => row != itself).Take(k)];
                }
                if (format == IndexFormat.Float32) nearest = found;
                double recall = found.Zip(nearest).Average(pair => (double)pair.First.Intersect(pair.Second).Count() / pair.Second.Length);
                figures.Add(new SearchFigures(format, new FileInfo(PathOf(folder, format)).Length / 1048576.0, seconds[0], Median.Of(seconds.Skip(1)), seconds.Skip(1).Max(), recall));
            }
            return figures;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Writes an index of the rows in every format.</summary>
    private static void Write(string folder, int images, int dim, Func<int, float[]> vectorOf, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var writers = new List<ImageIndexWriter>();
        try
        {
            foreach (var format in Formats) writers.Add(new ImageIndexWriter(PathOf(folder, format), dim, format));
            for (int row = 0; row < images; row++)
            {
                cancellation.ThrowIfCancellationRequested();
                float[] vector = vectorOf(row);
                foreach (var writer in writers) writer.Add("", null, vector);
                if ((row + 1) % RowsTold == 0 || row + 1 == images) progress.Working("Writing vectors", row + 1, images);
            }
            foreach (var writer in writers) writer.Complete();
        }
        finally
        {
            foreach (var writer in writers) writer.Dispose();
        }
    }

    private static string PathOf(string folder, IndexFormat format) => Path.Combine(folder, format.ToString());

    /// <summary>Uniform in a cube around zero, which at hundreds of dimensions is as good as a random direction.</summary>
    private static float[] Vector(CounterRandom random, uint kind, int row, int dim)
    {
        var vector = new float[dim];
        for (int i = 0; i < dim; i += 4)
        {
            var (a, b, c, d) = random.Uniforms(kind, (uint)row, 0, (uint)i);
            ReadOnlySpan<float> four = [a - 0.5f, b - 0.5f, c - 0.5f, d - 0.5f];
            four[..Math.Min(4, dim - i)].CopyTo(vector.AsSpan(i));
        }
        return vector;
    }
}
