using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class IndexAndSearchCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-search-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private IndexOptions? indexed;
    private SearchOptions? searched;
    private string? sheetProblem;
    private UnreadableQuery[] unreadable = [];
    private bool stoppable;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Index_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("index", "m.onnx", "--out", "o.index", "--format", "int8", "--data", "d", "--labels", "l", "--device", "cpu", "--precision", "bf16", "--workers", "3", "--max-bad", "0.5", "--restart"));
        Assert.Equal(new IndexOptions { Model = "m.onnx", Out = "o.index", Format = IndexFormat.Int8, Data = "d", Labels = "l", Device = "cpu", Precision = ComputePrecision.Bf16, Workers = 3, MaxBad = 0.5, Restart = true }, indexed);
        Assert.Contains("1,000 images of 512 features, 500 images/s in 2.0 s", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Left out 2 images", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("wcl search IMAGE --index", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, Run("index", "r", "--out", "o", "--format", "float16")); // as wcl export and numpy call them
        Assert.Equal(new IndexOptions { Model = "r", Out = "o", Format = IndexFormat.Fp16 }, indexed);
        Assert.Equal(0, Run("index", "r", "--out", "fp16", "--format", "fp16", "--workers", "2")); // a word that is no path
        Assert.Equal(new IndexOptions { Model = "r", Out = "fp16", Format = IndexFormat.Fp16, Workers = 2 }, indexed);
        Assert.Equal(0, Run("index", "r", "--out", "o", "--format", "fp32"));
        Assert.Equal(new IndexOptions { Model = "r", Out = "o" }, indexed);
        Assert.Equal(0, Run("index", "r", "--out", "o"));
        Assert.Equal(new IndexOptions { Model = "r", Out = "o" }, indexed);
    }

    [Fact]
    public void Search_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run("search", "a.png", "b.png", "--index", "i", "--model", "m", "-k", "3", "--device", "cpu", "--sheet", "s.png", "--data", "d"));
        Assert.Equal(["a.png", "b.png"], searched!.Images);
        Assert.Equal(new SearchOptions { Images = searched.Images, Index = "i", Model = "m", Count = 3, Device = "cpu", Sheet = "s.png", Data = "d" }, searched);
        Assert.Contains("Sheet: s.png", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, Run("search", "a.png", "--index", "i"));
        Assert.Equal(new SearchOptions { Images = searched.Images, Index = "i" }, searched);
    }

    [Fact]
    public void Search_FilesWhoseNamesBeginAsOptionsDo_ComeAfterTwoDashes()
    {
        Assert.Equal(0, Run("search", "--index", "i", "--", "a.png", "-b.png", "--model"));
        Assert.Equal(["a.png", "-b.png", "--model"], searched!.Images);
    }

    [Fact]
    public void Search_Hits_AreATableAndJson()
    {
        string json = Path.Combine(folder, "r.json");
        sheetProblem = "why not";
        Assert.Equal(1, Run("search", "a.png", "--index", "i", "--json", json)); // a sheet that was asked for is missing
        string[] lines = output.ToString().Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal("a.png: the nearest of 2,000 images, 0.250 s", lines[0]);
        Assert.Equal("rank   cosine  label   path", lines[1]);
        Assert.Equal("1   0.9000  a, cat  x/é,1.png", lines[2]);
        Assert.Equal("2  -0.1250          2", lines[3]);
        Assert.Contains("No sheet: why not.", lines);

        using var document = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(("m", 2000), (document.RootElement.GetProperty("model").GetString(), document.RootElement.GetProperty("indexed").GetInt32()));
        var answer = document.RootElement.GetProperty("answers")[0];
        Assert.Equal("a.png", answer.GetProperty("image").GetString());
        Assert.Equal(2, answer.GetProperty("hits").GetArrayLength());
        var hit = answer.GetProperty("hits")[1];
        Assert.Equal((2, 2, -0.125, JsonValueKind.Null, "2"),
            (hit.GetProperty("rank").GetInt32(), hit.GetProperty("row").GetInt32(), hit.GetProperty("cosine").GetDouble(), hit.GetProperty("label").ValueKind, hit.GetProperty("path").GetString()));
        Assert.Equal("x/é,1.png", answer.GetProperty("hits")[0].GetProperty("path").GetString());
    }

    [Fact]
    public void Search_OfManyImages_CanBeStopped_AndTellsWhatItIsTold()
    {
        Assert.Equal(0, Run("search", "a.png", "b.png", "--index", "i"));
        Assert.True(stoppable);
        Assert.Equal("warning: The GPU is passed over.", error.ToString().TrimEnd());
    }

    [Fact]
    public void Search_UnreadableImages_GiveExitCodeOne_WithTheAnswersOfTheOthers()
    {
        string json = Path.Combine(folder, "new", "r.json");
        unreadable = [new() { Image = "b.png", Reason = "'b.png' cannot be read as an image: it is a folder." }];
        Assert.Equal(1, Run("search", "a.png", "--index", "i", "--json", json, "--sheet", Path.Combine(folder, "newer", "s.png")));
        Assert.Contains("No answer: 'b.png' cannot be read as an image: it is a folder.", output.ToString(), StringComparison.Ordinal);
        using var document = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(1, document.RootElement.GetProperty("answers").GetArrayLength());
        var query = Assert.Single(document.RootElement.GetProperty("unreadable").EnumerateArray());
        Assert.Equal(("b.png", unreadable[0].Reason), (query.GetProperty("image").GetString(), query.GetProperty("reason").GetString()));
    }

    [Theory]
    [InlineData("--out", "index", "r")]
    [InlineData("--format is \"fp8\"; expected float32, fp16 or int8.", "index", "r", "--out", "o", "--format", "fp8")]
    [InlineData("--precision is \"int8\"; expected auto, fp32, bf16 or bf16-fast.", "index", "r", "--out", "o", "--precision", "int8")]
    [InlineData("--max-bad", "index", "r", "--out", "o", "--max-bad", "2")]
    [InlineData("did you mean --out?", "index", "r", "--ouy", "o")]
    [InlineData("--index", "search", "a.png")]
    [InlineData("IMAGE", "search", "--index", "i")]
    [InlineData("-k is \"many\"; expected a whole number.", "search", "a.png", "--index", "i", "-k", "many")]
    [InlineData("--count is \"many\"; expected a whole number.", "search", "a.png", "--index", "i", "--count", "many")]
    [InlineData("--out \"./m.onnx\" is also what the command reads", "index", "m.onnx", "--out", "./m.onnx")]
    [InlineData("is also what the command reads; name another file.", "search", "a.png", "--index", "i", "--sheet", "a.png")]
    [InlineData("is also what --index names", "search", "a.png", "--index", "i", "--json", "i")]
    [InlineData("is also what --json names", "search", "a.png", "--index", "i", "--sheet", "s.png", "--json", "s.png")]
    [InlineData("--sheet \"a.jpg\" does not end in .png", "search", "a.png", "--index", "i", "--sheet", "a.jpg")]
    [InlineData("did you mean --sheet?", "search", "a.png", "--index", "i", "--shet", "o")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(arguments));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(indexed);
        Assert.Null(searched);
    }

    private int Run(params string[] arguments) => CommandLine.Run(arguments, CommandActions.Library with
    {
        Index = (options, _, _) =>
        {
            indexed = options;
            return new EmbedResult { File = "o.index", Images = 1000, FeatureSize = 512, BadImages = 2, Seconds = 2 };
        },
        Search = (options, progress, stop) =>
        {
            (searched, stoppable) = (options, stop.CanBeCanceled);
            progress.Report(new RunProgress.Warning("The GPU is passed over."));
            SearchHit[] hits = [new() { Row = 7, Name = "x/é,1.png", Label = "a, cat", Cosine = 0.9f }, new() { Row = 2, Name = "2", Cosine = -0.125f }];
            return new SearchResult
            {
                Answers = [.. options.Images.Select(image => new SearchAnswer { Image = image, Hits = hits, Seconds = 0.25 })],
                Indexed = 2000,
                Model = "m",
                SheetFile = sheetProblem is null ? options.Sheet : null,
                SheetProblem = sheetProblem,
                Unreadable = unreadable,
            };
        },
    }, output, error);
}
