using System.Buffers.Binary;
using WclSharp.Inference;
using WclSharp.Randomness;

namespace WclSharp.Tests.Inference;

public sealed class ImageIndexTests : IDisposable
{
    private static readonly CounterRandom Random = new(5, RandomPurpose.Evaluation);
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-index-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Writer_OfNoFormatOrAFolder_IsRefused_BeforeAnythingIsWritten()
    {
        Assert.Throws<ArgumentOutOfRangeException>("format", () => new ImageIndexWriter(FileOf("x.index"), 4, (IndexFormat)9));
        Assert.Contains("is a folder; name a file", Assert.Throws<WclUsageException>(() => new ImageIndexWriter(folder, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("path", () => new ImageIndexWriter(null!, 4));
        Assert.Throws<ArgumentException>("path", () => new ImageIndexWriter("", 4));
        Assert.Throws<ArgumentNullException>("path", () => ImageIndex.Open(null!));
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    private string FileOf(string name) => Path.Combine(folder, name);

    [Theory]
    [InlineData(IndexFormat.Float32, 1, 1)]
    [InlineData(IndexFormat.Float32, 500, 37)]
    [InlineData(IndexFormat.Float32, 20_000, 128)]
    [InlineData(IndexFormat.Fp16, 1, 3)]
    [InlineData(IndexFormat.Fp16, 500, 37)]
    [InlineData(IndexFormat.Fp16, 20_000, 128)]
    [InlineData(IndexFormat.Int8, 1, 3)]
    [InlineData(IndexFormat.Int8, 500, 37)]
    [InlineData(IndexFormat.Int8, 500, 1100)]
    [InlineData(IndexFormat.Int8, 20_000, 128)]
    public void Search_FindsWhatASlowLoopFinds(IndexFormat format, int count, int size)
    {
        float[][] rows = [.. Enumerable.Range(0, count).Select(row => Vector(0, row, size))];
        string path = Write(format, rows);
        using var index = ImageIndex.Open(path);
        Assert.Equal((count, size, format), (index.Count, index.FeatureSize, index.Format));
        Assert.Throws<OperationCanceledException>(() => index.Search(Vector(1, 0, size), 1, new CancellationToken(canceled: true)));
        float[][] stored = [.. rows.Select(row => Stored(format, row))];
        int k = Math.Min(10, count);
        for (int query = 0; query < 5; query++)
        {
            float[] vector = Vector(1, query, size);
            double[] expected = [.. stored.Select(row => Dot(Unit(vector), row))], exact = [.. rows.Select(row => Dot(Unit(vector), Unit(row)))];
            int[] order = [.. Enumerable.Range(0, count).OrderByDescending(row => expected[row]).ThenBy(row => row).Take(k)];
            var hits = index.Search(vector, k);
            Assert.Equal(k, hits.Count);
            for (int i = 0; i < k; i++)
            {
                var hit = hits[i];
                // Two cosines that differ by less than the rounding of the sum may change places; float32's do not here.
                if (format == IndexFormat.Float32) Assert.Equal(order[i], hit.Row);
                Assert.Equal(expected[order[i]], hit.Cosine, format == IndexFormat.Int8 ? 3e-5 : 1e-6); // the query's 16 bits; float32
                Assert.Equal(expected[hit.Row], hit.Cosine, format == IndexFormat.Int8 ? 3e-5 : 1e-6);
                Assert.Equal(exact[hit.Row], hit.Cosine, format switch { IndexFormat.Float32 => 1e-6, IndexFormat.Fp16 => 5e-4, _ => 1e-2 });
                Assert.InRange(hit.Cosine, -1, 1);
                Assert.Equal(($"image {hit.Row}", hit.Row % 2 == 0 ? null : "odd"), (hit.Name, hit.Label));
            }
        }
    }

    [Theory]
    [InlineData(IndexFormat.Float32)]
    [InlineData(IndexFormat.Fp16)]
    [InlineData(IndexFormat.Int8)]
    public void Search_EqualRows_ComeInTheirOrder_WhateverTheThreads(IndexFormat format)
    {
        // Several blocks of a megabyte each, and an odd length, so that equal rows lie at all alignments.
        const int Count = 9000, Size = 301;
        float[][] kinds = [.. Enumerable.Range(0, 3).Select(kind => Vector(2, kind, Size))];
        string path = Write(format, [.. Enumerable.Range(0, Count).Select(row => kinds[row % 3])]);
        SearchHit[]? first = null;
        foreach (int threads in (int[])[1, 2, 3, 8])
        {
            using var index = ImageIndex.Open(path, threads);
            foreach (int k in (int[])[1, 7, 3000, 4000])
            {
                var hits = index.Search(kinds[1], k);
                Assert.Equal(Enumerable.Range(0, Math.Min(k, 3000)).Select(i => 3 * i + 1), hits.Take(3000).Select(hit => hit.Row));
                if (k != 4000) continue;
                first ??= [.. hits];
                Assert.Equal(first, hits);
            }
        }
    }

    [Fact]
    public void Search_MoreThanThereAre_GivesAll()
    {
        string path = Write(IndexFormat.Float32, [[1, 0], [0, 2], [-3, 0]]);
        using var index = ImageIndex.Open(path);
        Assert.Equal([(1, 1f), (0, 0f), (2, 0f)], index.Search([0, 5], int.MaxValue).Select(hit => (hit.Row, hit.Cosine)));
        Assert.Equal([0, 1, 2], index.Search([0, 0], 3).Select(hit => hit.Row)); // of zeros: nothing is nearer
    }

    [Theory]
    [InlineData(IndexFormat.Float32)]
    [InlineData(IndexFormat.Fp16)]
    [InlineData(IndexFormat.Int8)]
    public void Write_RowsOfZerosAndTinyNumbers_AreKept(IndexFormat format)
    {
        string path = Write(format, [[0, 0, 0], [1e-30f, 0, 0], [1e30f, 0, 1e23f], [1, 1e-7f, 0]]);
        using var index = ImageIndex.Open(path);
        var hits = index.Search([1, 0, 0], 4);
        Assert.Equal([1, 2, 3, 0], hits.Select(hit => hit.Row));
        Assert.Equal([1f, 1f, 1f, 0f], hits.Select(hit => hit.Cosine), (a, b) => Math.Abs(a - b) < 1e-6);
        // Plain halves hold such a number to a few bits only.
        if (format == IndexFormat.Fp16) Assert.Equal(1e-7, index.Search([0, 1, 0], 1)[0].Cosine, 1e-9);
    }

    [Fact]
    public void Texts_OfAnyKind_ComeBack()
    {
        (string Name, string? Label)[] texts = [("a, \"b\"\n.png", "x,y"), ("", null), ("猫/ü 🐈.jpg", ""), (new string('n', 70_000), "ß")];
        string path = FileOf("t");
        var metadata = new Dictionary<string, string> { ["model"] = "ö \"x\"", ["empty"] = "" };
        using (var writer = new ImageIndexWriter(path, 1, metadata: metadata))
        {
            foreach (var (name, label) in texts) writer.Add(name, label, [1]);
            writer.Complete();
        }
        using var index = ImageIndex.Open(path);
        Assert.Equal(metadata, index.Metadata);
        Assert.Equal(texts, Enumerable.Range(0, 4).Select(row => (index.NameOf(row), index.LabelOf(row))));
        Assert.Throws<ArgumentOutOfRangeException>(() => index.NameOf(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => index.LabelOf(-1));
    }

    [Fact]
    public void Write_NoRows_IsAnEmptyIndex()
    {
        string path = Write(IndexFormat.Int8, [], size: 4);
        using var index = ImageIndex.Open(path);
        Assert.Equal(0, index.Count);
        Assert.Empty(index.Search([1, 2, 3, 4], 3));
    }

    [Theory]
    [InlineData(0, 7, 0), InlineData(1, 7, 1), InlineData(7, 7, 1), InlineData(8, 7, 2), InlineData(int.MaxValue, 209_715, 10_241)]
    public void Search_LooksAtEveryRow_OfAsManyAsThereCanBe(int rows, int blockRows, int blocks) => Assert.Equal(blocks, IndexScan.BlocksOf(rows, blockRows));

    [Fact]
    public void Search_WrongVectors_AreRefused()
    {
        string path = Write(IndexFormat.Float32, [[1, 0], [0, 1]]);
        using var index = ImageIndex.Open(path);
        Assert.Contains("3 numbers", Assert.Throws<ArgumentException>(() => index.Search([1, 2, 3], 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => index.Search([1, float.NaN], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => index.Search([1, 2], 0));
        using var writer = new ImageIndexWriter(FileOf("w"), 2);
        Assert.Throws<ArgumentException>(() => writer.Add("a", null, [1]));
        Assert.Contains("not finite", Assert.Throws<WclException>(() => writer.Add("a", null, [1, float.PositiveInfinity])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageIndexWriter(FileOf("w"), 0));
    }

    [Fact]
    public void RequireModel_AnotherFileOrAnotherContent_IsRefused()
    {
        string model = FileOf("m.onnx"), other = FileOf("n.onnx");
        File.WriteAllText(model, "one");
        File.WriteAllText(other, "two");
        using (var index = ImageIndex.Open(Write(IndexFormat.Float32, [[1, 0]]))) index.RequireModel(model); // it does not say what made it
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("one"u8)), path = FileOf("made.index");
        using (var writer = new ImageIndexWriter(path, 2, metadata: new Dictionary<string, string> { ["model"] = model, ["model_sha256"] = hash })) writer.Complete();

        using var made = ImageIndex.Open(path);
        made.RequireModel(model);
        Assert.Equal($"'{path}' was made with another model than '{other}' ({model}); name that one, or index the images anew.", Refusal(other));
        File.Copy(model, other, overwrite: true); // the same, elsewhere
        made.RequireModel(other);
        File.WriteAllText(model, "trained again");
        Assert.Equal($"'{model}' has changed since '{path}' was made with it; index the images anew.", Refusal(model));
        Assert.Contains("cannot be read", Refusal(FileOf("none.onnx")), StringComparison.Ordinal);

        string Refusal(string file) => Assert.Throws<WclUsageException>(() => made.RequireModel(file)).Message;
    }

    [Theory]
    [InlineData(IndexFormat.Float32), InlineData(IndexFormat.Fp16), InlineData(IndexFormat.Int8)]
    public void Search_ACosineThatRoundingCannotMake_IsRefused(IndexFormat format)
    {
        string path = Write(format, [.. Enumerable.Range(0, 50).Select(row => Vector(5, row, 128))]);
        using (var whole = ImageIndex.Open(path)) Assert.InRange(whole.Search(Vector(5, 3, 128), 1)[0].Cosine, 0.99f, 1.01f);
        // Twice each number of a row: its cosine with itself is 2. The exponent is one more; int8 has it in the row's scale.
        byte[] bytes = File.ReadAllBytes(path);
        using (var file = File.OpenRead(path))
        {
            var header = IndexHeader.Read(file, path);
            var (width, high, one) = format switch { IndexFormat.Float32 => (4, 2, 0x80), IndexFormat.Fp16 => (2, 0, 0x400), _ => (header.Stride, 2, 0x80) };
            for (int at = (int)header.RowsAt + 7 * header.Stride; at < (int)header.RowsAt + 8 * header.Stride; at += width)
            {
                var half = bytes.AsSpan(at + high);
                BinaryPrimitives.WriteUInt16LittleEndian(half, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(half) + one));
            }
        }
        File.WriteAllBytes(path, bytes);
        using var damaged = ImageIndex.Open(path);
        Assert.Contains("row 7 is not of unit length", Assert.Throws<WclUsageException>(() => damaged.Search(Vector(5, 7, 128), 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Search_WhileDisposed_EndsWithItsNames()
    {
        string path = Write(IndexFormat.Float32, [.. Enumerable.Range(0, 20_000).Select(row => Vector(6, row, 4))]);
        for (int turn = 0; turn < 20; turn++)
        {
            var index = ImageIndex.Open(path, threads: 1);
            using var begun = new ManualResetEventSlim();
            var search = Task.Run(() =>
            {
                begun.Set();
                return index.Search([1, 2, 3, 4], 20_000);
            });
            begun.Wait();
            await Task.Delay(turn, TestContext.Current.CancellationToken);
            index.Dispose();
            try
            {
                Assert.Equal(20_000, (await search).Count);
            }
            catch (ObjectDisposedException e)
            {
                Assert.Equal(typeof(ImageIndex).FullName, e.ObjectName); // it had not begun
            }
            Assert.Throws<ObjectDisposedException>(() => index.Search([1, 2, 3, 4], 1));
        }
    }

    [Fact]
    public void Search_ByManyThreads_WhileDisposed_GivesTheSameOrSaysSo()
    {
        float[][] rows = [.. Enumerable.Range(0, 4000).Select(row => Vector(0, row, 64))];
        var index = ImageIndex.Open(Write(IndexFormat.Fp16, rows), threads: 2);
        var expected = Enumerable.Range(0, 8).Select(query => index.Search(Vector(1, query, 64), 5)).ToArray();
        int searched = 0, refused = 0;
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            try
            {
                Assert.Equal(expected[i % 8], index.Search(Vector(1, i % 8, 64), 5));
                if (Interlocked.Increment(ref searched) == 200) index.Dispose();
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref refused);
            }
        });
        Assert.Equal(400, searched + refused);
        Assert.True(searched >= 200);
    }

    [Fact]
    public void Dot_OfIntegers_IsTheSameOnEveryPath()
    {
        for (int size = 1; size <= 512; size += size < 70 ? 1 : 49)
        {
            short[] query = [.. Vector(3, size, size).Select(value => (short)(value * 65_534))];
            sbyte[] row = [.. Vector(4, size, size).Select(value => (sbyte)(value * 254))];
            long expected = query.Zip(row, (a, b) => (long)a * b).Sum();
            Assert.Equal(expected, IndexRow.RunAnywhere(query, row));
            Assert.Equal(expected, IndexRow.DotInt8(query, row));
        }

        // The largest sum that a run may have, and one of several runs.
        short[] most = [.. Enumerable.Repeat((short)32767, 1300)];
        sbyte[] full = [.. Enumerable.Repeat((sbyte)-127, 1300)];
        Assert.Equal(-1300L * 32767 * 127, IndexRow.DotInt8(most, full));
        Assert.Equal(-512 * 32767 * 127, IndexRow.RunAnywhere(most.AsSpan(0, 512), full.AsSpan(0, 512)));
    }

    [Fact]
    public void Dot_OfHalves_TakesEveryFiniteOne()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var half = BitConverter.UInt16BitsToHalf((ushort)bits);
            if (!Half.IsFinite(half)) continue;
            float expected = (float)half / 1024;
            short[] row = [(short)bits, .. new short[63], (short)bits];
            float[] query = new float[65];
            query[64] = 1; // behind the vectors
            Assert.Equal(expected, IndexRow.DotHalf(IndexRow.HalfQuery(query), row));
            (query[0], query[64]) = (1, 0);
            Assert.Equal(expected, IndexRow.DotHalf(IndexRow.HalfQuery(query), row));
        }
    }

    private string Write(IndexFormat format, float[][] rows, int size = 0)
    {
        string path = FileOf(format.ToString());
        using var writer = new ImageIndexWriter(path, size > 0 ? size : rows[0].Length, format);
        for (int row = 0; row < rows.Length; row++) writer.Add($"image {row}", row % 2 == 0 ? null : "odd", rows[row]);
        writer.Complete();
        return path;
    }

    /// <summary>Uniform from -0.5 to 0.5.</summary>
    private static float[] Vector(uint kind, int row, int size) =>
        [.. Enumerable.Range(0, size).Select(i => Random.Uniforms(kind, (uint)row, 0, (uint)i).A - 0.5f)];

    private static double[] Unit(float[] vector)
    {
        double factor = 1 / Math.Sqrt(vector.Sum(value => (double)value * value));
        return [.. vector.Select(value => value * factor)];
    }

    /// <summary>The numbers that a format keeps of a vector, from its definition.</summary>
    private static float[] Stored(IndexFormat format, float[] vector)
    {
        float[] unit = [.. Unit(vector).Select(value => (float)value)];
        float scale = unit.Max(Math.Abs) / 127;
        return format switch
        {
            IndexFormat.Float32 => unit,
            IndexFormat.Fp16 => [.. unit.Select(value => (float)(Half)(1024 * value) / 1024)],
            _ => [.. Unit([.. unit.Select(value => MathF.Round(value / scale))]).Select(value => (float)value)],
        };
    }

    private static double Dot(double[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
