using SkiaSharp;
using WclSharp.Inference;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Inference;

public sealed class OnnxEncoderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-onnx-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Embed_OneOrMany_FilesOrBytes_AreTheSame()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        Assert.Equal((3, 32, 0), (encoder.FeatureSize, encoder.ImageSize, encoder.ClassNames.Count));
        byte[][] files = [.. Enumerable.Range(0, 150).Select(i => ImageFiles.Skia(SKEncodedImageFormat.Png, 16 + i % 5, 16 + i % 7))];
        string[] paths = [.. files.Select((_, i) => Path.Combine(folder, $"{i}.png"))];
        for (int i = 0; i < files.Length; i++) File.WriteAllBytes(paths[i], files[i]);

        var ofPaths = encoder.Embed(paths);
        var ofBytes = encoder.Embed([.. files.Select(file => (ReadOnlyMemory<byte>)file)]);
        Assert.Equal(files.Length, ofPaths.Length);
        for (int i = 0; i < files.Length; i++)
        {
            Assert.Equal(encoder.Embed(paths[i]), ofPaths[i]);
            Assert.Equal(encoder.Embed(files[i].AsSpan()), ofBytes[i]);
            Assert.Equal(ofPaths[i], ofBytes[i]);
        }

        // A quarter each of red, green, blue and white.
        Assert.All(ofPaths[0], mean => Assert.Equal(127.5, mean, 1));
        Assert.Empty(encoder.Embed(Array.Empty<string>()));
    }

    [Fact]
    public void Prepare_IsWhatTheNetworkSees()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        string path = Path.Combine(folder, "p.png");
        File.WriteAllBytes(path, ImageFiles.Skia(SKEncodedImageFormat.Png, 19, 23));
        float[] pixels = encoder.Prepare(path), features = encoder.Embed(path);
        Assert.Equal(pixels, encoder.Prepare(File.ReadAllBytes(path).AsSpan()));
        Assert.Equal(3 * 32 * 32, pixels.Length);
        for (int c = 0; c < 3; c++) Assert.Equal(features[c], pixels[(c * 1024)..((c + 1) * 1024)].Average(), 1e-3);
        // Corners of the red, green, blue and white quarters.
        Assert.Equal([255f, 0, 0, 255], new[] { 0, 31, 1024 - 32, 1023 }.Select(at => MathF.Round(pixels[at])));
        Assert.Equal([0f, 255, 0, 255], new[] { 0, 31, 1024 - 32, 1023 }.Select(at => MathF.Round(pixels[1024 + at])));

        File.WriteAllText(path, "no image");
        Assert.Contains("p.png' cannot be read as an image", Assert.Throws<UnreadableImageException>(() => encoder.Prepare(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Embed_AfterDispose_SaysSo_AlsoOfNoImage()
    {
        var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(Array.Empty<string>()));
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed("no image there")); // which is not the image's fault
        Assert.Throws<ObjectDisposedException>(() => encoder.Prepare("no image there"));
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(Array.Empty<ReadOnlyMemory<byte>>()));
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(ImageFiles.Skia(SKEncodedImageFormat.Png, 19, 23).AsSpan()));
        Assert.Throws<ArgumentNullException>("path", () => OnnxEncoder.Load(null!));
    }

    [Fact]
    public void Embed_SeveralThreads_IsThatOfOne()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        byte[][] files = [.. Enumerable.Range(2, 30).Select(i => ImageFiles.Skia(SKEncodedImageFormat.Png, i, 31))];
        float[][] expected = [.. files.Select(file => encoder.Embed(file.AsSpan()))];
        Parallel.For(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => Assert.Equal(expected[i % 30], encoder.Embed(files[i % 30].AsSpan())));
    }

    [Fact]
    public void Embed_ByManyThreads_WhileDisposed_GivesTheSameOrSaysSo()
    {
        var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        byte[] file = Solid(1, 2, 3);
        float[] expected = encoder.Embed(file.AsSpan());
        int embedded = 0, refused = 0;
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            try
            {
                Assert.Equal(expected, encoder.Embed(file.AsSpan()));
                if (Interlocked.Increment(ref embedded) == 200) encoder.Dispose();
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref refused);
            }
        });
        Assert.Equal(400, embedded + refused);
        Assert.True(embedded >= 200);
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed([file.AsMemory()]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Embed_OfMany_PreparesOnAsManyThreadsAsAskedFor(int threads)
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()), threads);
        int now = 0, most = 0, expected = Math.Min(threads, Environment.ProcessorCount);
        var gate = new Lock();
        using var beside = new ManualResetEventSlim();
        encoder.EmbedEach(60, (i, target) =>
        {
            int here = Interlocked.Increment(ref now);
            lock (gate) most = Math.Max(most, here);
            if (here > 1) beside.Set();
            if (i == 0 && expected > 1) beside.Wait(TimeSpan.FromSeconds(30)); // for another thread, however late it comes
            else Thread.Sleep(5);
            target.Span.Clear();
            Interlocked.Decrement(ref now);
        }, TestContext.Current.CancellationToken);
        Assert.Equal(expected, most);
    }

    [Fact]
    public void Embed_Cancelled_Stops_AndLargerImagesThanAsked_AreRefused()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()), maxPixels: 400);
        Assert.Throws<OperationCanceledException>(() => encoder.Embed([Solid(1, 2, 3).AsMemory()], new CancellationToken(canceled: true)));
        Assert.Equal(3, encoder.Embed(ImageFiles.Skia(SKEncodedImageFormat.Png, 20, 20).AsSpan()).Length);
        Assert.Contains("20 x 21 is 420 pixels, over the limit of 400", Assert.Throws<UnreadableImageException>(() => encoder.Embed(ImageFiles.Skia(SKEncodedImageFormat.Png, 21, 20).AsSpan())).Message, StringComparison.Ordinal);
        Assert.Contains("over the limit", Assert.Throws<UnreadableImageException>(() => OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()), maxPixels: 255).Embed(ImageFiles.Tiff().AsSpan())).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()), maxPixels: 0));
    }

    [Fact]
    public void Classify_NamesTheClasses_MostProbableFirst()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata(32, "red", "green", "blue")));
        var found = encoder.Classify(Solid(10, 30, 20));
        Assert.Equal(["green", "blue", "red"], found.Select(each => each.Class));
        Assert.Equal(1, found.Sum(each => each.Probability), 1e-5);
        Assert.True(found[0].Probability > 0.99);
    }

    [Fact]
    public void Classify_Many_IsAsOneByOne()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata(32, "red", "green", "blue")));
        byte[][] images = [.. Enumerable.Range(0, 100).Select(i => Solid((byte)(i % 3 * 20), (byte)(i % 5 * 12), (byte)(i % 7 * 9)))]; // a batch is 64
        string[] files = [.. images.Select((content, i) => Path.Combine(folder, $"{i}.png"))];
        foreach (var (file, content) in files.Zip(images)) File.WriteAllBytes(file, content);
        var found = encoder.Classify(files);
        Assert.Equal(found, encoder.Classify([.. images.Select(content => new ReadOnlyMemory<byte>(content))]));
        foreach (var (content, many) in images.Zip(found))
        {
            var one = encoder.Classify(content);
            Assert.Equal(one.Select(each => each.Class), many.Select(each => each.Class));
            Assert.Equal(one[0].Probability, many[0].Probability, 1e-6);
        }
        File.WriteAllText(files[70], "none");
        Assert.Contains("70.png", Assert.Throws<UnreadableImageException>(() => encoder.Classify(files)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Infer_GivesFeaturesAndClasses_AndGoesOnAfterBadImages()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata(32, "red", "green", "blue")));
        byte[][] images = [.. Enumerable.Range(0, 150).Select(i => Solid((byte)(i % 3 * 20), (byte)(i % 5 * 12), (byte)(i % 7 * 9)))]; // batches of 64, 64 and 22
        int[] bad = [0, 5, 63, 64, 100, 149, .. Enumerable.Range(128, 22)]; // all of the last batch
        foreach (int i in bad) images[i] = [(byte)i, 1, 2];
        string[] files = [.. images.Select((content, i) => Path.Combine(folder, $"{i}.png"))];
        foreach (var (file, content) in files.Zip(images)) File.WriteAllBytes(file, content);

        var ofFiles = encoder.Infer(files, TestContext.Current.CancellationToken);
        var ofBytes = encoder.Infer([.. images.Select(content => new ReadOnlyMemory<byte>(content))], TestContext.Current.CancellationToken);
        Assert.Equal((150, 150), (ofFiles.Length, ofBytes.Length));
        for (int i = 0; i < images.Length; i++)
        {
            Assert.Equal(!bad.Contains(i), ofFiles[i].IsReadable);
            if (ofFiles[i].IsReadable)
            {
                Assert.Equal(encoder.Embed(files[i]), ofFiles[i].Features);
                Assert.Equal(encoder.Classify(files[i])[0].Class, ofFiles[i].Classes[0].Class);
                Assert.Equal(3, ofFiles[i].Classes.Count);
                Assert.Null(ofFiles[i].Error);
            }
            else
            {
                Assert.Null(ofFiles[i].Features);
                Assert.Empty(ofFiles[i].Classes);
                Assert.StartsWith($"'{files[i]}' cannot be read as an image", ofFiles[i].Error!.Message, StringComparison.Ordinal);
                Assert.StartsWith($"Image {i} cannot be read as an image", ofBytes[i].Error!.Message, StringComparison.Ordinal);
            }
            Assert.Equal(ofFiles[i].Features, ofBytes[i].Features);
        }
        Assert.Throws<ArgumentException>(() => encoder.Infer([null!, files[1]], TestContext.Current.CancellationToken)); // a program's error is no bad image
        Assert.Empty(encoder.Infer(Array.Empty<string>(), TestContext.Current.CancellationToken));
        Assert.Throws<OperationCanceledException>(() => encoder.Infer(files, new CancellationToken(canceled: true)));

        using var alone = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        var one = Assert.Single(alone.Infer([files[1]], TestContext.Current.CancellationToken));
        Assert.Equal(ofFiles[1].Features, one.Features);
        Assert.Empty(one.Classes);
    }

    [Fact]
    public void Classify_OfAnEncoder_IsRefused()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        Assert.Throws<WclUsageException>(() => encoder.Classify(["a.png"]));
        Assert.Contains("no classifier", Assert.Throws<WclUsageException>(() => encoder.Classify(Solid(1, 2, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Embed_BadImages_AreNamedWithTheReason()
    {
        using var encoder = OnnxEncoder.Load(OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()));
        string good = Path.Combine(folder, "good.png"), text = Path.Combine(folder, "text.png"), empty = Path.Combine(folder, "empty.png");
        File.WriteAllBytes(good, Solid(1, 2, 3));
        File.WriteAllText(text, "no image");
        File.WriteAllText(empty, "");
        Assert.StartsWith($"'{text}' cannot be read as an image: not a JPEG", Message(() => encoder.Embed(text)), StringComparison.Ordinal);
        Assert.Equal($"'{empty}' cannot be read as an image: the file is empty.", Message(() => encoder.Embed(empty)));
        Assert.Equal($"'{folder}' cannot be read as an image: it is a folder.", Message(() => encoder.Embed(folder)));
        Assert.Contains("no such file", Message(() => encoder.Embed(good + "x")), StringComparison.Ordinal);
        Assert.StartsWith($"'{text}'", Message(() => encoder.Embed([good, text, good])), StringComparison.Ordinal);
        Assert.StartsWith("Image 1 cannot be read", Message(() => encoder.Embed([(ReadOnlyMemory<byte>)Solid(1, 2, 3), new byte[40]])), StringComparison.Ordinal);
        Assert.StartsWith("The image cannot be read", Message(() => encoder.Embed("hello"u8)), StringComparison.Ordinal);
        Assert.StartsWith("'' cannot be read as an image: its path is empty", Message(() => encoder.Embed([good, ""])), StringComparison.Ordinal);
        Assert.Contains("a character that no path has", Message(() => encoder.Embed("a\0.png")), StringComparison.Ordinal);
        Assert.StartsWith("Path 1, from 0, is null.", Assert.Throws<ArgumentException>("imagePaths", () => encoder.Embed([good, null!])).Message, StringComparison.Ordinal); // as it is, not in an AggregateException
        Assert.Equal(3, encoder.Embed(good).Length); // and is of use afterwards

        static string Message(Action action) => Assert.Throws<UnreadableImageException>(action).Message;
    }

    [Theory]
    [InlineData("wclsharp.format", null, "does not say how images go into it")]
    [InlineData("wclsharp.format", "2", "has format 2; this version reads format 1")]
    [InlineData("image_size", null, "\"image_size\" is \"\", not a number from 1 to 2048")]
    [InlineData("image_size", "0", "not a number from 1")]
    [InlineData("image_size", "-32", "not a number from 1")]
    [InlineData("image_size", "2000000000", "not a number from 1")]
    [InlineData("image_size", "99999999999999999999", "not a number from 1")]
    [InlineData("image_size", "32.0", "not a number from 1")]
    [InlineData("image_size", "64", "does not have the \"pixels\" of [N, 3, 64, 64] float32")]
    [InlineData("feature_size", "4", "does not have the \"features\" of [N, 4] float32")]
    [InlineData("feature_size", "many", "\"feature_size\" is \"many\"")]
    [InlineData("classes", "", "not a JSON list")]
    [InlineData("classes", "[]", "not a JSON list of one name or more")]
    [InlineData("classes", "[null, 1]", "not a JSON list")]
    [InlineData("classes", "[\"a\", null, \"c\"]", "not a JSON list")]
    [InlineData("classes", "null", "not a JSON list")]
    [InlineData("classes", "[[[[[[[[", "not a JSON list")]
    [InlineData("classes", "[\"a\", \"b\"]", "does not have the \"probabilities\" of [N, 2] float32")]
    public void Load_WrongMetadata_IsRefusedByName(string key, string? value, string message)
    {
        var metadata = OnnxFiles.Metadata();
        metadata.Remove(key);
        if (value is not null) metadata[key] = value;
        string path = OnnxFiles.MeanColour(folder, metadata);
        var error = Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(path));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_LongMetadata_IsShownShort()
    {
        var metadata = OnnxFiles.Metadata();
        metadata["classes"] = new string('[', 20 << 20);
        Assert.True(Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(OnnxFiles.MeanColour(folder, metadata))).Message.Length < 500);
    }

    [Fact]
    public void Load_OtherFiles_AreRefused()
    {
        string text = Path.Combine(folder, "text.onnx"), whole = OnnxFiles.MeanColour(folder, OnnxFiles.Metadata()), cut = Path.Combine(folder, "cut.onnx");
        File.WriteAllText(text, "no network");
        File.WriteAllBytes(cut, File.ReadAllBytes(whole)[..^100]);
        Assert.Contains("is not an ONNX file that can be used", Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(text)).Message, StringComparison.Ordinal);
        Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(cut));
        Assert.Contains("There is no file", Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(text + "x")).Message, StringComparison.Ordinal);
        string other = OnnxFiles.MeanColour(folder, OnnxFiles.Metadata(), input: "image");
        Assert.Contains("does not have the \"pixels\"", Assert.Throws<WclUsageException>(() => OnnxEncoder.Load(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheAssembly_RefersToNoTorch() =>
        Assert.DoesNotContain(typeof(OnnxEncoder).Assembly.GetReferencedAssemblies(), name => name.Name!.Contains("Torch", StringComparison.Ordinal) || name.Name == "WclSharp");

    private static byte[] Solid(byte red, byte green, byte blue)
    {
        using var bitmap = new SKBitmap(20, 20, SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(new SKColor(red, green, blue));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
