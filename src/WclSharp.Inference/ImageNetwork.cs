using System.Buffers;
using System.Runtime.ExceptionServices;
using Microsoft.ML.OnnxRuntime;
using WclSharp.Data;

namespace WclSharp.Inference;

/// <summary>A network that prepared images are put through, one or some at a time. Safe for use by several threads at once.</summary>
internal sealed class ImageNetwork : IDisposable
{
    // Images that go through the network at a time: activations of some megabytes stay in the cache.
    private const int SmallImageBatch = 64, LargeImageBatch = 8;

    private readonly OnnxSession session;
    private readonly int imageSize;
    private readonly int threads; // that prepare; -1 for no limit

    public ImageNetwork(InferenceSession session, OnnxFacts facts, string path, int threads)
    {
        (this.session, imageSize, Path, this.threads) = (new OnnxSession(session), facts.ImageSize, path, threads > 0 ? threads : -1);
        Batch = imageSize <= EvaluationView.LargestSmallImage ? SmallImageBatch : LargeImageBatch;
    }

    /// <summary>The ONNX file.</summary>
    public string Path { get; }

    /// <summary>Images that are best put through together.</summary>
    public int Batch { get; }

    /// <summary>Floats of one image, 3 S S.</summary>
    public int InputSize => 3 * imageSize * imageSize;

    /// <summary>Puts images through.</summary>
    /// <param name="pixels">[count, 3, S, S], 0 to 255.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="outputs">Names of the outputs that are wanted.</param>
    /// <param name="targets">For each, [count, length of the output].</param>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public void Run(Memory<float> pixels, int count, string[] outputs, Memory<float>[] targets)
    {
        var results = new List<OrtValue>(targets.Length);
        try
        {
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels[..(count * InputSize)], [count, 3, imageSize, imageSize]);
            foreach (var target in targets) results.Add(OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, target, [count, target.Length / count]));
            session.Run(OnnxFacts.Pixels, input, outputs, results);
        }
        catch (OnnxRuntimeException e)
        {
            throw new WclException($"'{Path}' fails on {count} images: {ErrorText.Of(e)}.", e);
        }
        finally
        {
            foreach (var result in results) result.Dispose();
        }
    }

    /// <summary>Puts one image through.</summary>
    /// <param name="prepare">Writes it as [3, S, S], 0 to 255.</param>
    /// <param name="output">Name and length of the output that is wanted.</param>
    public float[] One(Action<Memory<float>> prepare, (string Name, int Length) output)
    {
        var pixels = ArrayPool<float>.Shared.Rent(InputSize);
        try
        {
            prepare(pixels.AsMemory(0, InputSize));
            var result = new float[output.Length];
            Run(pixels, 1, [output.Name], [result]);
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    /// <summary>Puts many images through: prepared on several threads, some at a time.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="prepare">Writes image i as [3, S, S], 0 to 255. On any thread.</param>
    /// <param name="outputs">Names and lengths of the outputs that are wanted.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <param name="goOn">Whether an image that cannot be read is passed over, its place holding the reason; else the first of them ends it.</param>
    /// <returns>For each image, in order, a row of each output, or the reason.</returns>
    public (float[][] Rows, UnreadableImageException? Error)[] Each(
        int count, Action<int, Memory<float>> prepare, (string Name, int Length)[] outputs, CancellationToken cancellation, bool goOn = false)
    {
        RequireOpen(); // also where there is no image
        cancellation.ThrowIfCancellationRequested();
        var result = new (float[][] Rows, UnreadableImageException? Error)[count];
        int batch = Math.Min(Batch, count);
        var pixels = ArrayPool<float>.Shared.Rent(batch * InputSize);
        float[][] numbers = Array.ConvertAll(outputs, output => new float[batch * output.Length]);
        string[] names = Array.ConvertAll(outputs, output => output.Name);
        var limits = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        try
        {
            for (int start = 0; start < count; start += batch)
            {
                cancellation.ThrowIfCancellationRequested();
                int first = start;
                var errors = new Exception?[Math.Min(batch, count - start)];
                Parallel.For(0, errors.Length, limits, i =>
                {
                    try
                    {
                        prepare(first + i, pixels.AsMemory(i * InputSize, InputSize));
                    }
                    catch (Exception e)
                    {
                        errors[i] = e; // told of below, by the first image that has one
                    }
                });
                if (Array.Find(errors, error => error is not null && !(goOn && error is UnreadableImageException)) is { } bad) ExceptionDispatchInfo.Throw(bad);
                int size = Gather(pixels, errors);
                if (size > 0) Run(pixels, size, names, [.. numbers.Select((each, o) => each.AsMemory(0, size * outputs[o].Length))]);
                for (int i = 0, row = 0; i < errors.Length; i++)
                    result[start + i] = errors[i] is UnreadableImageException error ? ([], error) : (Rows(row++), null);
            }
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }

        float[][] Rows(int row) => [.. numbers.Select((each, o) => each.AsSpan(row * outputs[o].Length, outputs[o].Length).ToArray())];
    }

    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public void RequireOpen() => session.RequireOpen();

    /// <summary>Frees the network, once images that are under way have been through it.</summary>
    public void Dispose() => session.Dispose();

    /// <summary>Moves the images that have no error to the front, and counts them.</summary>
    private int Gather(float[] pixels, Exception?[] errors)
    {
        int size = 0;
        for (int i = 0; i < errors.Length; i++)
        {
            if (errors[i] is not null) continue;
            if (size < i) pixels.AsSpan(i * InputSize, InputSize).CopyTo(pixels.AsSpan(size * InputSize));
            size++;
        }
        return size;
    }
}
