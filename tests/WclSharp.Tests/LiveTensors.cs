using System.Runtime.ExceptionServices;
using TorchSharp;

namespace WclSharp.Tests;

/// <summary>
/// Asserts that native memory does not grow. TorchSharp counts the live tensors of a thread, and a test's thread has carried other tests,
/// whose forgotten tensors a garbage collection may take off the count at any moment: hence a thread of its own for each look.
/// </summary>
internal static class LiveTensors
{
    /// <summary>Tensors that are alive on this thread.</summary>
    public static long Count => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    /// <summary>That an action leaves no tensor behind, nor takes one that it did not make.</summary>
    public static void AssertNoneLeftBy(Action action) => AssertLeftBy(0, action);

    /// <summary>That an action leaves so many tensors.</summary>
    public static void AssertLeftBy(long expected, Action action)
    {
        long left = 0;
        OnOwnThread(() =>
        {
            action();
            left = Count;
        });
        Assert.Equal(expected, left);
    }

    /// <summary>Runs an action on a thread on which no tensor was made, and waits; what it throws comes out here.</summary>
    public static void OnOwnThread(Action action)
    {
        ExceptionDispatchInfo? thrown = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                thrown = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        thrown?.Throw();
    }
}
