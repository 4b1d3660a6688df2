using TorchSharp;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>The views of a batch that were made before its step.</summary>
/// <param name="Pixels">The images.</param>
/// <param name="Views">The global views one after another, [V N, 3, S, S].</param>
/// <param name="Local">The local crops, [M N, 3, s, s]; null without.</param>
internal sealed record PreparedViews(ImageTensor Pixels, Tensor Views, Tensor? Local) : IDisposable
{
    public void Dispose()
    {
        Pixels.Dispose();
        Views.Dispose();
        Local?.Dispose();
    }
}

/// <summary>
/// A batch, or the chunks of a logical one, with the views that a thread of its own asks the device for while the step before is under way: on a GPU the host
/// spends longer on asking for operations than the GPU spends on many of them.
/// </summary>
internal sealed class UpcomingBatch : IDisposable
{
    private readonly Task<PreparedViews>? prepared;

    /// <param name="chunks">The images; disposed with this.</param>
    /// <param name="prepare">Gets the pixels of the one chunk to the device and makes its views, whose tensors go to no dispose scope; null leaves that to the step.</param>
    public UpcomingBatch(ImageBatch[] chunks, Func<ImageBatch, PreparedViews>? prepare)
    {
        Chunks = chunks;
        if (prepare is not null) prepared = Task.Run(() => prepare(chunks[0]));
    }

    /// <summary>The images.</summary>
    public IReadOnlyList<ImageBatch> Chunks { get; }

    /// <summary>Waits until the views were asked for.</summary>
    /// <returns>What is on the device and owned by this; null where the step makes its views.</returns>
    public PreparedViews? Prepared() => prepared?.GetAwaiter().GetResult();

    public void Dispose()
    {
        if (prepared is not null)
        {
            Task.WaitAny(prepared); // which does not throw where it failed
            if (prepared.IsCompletedSuccessfully) prepared.Result.Dispose();
        }
        foreach (var chunk in Chunks) chunk.Dispose();
    }
}
