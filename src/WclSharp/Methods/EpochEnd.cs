using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>What a method is told between two epochs.</summary>
/// <param name="Epochs">Epochs that are finished, 1 or more.</param>
/// <param name="Features">
/// Computes the encoder's features of all training images, in their order and as evaluation sees them: [N, F] float32, rows of unit
/// length. Costs a forward pass over the data, but once only. Whoever calls it owns them and leaves their values as they are.
/// </param>
/// <param name="Progress">Told what is done and all there is to do.</param>
/// <param name="Cancellation">Stops the work.</param>
internal sealed record EpochEnd(int Epochs, Func<Tensor> Features, Action<long, long>? Progress = null, CancellationToken Cancellation = default);
