using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>Weights that learnt from what is held out now are told of.</summary>
public sealed class WarmStartTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ContrastiveMethod.SimClr, "though not from their classes, so accuracies may be a little too high")]
    [InlineData(ContrastiveMethod.SupCon, "and from their classes, so accuracies are too high")]
    public void Run_FromARunThatHeldOthersOut_IsWarnedOf(ContrastiveMethod method, string known)
    {
        var options = SmallRun.Options with { Epochs = 1, Method = method };
        string first = Pretraining.Run(options with { Out = folder["first"] }).RunFolder;

        Assert.Contains(known, Assert.Single(Warnings("other seed", options with { Seed = 1, Init = first })), StringComparison.Ordinal);
        Assert.Single(Warnings("its file", options with { Seed = 1, Init = Path.Combine(first, "encoder.safetensors") }));
        Assert.Empty(Warnings("same", options with { Init = first }));
        string copy = folder["elsewhere/encoder.safetensors"];
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(Path.Combine(first, "encoder.safetensors"), copy);
        Assert.Empty(Warnings("unknown", options with { Seed = 1, Init = copy })); // nobody knows what it has seen
        File.WriteAllText(Path.Combine(first, "config.json"), "{");
        Assert.Empty(Warnings("damaged", options with { Seed = 1, Init = first }));
    }

    [Fact]
    public void Run_ImagesToTestWith_AreWarnedOfWhereTheFirstRunLearntFromThem()
    {
        foreach (string set in (string[])["a", "b"])
            for (int i = 0; i < 40; i++) folder.Write($"{set}/class {i % 2}/{i:00}.jpg", ImageFiles.Jpeg(20 + i, set == "a" ? 21 : 22));
        var options = SmallRun.Options with { Limit = null, Epochs = 1, Batch = 16, Data = folder["a"] };
        string first = Pretraining.Run(options with { Out = folder["first"] }).RunFolder;
        var other = options with { Data = folder["b"], Init = first };

        Assert.Single(Warnings("learnt from", other with { Test = folder["a"] }));
        Assert.Empty(Warnings("others", other));
        Assert.Empty(Warnings("apart", options with { Init = first, Test = folder["b"] }));
        string list = folder.Write("tests.csv", string.Concat(Enumerable.Range(0, 10).Select(i => $"a/class {i % 2}/{i:00}.jpg,class {i % 2}\n")));
        Assert.Single(Warnings("of its own", options with { Init = first, Test = list }));
    }

    private List<string> Warnings(string name, PretrainOptions options)
    {
        List<string> warnings = [];
        Pretraining.Run(options with { Out = folder[name] }, SmallRun.Noted(warnings));
        return [.. warnings.Where(warning => warning.StartsWith("The weights of --init are of a run", StringComparison.Ordinal))];
    }
}
