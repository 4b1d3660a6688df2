using System.Collections.Concurrent;

namespace WclSharp.Kernels;

/// <summary>
/// Which part of a workspace a turn of a <see cref="TorchThreads"/> loop may use: as many parts as turns run at once, however many there are, so
/// that they stay in the cache. What is in a part at the start of a turn is anything.
/// </summary>
/// <param name="count">Parts; as many as threads.</param>
internal sealed class ThreadRooms(int count)
{
    private readonly ConcurrentStack<int> free = new(Enumerable.Range(0, count));

    /// <summary>Takes a part until <see cref="Return"/>.</summary>
    public int Take() => free.TryPop(out int room) ? room : throw new InvalidOperationException("More turns at once than threads.");

    /// <summary>Gives a part back.</summary>
    public void Return(int room) => free.Push(room);
}
