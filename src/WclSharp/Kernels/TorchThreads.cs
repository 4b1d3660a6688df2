using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Native;

namespace WclSharp.Kernels;

/// <summary>
/// Runs loops of our own on the threads that libtorch's operators run on. A second pool of threads would share the
/// processors with libtorch's, which spin for a while after every operator.
/// </summary>
internal static unsafe class TorchThreads
{
    private static readonly delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void> OpenMpParallel =
        (delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void>)OpenMp.Export("GOMP_parallel"); // elsewhere .NET's own threads serve

    /// <summary>Calls <paramref name="body"/> once for each number in 0 .. count - 1, in any order, on all threads.</summary>
    public static void For(int count, Action<int> body)
    {
        int threads = Math.Min(count, torch.get_num_threads());
        if (threads <= 1)
        {
            for (int i = 0; i < count; i++) body(i);
        }
        else if (OpenMpParallel is null)
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
        }
        else
        {
            var loop = new Loop(count, body);
            var handle = GCHandle.Alloc(loop);
            OpenMpParallel(&RunLoop, (void*)GCHandle.ToIntPtr(handle), (uint)threads, 0);
            handle.Free();
            if (loop.Error is not null) throw new AggregateException(loop.Error);
        }
    }

    /// <summary>
    /// <see cref="For"/> with a body that calls libtorch's operators, each of which then runs on one thread. Where the threads are not libtorch's
    /// the turns come one after the other, and operators share out their own work.
    /// </summary>
    public static void ForOperators(int count, Action<int> body)
    {
        if (OpenMpParallel is not null) For(count, body);
        else
            for (int i = 0; i < count; i++) body(i);
    }

    [UnmanagedCallersOnly]
    private static void RunLoop(void* loop) => ((Loop)GCHandle.FromIntPtr((nint)loop).Target!).Run();

    /// <summary>A loop under way; each thread takes the next number until none is left.</summary>
    private sealed class Loop(int count, Action<int> body)
    {
        private int next;

        /// <summary>The last exception of the body: none may leave a function that native code called.</summary>
        public Exception? Error { get; private set; }

        public void Run()
        {
            try
            {
                for (int i; (i = Interlocked.Increment(ref next) - 1) < count;) body(i);
            }
            catch (Exception e)
            {
                Error = e;
            }
        }
    }
}
