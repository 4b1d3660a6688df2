using Microsoft.ML.OnnxRuntime;

namespace WclSharp.Inference;

/// <summary>
/// A session of ONNX Runtime that several threads run and one may dispose of meanwhile: it is freed when the last run has ended. ONNX Runtime itself would
/// follow freed pointers.
/// </summary>
internal sealed class OnnxSession(InferenceSession session) : IDisposable
{
    private readonly RunOptions options = new();
    private readonly Lock gate = new();
    private int running;
    private bool disposed;

    /// <summary>Runs the network from one input to some outputs.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    /// <exception cref="OnnxRuntimeException">The run failed.</exception>
    public void Run(string inputName, OrtValue input, IReadOnlyCollection<string> outputNames, IReadOnlyCollection<OrtValue> outputs)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, typeof(OnnxEncoder));
            running++;
        }
        try
        {
            session.Run(options, [inputName], [input], outputNames, outputs);
        }
        finally
        {
            bool last;
            lock (gate) last = --running == 0 && disposed;
            if (last) Free();
        }
    }

    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public void RequireOpen()
    {
        lock (gate) ObjectDisposedException.ThrowIf(disposed, typeof(OnnxEncoder));
    }

    public void Dispose()
    {
        lock (gate)
        {
            if (disposed) return;
            disposed = true;
            if (running > 0) return;
        }
        Free();
    }

    private void Free()
    {
        session.Dispose();
        options.Dispose();
    }
}
