using System.Diagnostics;
using System.Text;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Tests.Export;

namespace WclSharp.Tests.Inference;

/// <summary>
/// Damaged ONNX files and metadata are read or refused in one line, soon and without allocating more than a file of their size can need. WCLSHARP_FUZZ is the number of each kind
/// (1,000 if not set).
/// </summary>
public sealed class OnnxFuzzTests : IDisposable
{
    private const long MostBytes = 1 << 20; // of a file of some kilobytes
    private const long MostResidentBytes = 512 << 20;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly int Files = int.TryParse(Environment.GetEnvironmentVariable("WCLSHARP_FUZZ"), out int count) ? count : 1000;
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-onnx-fuzz-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Metadata_Damaged_AreReadOrRefused()
    {
        var whole = new OnnxFacts { ImageSize = 32, FeatureSize = 512, ClassNames = ["a cat", "a \"dog\"", "\u00e9\u6c34\ud83d\ude00"] }.ToMetadata();
        Fuzz("metadata", i => DamageText(whole, i), metadata =>
        {
            var facts = OnnxFacts.Parse(metadata, "x.onnx");
            Assert.InRange(facts.ImageSize, 1, 2048);
            Assert.InRange(facts.FeatureSize, 1, 1 << 20);
            Assert.DoesNotContain(null!, facts.ClassNames);
        });
    }

    [Theory]
    [InlineData(ExportPrecision.Fp32)]
    [InlineData(ExportPrecision.Fp16)]
    [InlineData(ExportPrecision.Int8)]
    public void Files_Damaged_AreReadOrRefused(ExportPrecision precision)
    {
        byte[] whole = TinyOnnx.File(precision);
        string path = Path.Combine(folder, "damaged.onnx");
        Fuzz($"{precision} file", i => DamageBytes(whole, i), bytes =>
        {
            File.WriteAllBytes(path, bytes);
            OnnxEncoder.Load(path, threads: 1).Dispose();
        });
    }

    [Theory]
    [InlineData(ExportPrecision.Fp32)]
    [InlineData(ExportPrecision.Int8)]
    public void Check_CutFiles_AreRefused(ExportPrecision precision)
    {
        byte[] whole = TinyOnnx.File(precision);
        OnnxStructure.Check(whole, "x.onnx");
        int read = 0;
        for (int length = 0; length < whole.Length; length++)
        {
            try
            {
                OnnxStructure.Check(whole.AsSpan(0, length), "x.onnx");
                read++; // cut between two entries of the metadata, which come last
            }
            catch (WclUsageException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
        Assert.InRange(read, 1, 8);
    }

    [Fact]
    public void Load_WhatExportDoesNotWrite_IsRefusedBeforeItIsRead()
    {
        Refused("operator \"Loop\"", graph => graph.Node("Loop", "x", [OnnxFacts.Pixels]));
        Refused("operator \"Expand\"", graph => graph.Node("Expand", "x", [OnnxFacts.Pixels]));
        Refused("attribute \"dilations\"", graph => graph.Node("Conv", "x", [OnnxFacts.Pixels], ("dilations", new long[] { 1, 1 })));
        Refused("\"strides\" is out of range", graph => graph.Node("MaxPool", "x", [OnnxFacts.Pixels], ("strides", new long[] { 0, 1 })));
        Refused("\"pads\" is out of range", graph => graph.Node("MaxPool", "x", [OnnxFacts.Pixels], ("pads", new long[] { 1, 1, 1 << 30, 1 })));
        Refused("\"axis\" is out of range", graph => graph.Node("Flatten", "x", [OnnxFacts.Pixels], ("axis", -1L)));
        Refused("an operator takes \"nothing\", which is not there before it", graph => graph.Node("Relu", "x", ["nothing"]));
        // ONNX Runtime would compute 20,000 x 20,000 numbers of it while it loads the file.
        Refused("\"Add\" of weights alone", graph =>
        {
            graph.Weight("a", [20_000, 1], new float[20_000]);
            graph.Weight("b", [1, 20_000], new float[20_000]);
            graph.Node("Add", "x", ["a", "b"]);
        });
        Refused("\"Gemm\" of weights alone", graph =>
        {
            graph.Weight("a", [2, 1], new float[2]);
            graph.Node("Cast", "b", ["a"], ("to", 1L));
            graph.Node("Gemm", "x", ["b", "b"], ("transB", 1L));
        });
        Refused("makes more of its weights", graph =>
        {
            graph.Weight("w", [4096], new float[4096]);
            for (int i = 0; i < 100; i++) graph.Node("Cast", $"w{i}", [i == 0 ? "w" : $"w{i - 1}"], ("to", 10L));
        });
        Refused("weights of 8 bytes whose shape asks for 4000000", graph => graph.Weight("w", [1000, 1000], new float[2]));
        Refused("an impossible shape", graph => graph.Weight("w", [long.MaxValue, 4], new float[2]));
        Refused("an impossible shape", graph => graph.Weight("w", [-1], new float[2]));
        Refused("asks for", graph => graph.Weight("w", [1 << 24, 1 << 24, 1 << 24, 1 << 24], new float[2]));
        // A weight whose bytes are in another file: field 13 says which.
        var elsewhere = new ProtoMessage().Add(7, new ProtoMessage().Add(5, new ProtoMessage().Add(1, 4).Add(2, 1).Add(8, "w")
            .Add(13, new ProtoMessage().Add(1, "location").Add(2, "/etc/hostname")).Add(14, 1)));
        using var stream = new MemoryStream();
        elsewhere.WriteTo(stream);
        Assert.Contains("a weight has a field 13", Message(stream.ToArray()), StringComparison.Ordinal);
        Assert.Contains("it is empty", Message([]), StringComparison.Ordinal);

        void Refused(string message, Action<OnnxGraph> add)
        {
            var graph = new OnnxGraph();
            graph.Input(OnnxFacts.Pixels, [3, 8, 8], "");
            add(graph);
            using var stream = new MemoryStream();
            graph.ToModel("odd", OnnxFiles.Metadata()).WriteTo(stream);
            Assert.Contains(message, Message(stream.ToArray()), StringComparison.Ordinal);
        }

        string Message(byte[] content)
        {
            string path = Path.Combine(folder, "odd.onnx");
            File.WriteAllBytes(path, content);
            return Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(path)).Message;
        }
    }

    private static void Fuzz<T>(string kind, Func<uint, T> damaged, Action<T> use)
    {
        int read = 0;
        long resident = 0;
        NumberedInputs.Each(kind, Files, Longest, i =>
        {
            var input = damaged(i);
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            try
            {
                use(input);
                read++;
            }
            catch (WclUsageException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                Assert.InRange(e.Message.Length, 1, 2000);
            }
            catch (Exception e)
            {
                Assert.Fail($"Number {i} of kind {kind} ended in {e}");
            }
            if (i == 0) resident = Environment.WorkingSet; // libraries are loaded
            else Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
            Assert.True(Stopwatch.GetElapsedTime(start) < Longest, $"Number {i} of kind {kind} took {Stopwatch.GetElapsedTime(start)}");
        });
        Assert.InRange(Environment.WorkingSet - resident, long.MinValue, MostResidentBytes);
        Assert.InRange(read, 1, Files - 1); // a weight that is another one is not seen
    }

    /// <summary>Bytes changed, mostly; taken out, doubled or cut off, which breaks lengths and is noticed soon.</summary>
    private static byte[] DamageBytes(byte[] whole, uint file)
    {
        var random = new CounterRandom(1, RandomPurpose.Evaluation);
        List<byte> bytes = [.. whole];
        byte[] telling = [0, 1, 2, 3, 4, 6, 7, 10, 11, 16, 0x7F, 0x80, 0xFF];
        uint changes = 1 + random.Words(0, file, 0, 0).A % 4;
        for (uint change = 1; change <= changes && bytes.Count > 0; change++)
        {
            var (kind, at, value, length) = random.Words(0, file, 0, change);
            int place = (int)(at % (uint)bytes.Count), span = Math.Min(bytes.Count - place, 1 + (int)(length % 16));
            switch (kind % 16)
            {
                case 0: bytes.RemoveRange(place, span); break;
                case 1: bytes.InsertRange(place, bytes.GetRange(place, span)); break;
                case 2: bytes.RemoveRange(place, bytes.Count - place); break;
                case < 7: bytes[place] = (byte)value; break;
                case < 12: bytes[place] ^= (byte)(1 << (int)(value % 8)); break;
                default: bytes[place] = telling[value % (uint)telling.Length]; break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Entries with characters or numbers of their keys and values changed, taken out, doubled; or without an entry.</summary>
    private static Dictionary<string, string> DamageText(Dictionary<string, string> whole, uint number)
    {
        var random = new CounterRandom(2, RandomPurpose.Evaluation);
        string[] telling = ["-1", "0", "1", "2147483648", "99999999999999999999", "1e3", " 32", "+32", "\u0663\u0662", "null", "[]", "[1]", "{}", "[[[[", "\"", "\n", "\0", "\ud800", "\uffff", new('[', 5000), new('9', 3000)];
        var result = new Dictionary<string, string>();
        foreach (var (entry, (key, value)) in whole.Index())
        {
            var (fate, _, _, _) = random.Words(0, number, 0, (uint)(4 * entry));
            if (fate % 64 == 0) continue;
            result[fate % 32 == 1 ? Changed(key, (uint)(4 * entry + 1)) : key] = fate % 3 == 0 ? Changed(value, (uint)(4 * entry + 2)) : value;
        }
        return result;

        string Changed(string text, uint draw)
        {
            var (kind, at, value, length) = random.Words(0, number, 1, draw);
            var changed = new StringBuilder(text);
            int place = (int)(at % (uint)(text.Length + 1)), span = Math.Min(text.Length - place, 1 + (int)(length % 8));
            switch (kind % 6)
            {
                case 0: changed.Remove(place, span); break;
                case 1: changed.Insert(place, text.Substring(place, span)); break;
                case 2: changed.Insert(place, telling[value % (uint)telling.Length]); break;
                case 3: return telling[value % (uint)telling.Length];
                case 4: changed.Insert(place, (char)value); break;
                default:
                    if (place < text.Length) changed[place] = (char)(value % 256);
                    break;
            }
            return changed.ToString();
        }
    }
}
