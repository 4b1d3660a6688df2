using System.Buffers.Binary;
using System.IO.Compression;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

/// <summary>A folder that a test writes into and that goes with it.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("wcl-data-test-").FullName;

    /// <summary>Path of a file in the folder; its parent folders are made.</summary>
    public string this[string name]
    {
        get
        {
            string path = System.IO.Path.Combine(Path, name);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            return path;
        }
    }

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Write(string name, string content)
    {
        File.WriteAllText(this[name], content);
        return this[name];
    }

    /// <summary>The images in the folder, by the usual options or by others.</summary>
    public ImageDataset Read(Func<DatasetOptions, DatasetOptions>? with = null)
    {
        var options = new DatasetOptions { Path = Path };
        return ImageDataset.Read(with is null ? options : with(options));
    }

    /// <summary>An IDX file of bytes.</summary>
    public static byte[] Idx(int[] shape, byte[] data)
    {
        var file = new byte[4 + 4 * shape.Length + data.Length];
        (file[2], file[3]) = (8, (byte)shape.Length);
        for (int i = 0; i < shape.Length; i++) BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + 4 * i), shape[i]);
        data.CopyTo(file, 4 + 4 * shape.Length);
        return file;
    }

    public static byte[] Gzip(byte[] content, CompressionLevel level = CompressionLevel.Fastest)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, level)) gzip.Write(content);
        return target.ToArray();
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
