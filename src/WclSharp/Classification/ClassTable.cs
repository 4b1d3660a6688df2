using System.Numerics.Tensors;
using WclSharp.Data;
using WclSharp.Embedding;

namespace WclSharp.Classification;

/// <summary>A CSV file: path, known class, most probable class and its probability of each image; and what they come to.</summary>
internal sealed class ClassTable : EmbeddingFile
{
    private readonly StreamWriter text;
    private readonly IReadOnlyList<string> classes;
    private readonly string[] told; // the classes as labels spell them
    private readonly long[] taken;
    private double probabilities;

    /// <param name="path">The file.</param>
    /// <param name="classes">The classes, in the order of the probabilities.</param>
    public ClassTable(string path, IReadOnlyList<string> classes)
    {
        (this.classes, told, taken) = (classes, [.. classes.Select(ComposedText.Of)], new long[classes.Count]);
        text = Text(Open(path));
        text.WriteLine("path,label,class,probability");
    }

    /// <summary>Images with a known class, those taken for it, and those whose class is none of the table's.</summary>
    public (long Labelled, long Right, long Untold) Known { get; private set; }

    /// <summary>Mean probability of the classes that images were taken for; 0 without images.</summary>
    public double MeanProbability => probabilities / Math.Max(1, taken.Sum());

    /// <summary>The classes with the images that were taken for each.</summary>
    public IReadOnlyList<ClassifiedClass> Classes => [.. classes.Select((name, i) => new ClassifiedClass(name, taken[i]))];

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> probabilities)
    {
        int most = TensorPrimitives.IndexOfMax(probabilities);
        text.WriteLine($"{Names(name, label)},{DelimitedFile.Quote(classes[most])},{Digits(probabilities[most])}");
        taken[most]++;
        this.probabilities += probabilities[most];
        if (label is null) return;
        Known = (Known.Labelled + 1, Known.Right + (label == told[most] ? 1 : 0), Known.Untold + (told.Contains(label) ? 0 : 1));
    }

    protected override void Finish() => text.Flush();
}
