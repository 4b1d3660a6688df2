using System.Runtime.InteropServices;

namespace WclSharp.Data;

/// <summary>
/// Devices, pipes and sockets. Giving a file their name would replace them, /dev/null for the whole machine; opening one to read may wait for ever, and what comes through it comes once.
/// </summary>
internal static unsafe partial class SpecialFile
{
    // struct statx, the same on every processor: its size, and where its 16 bits of kind and permissions are.
    private const int StatxBytes = 256, ModeAt = 28;
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint Kind = 1;            // STATX_TYPE
    private const ushort KindBits = 0xF000, RegularFile = 0x8000, Folder = 0x4000;

    /// <summary>What is wrong with one where a file is needed.</summary>
    public const string Problem = "it is a device or a pipe, not a file";

    /// <summary>Opens a file to read, as <see cref="File.OpenRead"/>.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static FileStream OpenRead(string path)
    {
        Refuse(path);
        return File.OpenRead(path);
    }

    /// <exception cref="IOException">It is one.</exception>
    public static void Refuse(string path)
    {
        if (Is(path)) throw new IOException(Problem);
    }

    /// <summary>Whether a path, or what it leads to, is there and is neither a file nor a folder. Known on Linux; elsewhere false.</summary>
    public static bool Is(string path)
    {
        if (!OperatingSystem.IsLinux()) return false;
        byte* facts = stackalloc byte[StatxBytes];
        try
        {
            return Statx(CurrentFolder, path, 0, Kind, facts) == 0 && (*(ushort*)(facts + ModeAt) & KindBits) is not (RegularFile or Folder);
        }
        catch (EntryPointNotFoundException)
        {
            return false; // a C library that does not have it yet
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* facts);
}
