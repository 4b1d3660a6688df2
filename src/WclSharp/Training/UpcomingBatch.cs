using TorchSharp;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// A batch, or the chunks of a logical one, with the views that a thread of its own asks the device for while the step before is under way: on a GPU the host
/// spends longer on asking for operations than the GPU spends on many of them.
/// </summary>
internal sealed class UpcomingBatch : IDisposable
{
    private readonly Task<(Tensor Pixels, Tensor[] Views)>? prepared;

    /// <param name="chunks">The images; disposed with this.</param>
    /// <param name="prepare">Gets the pixels of the one chunk to the device and makes its views, which go to no dispose scope; null leaves that to the step.</param>
    public UpcomingBatch(ImageBatch[] chunks, Func<ImageBatch, (Tensor Pixels, Tensor[] Views)>? prepare)
    {
        Chunks = chunks;
        if (prepare is not null) prepared = Task.Run(() => prepare(chunks[0]));
    }

    /// <summary>The images.</summary>
    public IReadOnlyList<ImageBatch> Chunks { get; }

    /// <summary>Waits until the views were asked for.</summary>
    /// <returns>Pixels, [N, C, H, W] uint8, and views, [N, 3, S, S] each, on the device, owned by this; null where the step makes them.</returns>
    public (Tensor Pixels, Tensor[] Views)? Prepared() => prepared?.GetAwaiter().GetResult();

    public void Dispose()
    {
        if (prepared is not null)
        {
            Task.WaitAny(prepared); // which does not throw where it failed
            if (prepared.IsCompletedSuccessfully)
            {
                prepared.Result.Pixels.Dispose();
                foreach (var view in prepared.Result.Views) view.Dispose();
            }
        }
        foreach (var chunk in Chunks) chunk.Dispose();
    }
}
