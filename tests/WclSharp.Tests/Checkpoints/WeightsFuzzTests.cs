using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Checkpoints.PyTorch;
using WclSharp.Randomness;
using WclSharp.Tests.Checkpoints.PyTorch;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints;

/// <summary>
/// Damaged weights: whatever a file holds, it is read or refused in one line, soon and without allocating more than a file of its size can need. WCLSHARP_FUZZ is the number of files of each
/// kind (1,000 if not set).
/// </summary>
public sealed class WeightsFuzzTests : IDisposable
{
    private const long MostBytes = 32 << 20; // of a file of a few hundred bytes: what the runtime and the first use of a type allocate is in it
    private const long MostResidentBytes = 512 << 20; // over all files: tensors and what libraries take are not in the number above
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10); // a file takes a millisecond; a machine may be busy
    private static readonly int Files = int.TryParse(Environment.GetEnvironmentVariable("WCLSHARP_FUZZ"), out int count) ? count : 1000;
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-fuzz-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Safetensors_Damaged_AreReadOrRefused() => Fuzz("safetensors", WholeSafetensors(), bytes => bytes, Numbers);

    [Fact]
    public void PyTorchArchives_Damaged_AreReadOrRefused() => Fuzz("archive", Archive(TinyPickles.OneTensor(4, 4, 1, 0)), bytes => bytes, []);

    [Fact]
    public void Pickles_Damaged_AreReadOrRefused() => Fuzz("pickle", TinyPickles.OneTensor(4, 4, 1, 0), Archive, []);

    [Theory]
    [InlineData("tiny-legacy.pth")]
    [InlineData("tiny-legacy4.pth")]
    public void OldPyTorchFiles_Damaged_AreReadOrRefused(string file) =>
        Fuzz(file, File.ReadAllBytes(FixtureFiles.PyTorch(file)), bytes => bytes, []);

    // What stands in for a number in a header.
    private static readonly string[] Numbers = ["-1", "0", "1", "9223372036854775807", "4294967296", "1e300", "null", "[]", "\"a\"", "{}"];

    private void Fuzz(string kind, byte[] whole, Func<byte[], byte[]> wrap, string[] numbers)
    {
        string path = Path.Combine(folder, kind);
        var random = new CounterRandom(1, RandomPurpose.Evaluation);
        int read = 0;
        long resident = 0;
        NumberedInputs.Each(kind, Files, Longest, i =>
        {
            File.WriteAllBytes(path, wrap(Damage(whole, random, i, numbers)));
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            try
            {
                WeightsFile.Read(path).Dispose();
                read++;
            }
            catch (WclUsageException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"File {i} of kind {kind} ended in {e}");
            }

            Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, Longest);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
            if (i == 0) resident = Environment.WorkingSet; // libraries are loaded
            Assert.InRange(Environment.WorkingSet - resident, long.MinValue, MostResidentBytes);
        });

        Assert.True(read < Files, "No file was refused, so none was damaged.");
        Assert.True(read > Files / 100, $"Of {Files} files {read} were read, so what comes after the first look was hardly tried.");
    }

    /// <summary>A few bytes changed, taken out, doubled or cut off; or a number of the text replaced.</summary>
    private static byte[] Damage(byte[] whole, CounterRandom random, uint file, string[] numbers)
    {
        List<byte> bytes = [.. whole];
        uint changes = 1 + random.Words(0, file, 0, 0).A % 4;
        for (uint change = 1; change <= changes && bytes.Count > 0; change++)
        {
            var (kind, at, value, length) = random.Words(0, file, 0, change);
            int place = (int)(at % (uint)bytes.Count), span = Math.Min(bytes.Count - place, 1 + (int)(length % 16));
            switch (kind % 6)
            {
                case 0: bytes[place] = (byte)value; break;
                case 1: bytes[place] ^= (byte)(1 << (int)(value % 8)); break;
                case 2: bytes.RemoveRange(place, span); break;
                case 3: bytes.InsertRange(place, bytes.GetRange(place, span)); break;
                case 4: bytes.RemoveRange(place, bytes.Count - place); break;
                default: ReplaceNumber(bytes, place, numbers.Length == 0 ? "\u00FF\u00FF" : numbers[value % numbers.Length]); break;
            }
        }

        return [.. bytes];
    }

    private static void ReplaceNumber(List<byte> bytes, int from, string by)
    {
        int start = bytes.FindIndex(from, b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0) return;
        int end = start;
        while (end < bytes.Count && bytes[end] is >= (byte)'0' and <= (byte)'9') end++;
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Encoding.Latin1.GetBytes(by));
    }

    private byte[] WholeSafetensors()
    {
        using var scope = NewDisposeScope();
        string path = Path.Combine(folder, "whole");
        SafetensorsFile.Write(path, [("a", ones(2, 3)), ("b", tensor(7L)), ("c", zeros(0, 2))], new Dictionary<string, string> { ["arch"] = "resnet18" });
        return File.ReadAllBytes(path);
    }

    private static byte[] Archive(byte[] pickle)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using (var entry = archive.CreateEntry("a/data.pkl", CompressionLevel.NoCompression).Open()) entry.Write(pickle);
            using (var entry = archive.CreateEntry("a/data/0", CompressionLevel.NoCompression).Open()) entry.Write(new byte[16]);
        }

        return stream.ToArray();
    }
}
