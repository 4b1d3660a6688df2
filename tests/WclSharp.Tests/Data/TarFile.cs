using System.Text;

namespace WclSharp.Tests.Data;

/// <summary>Writes tar headers that no honest program would write, and ordinary ones.</summary>
internal sealed class TarFile
{
    private readonly MemoryStream file = new();

    /// <summary>Adds a file; <paramref name="claim"/> is what the header says its size is, where that is not the truth.</summary>
    public TarFile Add(string name, byte[] content, long? claim = null, char type = '0')
    {
        var header = new byte[512];
        Encoding.UTF8.GetBytes(name).CopyTo(header, 0);
        "0000644\0"u8.CopyTo(header.AsSpan(100));
        long size = claim ?? content.Length;
        if (size < 1L << 33)
        {
            Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0')).CopyTo(header, 124);
        }
        else
        {
            header[124] = 0x80; // GNU's binary form
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(128), size);
        }
        "00000000000\0"u8.CopyTo(header.AsSpan(136));
        header[156] = (byte)type;
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        "        "u8.CopyTo(header.AsSpan(148));
        int sum = header.Sum(b => b);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        file.Write(header);
        file.Write(content);
        file.Write(new byte[(512 - content.Length % 512) % 512]);
        return this;
    }

    public byte[] ToArray(bool closed = true) => closed ? [.. file.ToArray(), .. new byte[1024]] : file.ToArray();
}
