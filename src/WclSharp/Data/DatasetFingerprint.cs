using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace WclSharp.Data;

/// <summary>Says whether images, their order and their classes are the same as before, wherever they were read from and whatever was read beside them.</summary>
internal static class DatasetFingerprint
{
    /// <summary>SHA-256, in hexadecimal digits, over names, sizes, hashes of pixels, labels and class names.</summary>
    /// <param name="table">Names, sizes and hashes.</param>
    /// <param name="selection">Places in it; null is all of them, in their order.</param>
    /// <param name="labels">Class of each of the images, -1 for none.</param>
    /// <param name="classNames">Names of the classes.</param>
    public static string Of(ImageTable table, int[]? selection, int[] labels, IReadOnlyList<string> classNames)
    {
        using var content = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[16];
        for (int i = 0; i < labels.Length; i++)
        {
            int place = selection is null ? i : selection[i];
            var name = table.Utf8Name(place);
            var (height, width) = table.Size(place);
            BinaryPrimitives.WriteInt32LittleEndian(head, name.Length); // lengths first, so that no two lists of images run together alike
            BinaryPrimitives.WriteUInt16LittleEndian(head[4..], (ushort)height);
            BinaryPrimitives.WriteUInt16LittleEndian(head[6..], (ushort)width);
            BinaryPrimitives.WriteUInt64LittleEndian(head[8..], table.PixelHash(place));
            content.AppendData(head);
            content.AppendData(name);
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(content.GetHashAndReset())));
        hash.AppendData(MemoryMarshal.AsBytes(labels.AsSpan())); // little-endian on every platform that libtorch has
        hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\n', classNames)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
