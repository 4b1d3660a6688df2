using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace WclSharp.Data;

/// <summary>
/// The decoded pixels of a data set, one after another: in memory up to a budget, beyond it in a memory-mapped file.
/// </summary>
/// <remarks>
/// Written by one thread; after <see cref="Complete"/> it is read by any number of threads. An image never spans two blocks.
/// The file has no name on Linux and macOS once it is open, so that a killed process leaves nothing behind; on Windows
/// it is deleted when it is closed. It is written by plain writes and mapped when complete: a full disk is then an error
/// here, not a signal at some later access.
/// </remarks>
internal sealed unsafe class PixelStore : IDisposable
{
    private const int BlockBits = 26, BlockSize = 1 << BlockBits; // 64 MiB
    private readonly long budget;
    private readonly string folder;
    private readonly List<byte[]> blocks = [];
    private SafeFileHandle? file;
    private MemoryMappedFile? mapping;
    private MemoryMappedViewAccessor? view;
    private byte* mapped;
    private long length;
    private int owners = 1;

    /// <summary>Opens an empty store.</summary>
    /// <param name="budgetBytes">Bytes that may be kept in memory.</param>
    /// <param name="folder">Folder of the file, should one be needed; null is the system's.</param>
    public PixelStore(long budgetBytes, string? folder) => (budget, this.folder) = (budgetBytes, folder ?? Path.GetTempPath());

    /// <summary>True where the pixels are in a memory-mapped file.</summary>
    public bool InFile => file is not null;

    /// <summary>Bytes stored so far, gaps at the ends of blocks included.</summary>
    public long Length => length;

    /// <summary>Appends an image's pixels and returns where they are.</summary>
    /// <exception cref="WclException">The disk is full or the folder cannot be written.</exception>
    public long Append(ReadOnlySpan<byte> pixels)
    {
        if (pixels.Length > BlockSize) throw new ArgumentException($"An image of {pixels.Length} bytes does not fit into a block of {BlockSize}.");
        long at = length;
        if ((at & (BlockSize - 1)) + pixels.Length > BlockSize) at = (at | (BlockSize - 1)) + 1;
        if (file is null && at + pixels.Length > budget) MoveToFile();

        if (file is not null)
        {
            WriteTo(file, pixels, at, folder);
        }
        else
        {
            if (at >> BlockBits == blocks.Count) blocks.Add(GC.AllocateUninitializedArray<byte>((int)Math.Min(BlockSize, Math.Max(budget - at, pixels.Length))));
            pixels.CopyTo(blocks[^1].AsSpan((int)(at & (BlockSize - 1))));
        }
        length = at + pixels.Length;
        return at;
    }

    /// <summary>Ends writing; from here on <see cref="Copy"/> may be called.</summary>
    public void Complete()
    {
        if (file is null || length == 0) return;
        mapping = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        view = mapping.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref mapped);
        mapped += view.PointerOffset;
    }

    /// <summary>Copies the pixels at an offset that <see cref="Append"/> returned.</summary>
    /// <exception cref="ObjectDisposedException">Every owner has let go.</exception>
    public void Copy(long at, Span<byte> pixels)
    {
        using var held = Share(); // a file that is unmapped meanwhile would end the process
        if (file is null) blocks[(int)(at >> BlockBits)].AsSpan((int)(at & (BlockSize - 1)), pixels.Length).CopyTo(pixels);
        else new ReadOnlySpan<byte>(mapped + at, pixels.Length).CopyTo(pixels);
    }

    /// <summary>Adds an owner, who calls <see cref="Dispose"/> too.</summary>
    /// <exception cref="ObjectDisposedException">Every owner has let go.</exception>
    public PixelStore Share()
    {
        int now = Volatile.Read(ref owners);
        while (true)
        {
            ObjectDisposedException.ThrowIf(now == 0, this);
            int seen = Interlocked.CompareExchange(ref owners, now + 1, now);
            if (seen == now) return this;
            now = seen;
        }
    }

    /// <summary>Lets go; the last owner frees the memory and the file.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref owners) != 0) return;
        if (mapped is not null) view!.SafeMemoryMappedViewHandle.ReleasePointer();
        mapped = null;
        view?.Dispose();
        mapping?.Dispose();
        file?.Dispose();
        blocks.Clear();
    }

    private void MoveToFile()
    {
        string path = Path.Combine(folder, $"wcl-pixels-{Guid.NewGuid():N}.cache");
        try
        {
            Directory.CreateDirectory(folder);
            file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete,
                OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
            if (!OperatingSystem.IsWindows()) File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclException($"No cache file can be made in '{folder}' ({e.Message}); name another folder, or allow more memory for the cache.", e);
        }

        for (int i = 0; i < blocks.Count; i++)
            WriteTo(file, blocks[i].AsSpan(0, (int)Math.Min(BlockSize, length - ((long)i << BlockBits))), (long)i << BlockBits, folder);
        blocks.Clear();
    }

    /// <summary>Writes to a file; a full disk is an error that says so.</summary>
    internal static void WriteTo(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at, string folder)
    {
        try
        {
            RandomAccess.Write(file, bytes, at);
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            bool large = WriteAdvice.IsTooLarge(e); // for the file system or by a limit: there may be space
            throw new WclException(FormattableString.Invariant($"The decoded images do not fit {(large ? "into a file in" : "on the disk of")} '{folder}' ({WriteAdvice.Reason(e)}, after {at >> 20:N0} MiB); ") +
                $"{(large ? "raise the limit on the size of files (ulimit -f)" : "free some space")}, name another cache folder, or use --limit or a smaller --image-size.", e);
        }
    }
}
