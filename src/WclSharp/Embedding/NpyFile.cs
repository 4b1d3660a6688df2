using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace WclSharp.Embedding;

/// <summary>
/// A NumPy file of float32 [N, F], with <c>path,label</c> rows in a CSV file beside it. N stands in the header, in front: it is written again
/// at the end, in room that was left for it (NEP 1, version 1.0 of the format: magic, header length, a Python dictionary padded with spaces).
/// </summary>
internal sealed class NpyFile : EmbeddingFile
{
    /// <summary>First row of the list beside it.</summary>
    public const string ListHeader = "path,label";

    private const int HeaderBytes = 128; // a multiple of 64, as the format wants it
    private readonly int featureSize;
    private readonly StreamWriter names;
    private readonly FileStream numbers;
    private long rows;

    /// <summary>Whether a file is to be of this kind, by its name.</summary>
    public static bool Is(string path) => Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase);

    /// <summary>The list beside a file.</summary>
    public static string ListBeside(string path) => Path.ChangeExtension(path, ".csv");

    public NpyFile(string path, int featureSize)
    {
        this.featureSize = featureSize;
        names = Text(Open(ListBeside(path)));
        numbers = Open(path);
        names.WriteLine(ListHeader);
        WriteHeader();
    }

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> features)
    {
        names.WriteLine(Names(name, label));
        numbers.Write(MemoryMarshal.AsBytes(features)); // little-endian on every platform of ours
        rows++;
    }

    protected override void Finish()
    {
        names.Flush();
        numbers.Position = 0;
        WriteHeader();
    }

    private void WriteHeader()
    {
        string dictionary = string.Create(CultureInfo.InvariantCulture, $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {featureSize}), }}");
        const int prefix = 10;
        numbers.Write([0x93, .. "NUMPY"u8, 1, 0, HeaderBytes - prefix, 0]);
        numbers.Write(Encoding.ASCII.GetBytes(dictionary.PadRight(HeaderBytes - prefix - 1) + "\n"));
    }
}
