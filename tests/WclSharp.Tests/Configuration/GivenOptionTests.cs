using WclSharp.Comparisons;
using WclSharp.Data;
using WclSharp.Distillation;
using WclSharp.Embedding;
using WclSharp.Evaluation;
using WclSharp.Export;
using WclSharp.FineTuning;
using WclSharp.Grouping;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Suggestions;
using WclSharp.Training;

namespace WclSharp.Tests.Configuration;

/// <summary>What a program can give as an option and a command line cannot.</summary>
public sealed class GivenOptionTests
{
    [Fact]
    public void MembersThatAnEnumerationHasNot_AreRefusedByTheOptionsName()
    {
        Refused("--precision is 9; expected auto, fp32, bf16", () => Pretraining.Run(new PretrainOptions { Precision = (ComputePrecision)9 }));
        Refused("--method is 77; expected wcl, ", () => Pretraining.Run(new PretrainOptions { Method = (ContrastiveMethod)77 }));
        Refused("--arch is 77; expected resnet18, ", () => Pretraining.Run(new PretrainOptions { Arch = (EncoderArch)77 }));
        Refused("--arch is 77; ", () => Distill.Run(new DistillOptions { Teacher = "none", Arch = (EncoderArch)77 }));
        Refused("--format is 9; expected onnx, safetensors or torchvision", () => ModelExport.Run(new ExportOptions { Source = "none", Out = "o", Format = (ExportFormat)9 }));
        Refused("--head is -1; expected instance or weak", () => ModelExport.Run(new ExportOptions { Source = "none", Out = "o", Head = (ExportHead)(-1) }));
        Refused("--precision is 9; expected fp32, fp16 or int8", () => ModelExport.Run(new ExportOptions { Source = "none", Out = "o", Precision = (ExportPrecision)9 }));
        Refused("--format is 9; ", () => ImageIndexing.Run(new IndexOptions { Model = "none", Out = "o", Format = (IndexFormat)9 }));
        Refused("--methods is 77; ", () => Comparison.Run(new ComparisonOptions { Methods = [(ContrastiveMethod)77] }));
    }

    [Fact]
    public void TextThatIsEmpty_IsRefusedByTheOptionsName()
    {
        Refused("--data is empty", () => Pretraining.Run(new PretrainOptions { Data = "" }));
        Refused("--out is empty", () => Pretraining.Run(new PretrainOptions { Out = "" }));
        Refused("--init is empty", () => Pretraining.Run(new PretrainOptions { Init = "" }));
        Refused("--data is empty", () => ImageDataset.Read(new DatasetOptions { Path = "" }));
        Refused("RUN is empty", () => FineTune.Run(new FineTuneOptions { Run = "" }));
        Refused("--test is empty", () => RunEvaluation.Run(new RunEvaluationOptions { Run = "r", Test = "" }));
        Refused("RUN is empty", () => ImageGrouping.Run(new GroupOptions { Run = null! }));
        Refused("--out is empty", () => LabelSuggestion.Run(new SuggestOptions { Run = "r", Out = "" }));
        Refused("The teacher is empty", () => Distill.Run(new DistillOptions { Teacher = "" }));
        Refused("--out is empty", () => ModelExport.Run(new ExportOptions { Source = "r", Out = null! }));
        Refused("The network to export is empty", () => ModelExport.Run(new ExportOptions { Source = "", Out = "o" }));
        Refused("--out is empty", () => ImageEmbedding.Run(new EmbedOptions { Model = "r", Out = "" }));
        Refused("MODEL is empty", () => ImageIndexing.Run(new IndexOptions { Model = null!, Out = "o" }));
        Refused("INDEX is empty", () => ImageSearch.Run(new SearchOptions { Index = "", Images = [] }));
        Refused("--out is empty", () => Comparison.Run(new ComparisonOptions { Methods = [ContrastiveMethod.Wcl], Out = "" }));
    }

    [Fact]
    public void PathsWithTheCharacterZero_AreRefusedByTheOptionsName()
    {
        Refused("--data has the character 0", () => Pretraining.Run(new PretrainOptions { Data = "a\0" }));
        Refused("--out has the character 0", () => ModelExport.Run(new ExportOptions { Source = "r", Out = "\0" }));
        Refused("RUN has the character 0", () => FineTune.Run(new FineTuneOptions { Run = "r\0" }));
        Refused("--out has the character 0", () => ImageEmbedding.Run(new EmbedOptions { Model = "r", Out = "o\0" }));
    }

    [Fact]
    public void Options_ThatAreNull_AreRefusedByName()
    {
        Action[] calls =
        [
            () => Pretraining.Run(null!), () => FineTune.Run(null!), () => Distill.Run(null!), () => RunEvaluation.Run(null!), () => ImageGrouping.Run(null!), () => LabelSuggestion.Run(null!),
            () => ModelExport.Run(null!), () => ImageEmbedding.Run(null!), () => ImageIndexing.Run(null!), () => ImageSearch.Run(null!), () => Comparison.Run(null!), () => ImageDataset.Read((WclSharp.Data.DatasetOptions)null!),
        ];
        Assert.All(calls, call => Assert.Throws<ArgumentNullException>("options", call));
        Assert.Throws<ArgumentNullException>("LabelsPerClass", () => FineTune.Run(new FineTuneOptions { Run = "r", LabelsPerClass = null! }));
    }

    [Fact]
    public void ListsWithNothingInThem_OrNull_AreRefused()
    {
        Refused("The images to search for have one that is null", () => ImageSearch.Run(new SearchOptions { Index = "i", Images = ["x", null!] }));
        foreach (string[] program in (string[][])[[], [""], [null!], ["wcl", null!]])
            Refused("The program of the runs is empty", () => Comparison.Run(new ComparisonOptions { Methods = [ContrastiveMethod.Wcl], Program = program }));
        Refused("The program 'no such program' does not start: ", () => TrainingProcess.Run(["no such program"], new PretrainOptions { Out = "o" }, _ => { }, CancellationToken.None));
        EncodedImage[] images = [new("x", default)];
        Refused("The names of the classes have one that is null", () => ImageDataset.Read(images, new DatasetOptions { ClassNames = [null!] }));
        Refused("The names of the classes have one that is empty; leave it out.", () => ImageDataset.Read(images, new DatasetOptions { ClassNames = ["cat", ""] }));
        Refused("The names of the classes have 'cat' twice; name each class once.", () => ImageDataset.Read(images, new DatasetOptions { ClassNames = ["cat", "dog", "cat"] }));
        Refused("twice; name each class once.", () => ImageDataset.Read(images, new DatasetOptions { ClassNames = ["\u00e9", "e\u0301"] })); // one class, as lists and folders are read
        Refused("The file that lists unreadable images is empty", () => ImageDataset.Read(images, new DatasetOptions { BadImagesFile = "" }));
        Refused("--cache-folder is empty", () => ImageDataset.Read(images, new DatasetOptions { CacheFolder = "" }));
        Refused("--workers 1025 is too many; use 1 to 1,024", () => ImageDataset.Read(images, new DatasetOptions { Workers = 1025 }));
    }

    [Fact]
    public void Preset_ThatIsNull_IsNone() => Refused("There is no preset \"\"", () => WclSharp.Configuration.Presets.Resolve(new PretrainOptions { Preset = null! }, new WclSharp.Configuration.DataFacts(100, 28, false)));

    private static void Refused(string message, Action call) => Assert.Contains(message, Assert.Throws<WclUsageException>(call).Message, StringComparison.Ordinal);
}
