using SkiaSharp;
using WclSharp.Benchmarking;
using WclSharp.Embedding;
using WclSharp.Encoders;
using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Randomness;
using WclSharp.Search;
using WclSharp.Tests.Data;
using WclSharp.Tests.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Search;

public sealed class ImageSearchTests : IDisposable
{
    private const int Images = 20;
    private readonly DataFolder folder = new();
    private readonly string encoder, onnx;

    public ImageSearchTests()
    {
        encoder = folder["encoder.safetensors"];
        onnx = folder["encoder.onnx"];
        EmbedBenchmark.RandomEncoder(new PretrainOptions { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small, Width = 4, ImageSize = 16 }, encoder).Dispose();
        ModelExport.Run(new ExportOptions { Source = encoder, Out = onnx });
        for (int i = 0; i < Images; i++)
            folder.Write($"images/{(i % 2 == 0 ? "cat" : "dog, ü")}/{i:00}.png", Noise(i));
    }

    public void Dispose() => folder.Dispose();

    private static byte[] Noise(int seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        using var bitmap = new SKBitmap(16, 16, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int i = 0; i < 256; i++) bitmap.SetPixel(i % 16, i / 16, new SKColor(random.Words(0, (uint)i / 32, 0, (uint)i % 4).A | 0xFF000000));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private string Index(string? data = null, IndexFormat format = IndexFormat.Float32, string? model = null)
    {
        string file = folder["all.index"];
        ImageIndexing.Run(new IndexOptions { Model = model ?? onnx, Data = data ?? folder["images"], Out = file, Format = format, Device = "cpu" });
        return file;
    }

    [Fact]
    public void Run_TellsHowFarItIs_AndStopsWhereItIsCancelled()
    {
        var options = new SearchOptions { Images = [folder["images/cat/08.png"], folder["images/cat/02.png"]], Index = Index(), Sheet = folder["sheet.png"] };
        var told = new List<RunProgress>();
        Assert.Equal(2, ImageSearch.Run(options, new ProgressHandler<RunProgress>(told.Add)).Answers.Count);
        Assert.Equal([new RunProgress.Working("Searching", 0, 2), new RunProgress.Working("Searching", 1, 2)], told);
        File.Delete(options.Sheet!);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => ImageSearch.Run(options, new ProgressHandler<RunProgress>(_ => stop.Cancel()), stop.Token));
        Assert.False(File.Exists(options.Sheet));
    }

    [Fact]
    public void Captions_OfFilesThatAreCalledTheSame_TellThemApart()
    {
        Assert.Equal([("1.png", "in cats"), ("1.png", "in dogs"), ("2.png", null)], ImageSearch.Captions([("cats/1.png", null), ("dogs/1.png", null), ("dogs/2.png", null)]));
        // A class tells them apart where it can.
        Assert.Equal([("cat", "1.png"), ("dog", "a/1.png"), ("dog", "b/1.png"), ("1.png", null)], ImageSearch.Captions([("cats/1.png", "cat"), ("a/1.png", "dog"), ("b/1.png", "dog"), ("1.png", null)]));
    }

    [Fact]
    public void Run_Sheet_NamesWhatIsDrawn()
    {
        string image = folder.Write("named/i.png", Noise(1)), sheet = folder["sheet.png"];
        folder.Write("named/wwwwwwwwwwww.png", Noise(2));
        var result = ImageSearch.Run(new SearchOptions { Images = [image], Index = Index(folder["named"]), Count = 2, Sheet = sheet });
        Assert.Equal(["i.png", "wwwwwwwwwwww.png"], result.Answers[0].Hits.Select(hit => hit.Name));
        using var picture = SKBitmap.Decode(sheet);
        int[] dark = [.. ((int[])[146, 256]).Select(x => PicturePixels.CountDark(picture, new SKRectI(x, 184, x + 96, 198)))]; // the first line below each of the two
        Assert.True(dark[0] > 10 && dark[1] > 2 * dark[0], string.Join(' ', dark));
    }

    [Theory]
    [InlineData(IndexFormat.Float32)]
    [InlineData(IndexFormat.Fp16)]
    [InlineData(IndexFormat.Int8)]
    public void Run_AnIndexedImage_IsNearestToItself_ByTheEncodersCosines(IndexFormat format)
    {
        string file = Index(format: format), image = folder["images/dog, ü/03.png"], sheet = folder["sheet.png"];
        var result = ImageSearch.Run(new SearchOptions { Images = [image, folder["images/cat/08.png"]], Index = file, Count = 4, Sheet = sheet, Device = "cpu" });
        Assert.Equal((Images, Path.GetFullPath(onnx), sheet, null), (result.Indexed, result.Model, result.SheetFile, result.SheetProblem));
        Assert.Equal([image, folder["images/cat/08.png"]], result.Answers.Select(answer => answer.Image));
        Assert.Equal(("dog, ü/03.png", "dog, ü"), (result.Answers[0].Hits[0].Name, result.Answers[0].Hits[0].Label));
        Assert.Equal("cat/08.png", result.Answers[1].Hits[0].Name);
        using (var network = OnnxEncoder.Load(onnx))
        {
            float[] query = network.Embed(image);
            foreach (var hit in result.Answers[0].Hits)
                Assert.Equal(ImageEncoder.Similarity(query, network.Embed(Path.Combine(folder["images"], hit.Name))), hit.Cosine, format == IndexFormat.Int8 ? 5e-3 : 1e-3);
        }
        using var picture = SKBitmap.Decode(sheet);
        Assert.True(picture.Width > 5 * 96 && picture.Height > 2 * 96);
    }

    [Fact]
    public void Run_MoreImagesThanABatch_AreAnsweredInOrder_AsEachByItself()
    {
        string file = Index(), bad = folder.Write("bad.png", "no image");
        string[] asked = [bad, .. Enumerable.Range(0, 150).Select(i => i == 70 ? bad : folder[$"images/{(i % 2 == 0 ? "cat" : "dog, ü")}/{i % Images:00}.png"])]; // batches are 64 images
        var result = ImageSearch.Run(new SearchOptions { Images = asked, Index = file, Count = 3 });
        Assert.Equal(asked.Where(image => image != bad), result.Answers.Select(answer => answer.Image));
        Assert.Equal([bad, bad], result.Unreadable.Select(query => query.Image));
        foreach (int i in (int[])[0, 62, 63, 64, 148])
        {
            var alone = ImageSearch.Run(new SearchOptions { Images = [result.Answers[i].Image], Index = file, Count = 3 }).Answers[0];
            Assert.Equal(alone.Hits.Select(hit => hit.Name), result.Answers[i].Hits.Select(hit => hit.Name));
            Assert.Equal(alone.Hits[0].Cosine, result.Answers[i].Hits[0].Cosine, 1e-5);
        }
    }

    [Theory]
    [InlineData(@"\\192.0.2.1\photos")]
    [InlineData("//192.0.2.1/photos")]
    [InlineData(@"\/192.0.2.1\photos")]
    [InlineData(@"\??\UNC\192.0.2.1\photos")]
    public void Run_AnIndexThatLeadsToAnotherMachine_IsNotFollowed(string elsewhere)
    {
        string file = folder["strange.index"], image = folder["images/cat/02.png"];
        Assert.Contains("on another machine; name the model with --model", Assert.Throws<WclUsageException>(() => ImageSearch.Run(Written(elsewhere, "images"))).Message, StringComparison.Ordinal);
        Assert.Equal($"the images were in '{elsewhere}', on another machine; say with --data which folder, or list, the images are in", ImageSearch.Run(Written(onnx, elsewhere)).SheetProblem);
        Assert.Null(ImageSearch.Run(Written(onnx, elsewhere) with { Data = folder["images"] }).SheetProblem);

        SearchOptions Written(string model, string images)
        {
            var metadata = new Dictionary<string, string> { ["model"] = model, ["model_sha256"] = BatchEmbedder.HashOf(onnx), ["images"] = images };
            using (var writer = new ImageIndexWriter(file, 32, metadata: metadata))
            {
                writer.Add("cat/02.png", null, new float[32]);
                writer.Complete();
            }
            return new() { Images = [image], Index = file, Sheet = folder["sheet.png"] };
        }
    }

    [Fact]
    public void Run_ByTheRunsEncoder_FindsTheSame()
    {
        string image = folder["images/cat/04.png"];
        var byOnnx = ImageSearch.Run(new SearchOptions { Images = [image], Index = Index(), Count = Images }).Answers[0].Hits;
        var byEncoder = ImageSearch.Run(new SearchOptions { Images = [image], Index = Index(model: encoder), Count = Images, Device = "cpu" }).Answers[0].Hits;
        Assert.Equal(byOnnx[0].Name, byEncoder[0].Name);
        var cosines = byOnnx.ToDictionary(hit => hit.Name, hit => hit.Cosine);
        Assert.All(byEncoder, hit => Assert.Equal(cosines[hit.Name], hit.Cosine, 1e-4));
    }

    [Fact]
    public void Run_ImagesInATar_AreFound_ButNotDrawn()
    {
        string tar = folder["images.tar"], sheet = folder["sheet.png"];
        System.Formats.Tar.TarFile.CreateFromDirectory(folder["images"], tar, includeBaseDirectory: false);
        var options = new SearchOptions { Images = [folder["images/cat/02.png"]], Index = Index(tar), Count = 3, Sheet = sheet };
        var result = ImageSearch.Run(options);
        Assert.Equal("cat/02.png", result.Answers[0].Hits[0].Name);
        Assert.Null(result.SheetFile);
        Assert.Contains("inside", result.SheetProblem, StringComparison.Ordinal);
        Assert.False(File.Exists(sheet));

        Assert.Null(ImageSearch.Run(options with { Data = folder["images"] }).SheetProblem);
        Assert.True(File.Exists(sheet));
        Assert.Contains("--data", ImageSearch.Run(options with { Data = folder["elsewhere/x"] }).SheetProblem, StringComparison.Ordinal);
        Assert.Contains("there is no such file", ImageSearch.Run(options with { Data = folder["images/cat"] }).SheetProblem, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ImagesOfAList_AreDrawn()
    {
        folder.Write("images/list.csv", "path,label\ncat/00.png,a\ncat/02.png,b\n");
        var result = ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/02.png"]], Index = Index(folder["images/list.csv"]), Sheet = folder["sheet.png"] });
        Assert.Equal(("cat/02.png", "b", 2), (result.Answers[0].Hits[0].Name, result.Answers[0].Hits[0].Label, result.Answers[0].Hits.Count));
        Assert.Null(result.SheetProblem);
    }

    [Fact]
    public void Run_ImagesOutsideTheFolder_AreDrawnWhereTheNamedListHasThem()
    {
        string outside = folder.Write("outside/1.png", Noise(77)).Replace('\\', '/');
        string list = folder.Write("lists/list.csv", $"path,label\n../images/cat/02.png,a\n{outside},b\n"), sheet = folder["sheet.png"];
        var options = new SearchOptions { Images = [folder["images/cat/02.png"]], Index = Index(list), Sheet = sheet };
        string problem = ImageSearch.Run(options).SheetProblem!;
        Assert.Contains("'../images/cat/02.png', which lies outside of", problem, StringComparison.Ordinal);
        Assert.Contains("name the list that has it with --data", problem, StringComparison.Ordinal);
        Assert.Contains("lies outside of", ImageSearch.Run(options with { Data = folder["lists"] }).SheetProblem, StringComparison.Ordinal); // a folder has no such image
        string other = folder.Write("lists/other.csv", "path\n../images/cat/02.png\n");
        Assert.Contains($"'{outside}', which is not in '{other}'", ImageSearch.Run(options with { Data = other }).SheetProblem, StringComparison.Ordinal);
        Assert.False(File.Exists(sheet));

        Assert.Null(ImageSearch.Run(options with { Data = list }).SheetProblem);
        Assert.True(File.Exists(sheet));
    }

    [Fact]
    public void Run_SheetInAFolderThatIsNotThere_MakesIt()
    {
        string sheet = Path.Combine(folder.Path, "new", "deep", "sheet.png");
        Assert.Null(ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/02.png"]], Index = Index(), Count = 2, Sheet = sheet }).SheetProblem);
        Assert.True(File.Exists(sheet));
        string inside = Path.Combine(sheet, "x.png"); // a file cannot become a folder
        Assert.Contains("name another file with --sheet", ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/02.png"]], Index = folder["all.index"], Count = 2, Sheet = inside }).SheetProblem, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_UnreadableImages_AreToldOfBesideTheAnswers()
    {
        string good = folder["images/cat/02.png"], bad = folder.Write("bad.png", "no image");
        var options = new SearchOptions { Images = [bad, good, folder["images"]], Index = Index(), Count = 2 };
        var result = ImageSearch.Run(options);
        Assert.Equal("cat/02.png", Assert.Single(result.Answers).Hits[0].Name);
        Assert.Equal([bad, folder["images"]], result.Unreadable.Select(query => query.Image));
        Assert.Contains("bad.png' cannot be read as an image", result.Unreadable[0].Reason, StringComparison.Ordinal);
        Assert.Contains("None of the 2 images can be read. '", Assert.Throws<UnreadableImageException>(() => ImageSearch.Run(options with { Images = [bad, bad] })).Message, StringComparison.Ordinal);
        // Said before anything is loaded.
        Assert.Equal("There is no file 'none.png' to search for; name an image file.",
            Assert.Throws<WclUsageException>(() => ImageSearch.Run(options with { Images = [good, "none.png"], Index = folder["none.index"] })).Message);
        Assert.Equal("There is no file '\uFFFD.png' to search for: its name is not UTF-8; rename it.",
            Assert.Throws<WclUsageException>(() => ImageSearch.Run(options with { Images = [good, "\uFFFD.png"], Index = folder["none.index"] })).Message);
    }

    [Fact]
    public void Index_Labels_AreThoseOfTheList()
    {
        string file = folder["all.index"], labels = folder.Write("labels.csv", "path,label\ncat/02.png,tabby\n");
        ImageIndexing.Run(new IndexOptions { Model = onnx, Data = folder["images"], Labels = labels, Out = file });
        using var index = ImageIndex.Open(file);
        Assert.Equal(["tabby"], Enumerable.Range(0, index.Count).Select(index.LabelOf).OfType<string>());
    }

    [Fact]
    public void Run_WrongModelsAndImages_AreRefused()
    {
        string file = Index(), image = folder["images/cat/02.png"];
        var options = new SearchOptions { Images = [image], Index = file };
        Assert.Contains("another model", Message(options with { Model = encoder }), StringComparison.Ordinal);
        Assert.Contains("There is no file", Message(options with { Model = folder["none.onnx"] }), StringComparison.Ordinal);
        Assert.Contains("cannot be read as an image", Message(options with { Images = [onnx] }), StringComparison.Ordinal);
        Assert.Contains("is not an index", Message(options with { Index = image }), StringComparison.Ordinal);
        Assert.Contains("-k is 0", Message(options with { Count = 0 }), StringComparison.Ordinal);
        Assert.Contains("no image to search for", Message(options with { Images = [] }), StringComparison.Ordinal);

        string moved = folder["moved.onnx"];
        File.Move(onnx, moved);
        Assert.Contains("say with --model where it is", Message(options), StringComparison.Ordinal);
        Assert.Equal("cat/02.png", ImageSearch.Run(options with { Model = moved }).Answers[0].Hits[0].Name);
        File.Copy(encoder, onnx);
        Assert.Contains("has changed since", Message(options), StringComparison.Ordinal);

        using (var writer = new ImageIndexWriter(file, 3)) writer.Complete();
        Assert.Contains("name it with --model", Message(options), StringComparison.Ordinal);
        Assert.Contains("vectors of 32 numbers", Message(options with { Model = moved }), StringComparison.Ordinal);

        static string Message(SearchOptions options)
        {
            string message = Assert.ThrowsAny<WclUsageException>(() => ImageSearch.Run(options)).Message;
            Assert.DoesNotContain('\n', message);
            return message;
        }
    }

    [Fact]
    public void Run_SheetOfACifarFolder_SaysThatImagesLieInsideFiles()
    {
        folder.Write("cifar/data_batch_1.bin", [.. Enumerable.Range(0, 3).SelectMany(i => Enumerable.Repeat((byte)i, 3073))]);
        var result = ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/08.png"]], Index = Index(folder["cifar"]), Count = 2, Sheet = folder["sheet.png"] });
        Assert.Equal(($"the images are inside files of '{folder["cifar"]}'", null), (result.SheetProblem, result.SheetFile));
        Assert.Equal(2, result.Answers[0].Hits.Count);
    }

    [Fact]
    public void Run_SheetOfAFolderThatCannotBeOpened_SaysWhy_BesideTheAnswers()
    {
        folder.Write("other/test.bin", "abc");
        var result = ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/08.png"]], Index = Index(), Count = 2, Sheet = folder["sheet.png"], Data = folder["other"] });
        Assert.Contains("3 bytes", result.SheetProblem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', result.SheetProblem!);
        Assert.Equal(2, result.Answers[0].Hits.Count);
    }

    [Fact]
    public void Index_BadImages_AreLeftOut_AndOldFilesKept()
    {
        string file = folder["all.index"];
        File.WriteAllText(file, "before");
        folder.Write("images/cat/bad.png", "no image");
        var options = new IndexOptions { Model = onnx, Data = folder["images"], Out = file };
        Assert.Contains("--max-bad", Assert.Throws<WclException>(() => ImageIndexing.Run(options)).Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(file));
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
        EmbedResult result = ImageIndexing.Run(options with { MaxBad = 0.1 });
        Assert.Equal((Images, 1), (result.Images, result.BadImages));
        using var index = ImageIndex.Open(file);
        Assert.Equal(Images, index.Count);
        Assert.Equal(Path.GetFullPath(folder["images"]), index.Metadata["images"]);
    }

    [Fact]
    public void Run_SheetAmongTheIndexedImages_IsNotDrawn()
    {
        string sheet = folder["images/found.png"];
        var result = ImageSearch.Run(new SearchOptions { Images = [folder["images/cat/02.png"]], Index = Index(), Count = 2, Sheet = sheet, Device = "cpu" });
        Assert.Contains("--sheet", result.SheetProblem, StringComparison.Ordinal);
        Assert.False(File.Exists(sheet));
    }
}
