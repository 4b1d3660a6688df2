using System.Buffers.Binary;
using System.Security.Cryptography;
using WclSharp.Inference;
using WclSharp.Randomness;

namespace WclSharp.Tests.Inference;

/// <summary>Damaged indexes are read or refused in one line, soon and without allocating more than a file of their size can need. WCLSHARP_FUZZ is the number of files of each kind (1,000 if not set).</summary>
public sealed class ImageIndexDamageTests : IDisposable
{
    private const long MostBytes = 4 << 20; // of a file of less than a kilobyte
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly int Files = int.TryParse(Environment.GetEnvironmentVariable("WCLSHARP_FUZZ"), out int count) ? count : 1000;
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-index-fuzz-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // With the checksum made right again, so that every other check is reached.
    [Theory]
    [InlineData(IndexFormat.Float32, false)]
    [InlineData(IndexFormat.Float32, true)]
    [InlineData(IndexFormat.Fp16, true)]
    [InlineData(IndexFormat.Int8, true)]
    public void Open_DamagedFiles_AreReadOrRefused(IndexFormat format, bool repaired)
    {
        byte[] whole = Whole(format);
        var random = new CounterRandom(1, RandomPurpose.Evaluation);
        int read = 0;
        Use(whole); // what types allocate at their first use does not count
        NumberedInputs.Each($"{format}", Files, Longest, i =>
        {
            byte[] damaged = Damage(whole, random, i, repaired);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Use(damaged);
                read++;
            }
            catch (WclUsageException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"File {i} ended in {e}");
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        });
        Assert.InRange(read, 1, Files - 1); // changed names and numbers are not seen
    }

    [Theory]
    [InlineData("is not an index", 0, 88)]
    [InlineData("has version 258", 9, 1)]
    [InlineData("checksum", 100, 88)]
    [InlineData("should have", 24, 77)]
    [InlineData("vectors of 0 numbers", 16, 0)]
    [InlineData("number format 9", 12, 9)]
    public void Open_ADamagedFile_SaysWhatIsWrong(string message, int place, int value)
    {
        byte[] bytes = Whole(IndexFormat.Float32);
        bytes[place] = (byte)value;
        if (place == 9) bytes[8] = 2;
        Assert.Contains(message, Assert.Throws<WclUsageException>(() => Use(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_OtherFiles_AreRefused()
    {
        Assert.Contains("There is no file", Assert.Throws<WclUsageException>(() => ImageIndex.Open(Path.Combine(folder, "none"))).Message, StringComparison.Ordinal);
        Assert.Contains("is not an index", Assert.Throws<WclUsageException>(() => Use([])).Message, StringComparison.Ordinal);
        Assert.Contains("it ends after 8 bytes", Assert.Throws<WclUsageException>(() => Use([.. "WCLINDEX"u8])).Message, StringComparison.Ordinal);
        byte[] whole = Whole(IndexFormat.Int8);
        for (int length = 1; length < whole.Length; length += 7) Assert.Throws<WclUsageException>(() => Use(whole[..length]));
        Assert.Throws<WclUsageException>(() => Use([.. whole, 0]));
    }

    [Fact]
    public void Search_ARowThatIsNotANumber_IsRefused()
    {
        byte[] bytes = Whole(IndexFormat.Float32);
        int rowsAt = (IndexHeader.Bytes + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(20)) + 63) / 64 * 64;
        BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(rowsAt + 5 * 4), float.NaN); // the second row
        Assert.Contains("row 1 is not of unit length", Assert.Throws<WclUsageException>(() => Use(bytes)).Message, StringComparison.Ordinal);
    }

    private void Use(byte[] bytes)
    {
        string path = Path.Combine(folder, "damaged");
        File.WriteAllBytes(path, bytes);
        using var index = ImageIndex.Open(path, threads: 1);
        if (index.FeatureSize <= 1024) index.Search(new float[index.FeatureSize].Select((_, i) => 1f + i).ToArray(), 3);
        for (int row = 0; row < Math.Min(index.Count, 10); row++) _ = index.NameOf(row) + index.LabelOf(row);
    }

    private byte[] Whole(IndexFormat format)
    {
        string path = Path.Combine(folder, "whole");
        using (var writer = new ImageIndexWriter(path, 5, format, new Dictionary<string, string> { ["model"] = "encoder.onnx" }))
        {
            for (int i = 0; i < 6; i++) writer.Add($"image {i}", i % 2 == 0 ? null : "odd", [i, 1, 2, 3, -i]);
            writer.Complete();
        }
        return File.ReadAllBytes(path);
    }

    /// <summary>Bytes changed, taken out, doubled or cut off; or a number of the header, of the offsets or anywhere replaced by a telling one.</summary>
    private static byte[] Damage(byte[] whole, CounterRandom random, uint file, bool repaired)
    {
        List<byte> bytes = [.. whole];
        long[] numbers = [-1, 0, 1, 7, int.MaxValue, 1L << 32, long.MaxValue, long.MinValue, 1 << 20];
        uint changes = 1 + random.Words(0, file, 0, 0).A % 3;
        for (uint change = 1; change <= changes && bytes.Count > 0; change++)
        {
            var (kind, at, value, length) = random.Words(0, file, 0, change);
            int place = (int)(at % (uint)bytes.Count), span = Math.Min(bytes.Count - place, 1 + (int)(length % 16));
            switch (kind % 8)
            {
                case 0: bytes[place] = (byte)value; break;
                case 1: bytes[place] ^= (byte)(1 << (int)(value % 8)); break;
                case 2: bytes.RemoveRange(place, span); break;
                case 3: bytes.InsertRange(place, bytes.GetRange(place, span)); break;
                case 4: bytes.RemoveRange(place, bytes.Count - place); break;
                case 5: Put(8 + 4 * (int)(at % 4), BitConverter.GetBytes((int)numbers[value % numbers.Length])); break;
                case 6: Put(24 + 8 * (int)(at % 3), BitConverter.GetBytes(numbers[value % numbers.Length])); break;
                default: Put(place / 8 * 8, BitConverter.GetBytes(numbers[value % numbers.Length])); break;
            }
        }
        byte[] result = [.. bytes];
        if (!repaired || result.Length < IndexHeader.Bytes) return result;

        // The length that the file has, and the checksum of what it claims.
        BinaryPrimitives.WriteInt64LittleEndian(result.AsSpan(40), result.Length);
        int metadata = BinaryPrimitives.ReadInt32LittleEndian(result.AsSpan(20));
        if (metadata < 0 || metadata > result.Length - IndexHeader.Bytes) return result;
        SHA256.HashData([.. result[..64], .. result[IndexHeader.Bytes..(IndexHeader.Bytes + metadata)]]).CopyTo(result, 64);
        return result;

        void Put(int place, byte[] by)
        {
            for (int i = 0; i < by.Length && place + i < bytes.Count; i++) bytes[place + i] = by[i];
        }
    }
}
