using System.Globalization;
using SkiaSharp;
using WclSharp.Augmentation;
using WclSharp.Classification;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Export;
using WclSharp.FineTuning;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Tests.Data;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Classification;

public sealed class ImageClassificationTests : IDisposable
{
    private const string Header = "path,label,class,probability";
    private static readonly string[] Classes = ["cat", "a \"small\", old dog", "M\u00E4rz"];
    private readonly DataFolder folder = new();
    private readonly string classifier;
    private readonly List<string> names = [];

    public ImageClassificationTests()
    {
        classifier = WriteClassifier(folder["tuned/classifier.safetensors"], Classes);
        for (int i = 0; i < 150; i++) // batches are 64 and 128 images
        {
            names.Add($"{(i % 3 == 0 ? "cat" : i % 3 == 1 ? "Ma\u0308rz" : "bird")}/{i:000}.png");
            folder.Write($"images/{names[^1]}", ImageFiles.Skia(SKEncodedImageFormat.Png, 8 + i % 11, 8 + i % 23));
        }
        names.Sort(string.CompareOrdinal);
    }

    public void Dispose() => folder.Dispose();

    private string Images => folder["images"];

    private ClassifyOptions Options => new() { Classifier = folder["tuned"], Data = Images, Out = folder["out.csv"], Device = "cpu" };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_WritesWhatTheClassifierSaysOfEachImage(bool onnx)
    {
        string model = Options.Classifier;
        if (onnx) ModelExport.Run(new ExportOptions { Source = classifier, Out = model = folder["classifier.onnx"] });
        var result = ImageClassification.Run(Options with { Classifier = model });

        string[] lines = File.ReadAllLines(result.File);
        Assert.Equal((Header, names.Count), (lines[0], lines.Length - 1));
        using var network = ImageClassifier.Load(classifier);
        var taken = Classes.ToDictionary(name => name, _ => 0L);
        var of = Classes.ToDictionary(name => name, _ => (Labelled: 0L, Correct: 0L));
        var takenKnown = Classes.ToDictionary(name => name, _ => 0L);
        int right = 0;
        double sure = 0;
        foreach (var (name, line) in names.Zip(lines.Skip(1)))
        {
            var best = network.Classify(Path.Combine(Images, name))[0];
            string label = name.StartsWith('M') ? Classes[2] : name.Split('/')[0], quoted = best.Class.Contains('"', StringComparison.Ordinal) ? $"\"{best.Class.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : best.Class;
            int end = line.LastIndexOf(',');
            Assert.Equal($"{name},{label},{quoted}", line[..end]);
            Assert.Equal(best.Probability, float.Parse(line[(end + 1)..], CultureInfo.InvariantCulture), 1e-5f);
            taken[best.Class]++;
            if (label.Length > 0) takenKnown[best.Class]++;
            sure += best.Probability;
            if (label == best.Class) right++;
            if (of.TryGetValue(label, out var known)) of[label] = (known.Labelled + 1, known.Correct + (label == best.Class ? 1 : 0));
        }
        Assert.True(taken.Values.Count(count => count > 0) > 1, "One class for all images would show little.");
        Assert.Equal(taken.Select(each => new ClassifiedClass { Name = each.Key, Images = each.Value, Labelled = of[each.Key].Labelled, Correct = of[each.Key].Correct, LabelledPredicted = takenKnown[each.Key] }), result.Classes);
        Assert.Equal(50, Assert.Single(result.UnknownClasses).Value);
        Assert.Equal(of.Values.Where(each => each.Labelled > 0).Select(each => each.Correct / (double)each.Labelled).Append(0).Average(), result.BalancedAccuracy!.Value, 9);
        Assert.Equal((150, 150, right, 50, 0), (result.Images, result.Labelled, result.Correct, result.OfUnknownClasses, result.BadImages));
        Assert.Equal(right / 150.0, result.Accuracy);
        Assert.Equal(sure / 150, result.MeanProbability, 1e-5);
    }

    [Fact]
    public void Run_Stopped_GoesOn_ButNotWithFeatures()
    {
        using (var stop = new CancellationTokenSource())
        {
            var progress = new Told(value => { if (value is RunProgress.Working { Stage: "Classifying images" }) stop.Cancel(); });
            Assert.Throws<OperationCanceledException>(() => ImageClassification.Run(Options, progress, stop.Token));
        }
        string asked = Assert.Throws<WclUsageException>(() => ImageEmbedding.Run(new EmbedOptions { Model = classifier, Data = Images, Out = Options.Out, Device = "cpu" })).Message;
        Assert.Contains("its rows were probabilities and are features", asked, StringComparison.Ordinal);
        var result = ImageClassification.Run(Options);
        Assert.InRange(result.Resumed, 1, 149);
        ImageClassification.Run(Options with { Out = folder["whole.csv"] });
        Assert.Equal(File.ReadAllBytes(folder["whole.csv"]), File.ReadAllBytes(result.File));
        Assert.False(Directory.Exists(PartialEmbeddings.FolderOf(result.File)));
    }

    [Fact]
    public void Run_WithoutKnownClasses_HasNoAccuracy()
    {
        folder.Write("loose/a.png", ImageFiles.Skia(SKEncodedImageFormat.Png, 9, 9));
        folder.Write("loose/b.png", "none");
        var result = ImageClassification.Run(Options with { Data = folder["loose"], MaxBad = 0.5 });
        Assert.Equal((1, 1, 0, null), (result.Images, result.BadImages, result.Labelled, result.Accuracy));
        Assert.StartsWith($"{Header}\na.png,,", File.ReadAllText(result.File), StringComparison.Ordinal);
        Assert.Contains("b.png", File.ReadAllText(result.File + ".bad_images.csv"), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AllProbabilities_HasAColumnForEachClass()
    {
        ImageClassification.Run(Options with { AllProbabilities = true });
        string[] lines = File.ReadAllLines(Options.Out), plain = [];
        ImageClassification.Run(Options with { Out = folder["plain.csv"] });
        plain = File.ReadAllLines(folder["plain.csv"]);
        Assert.Equal($"{Header},{string.Join(',', Classes.Select(name => DelimitedFile.Quote($"p({name})")))}", lines[0]);
        Assert.Equal(plain.Length, lines.Length);
        foreach (var (line, one) in lines.Zip(plain).Skip(1))
        {
            Assert.StartsWith(one + ",", line, StringComparison.Ordinal);
            float[] each = [.. line[(one.Length + 1)..].Split(',').Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
            Assert.Equal(Classes.Length, each.Length);
            Assert.Equal(1, each.Sum(), 1e-5);
            Assert.Equal(each.Max(), float.Parse(one[(one.LastIndexOf(',') + 1)..], CultureInfo.InvariantCulture));
        }
    }

    [Theory]
    [InlineData("bird")] // which the classifier does not tell: a folder like any other
    [InlineData("cat")]
    public void Run_ImagesOfOneClass_AreKnownByItsFolder(string name)
    {
        foreach (string file in (string[])["1.png", "in/2.png", "in/3.png", "out/4.png"]) folder.Write($"test/{name}/{file}", ImageFiles.Skia(SKEncodedImageFormat.Png, 9, 9));
        var result = ImageClassification.Run(Options with { Data = folder["test"] });
        Assert.Equal(name == "cat" ? (4, 0) : (3, 3), (result.Labelled, result.OfUnknownClasses));
        Assert.Equal(name == "cat", result.Accuracy is not null); // folders that have none of the classes' names are no classes
        if (name == "cat") Assert.All(File.ReadAllLines(result.File).Skip(1), line => Assert.Equal("cat", line.Split(',')[1]));
    }

    [Fact]
    public void Run_WhatCannotBe_IsRefused()
    {
        Assert.Contains("with --data; only a run folder", Refusal(Options with { Data = null }), StringComparison.Ordinal);
        Assert.Contains("does not end in .csv", Refusal(Options with { Out = folder["out.npy"] }), StringComparison.Ordinal);
        Assert.Contains("holds no classifier", Refusal(Options with { Classifier = Images }), StringComparison.Ordinal);
        Assert.Contains("There is no file", Refusal(Options with { Classifier = folder["none.onnx"] }), StringComparison.Ordinal);
        string encoder = folder["encoder.safetensors"];
        using (var network = ImageEncoder.Load(classifier)) ImageEncoder.Save(network.Network, encoder, network.ImageSize, network.Normalization);
        Assert.Contains("holds an encoder but no classifier", Refusal(Options with { Classifier = encoder }), StringComparison.Ordinal);
        ModelExport.Run(new ExportOptions { Source = encoder, Out = folder["encoder.onnx"] });
        Assert.Contains("holds an encoder but no classifier", Refusal(Options with { Classifier = folder["encoder.onnx"] }), StringComparison.Ordinal);
        Assert.False(File.Exists(Options.Out));
    }

    private static string Refusal(ClassifyOptions options) => Assert.Throws<WclUsageException>(() => ImageClassification.Run(options)).Message;

    /// <summary>A classifier with random weights that takes images for several classes.</summary>
    internal static string WriteClassifier(string file, IReadOnlyList<string> classes)
    {
        var facts = new EncoderFacts(EncoderArch.ResNet18, 4, EncoderStem.Small, 16, Normalization.Cifar10);
        using var network = new ClassifierNetwork(facts, hidden: null, classes.Count, seed: 1, ComputeDevice.Choose("cpu", ComputePrecision.Fp32));
        using (no_grad()) network.Top.Scores.parameters().First().mul_(30);
        network.Save(file, facts, classes);
        return file;
    }

    private sealed class Told(Action<RunProgress> tell) : IProgress<RunProgress>
    {
        public void Report(RunProgress value) => tell(value);
    }
}
