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
    private readonly long[] taken, known, right; // by class: taken for it, of it, both
    private readonly SortedDictionary<string, long> untold = new(StringComparer.Ordinal); // images of classes that are none of the table's
    private double probabilities;

    /// <param name="path">The file.</param>
    /// <param name="classes">The classes, in the order of the probabilities.</param>
    public ClassTable(string path, IReadOnlyList<string> classes)
    {
        (this.classes, told) = (classes, [.. classes.Select(ComposedText.Of)]);
        (taken, known, right) = (new long[classes.Count], new long[classes.Count], new long[classes.Count]);
        text = Text(Open(path));
        text.WriteLine("path,label,class,probability");
    }

    /// <summary>Images with a known class, and those taken for it.</summary>
    public (long Labelled, long Right) Known => (known.Sum() + untold.Values.Sum(), right.Sum());

    /// <summary>Classes of images that are none of the table's, with their images.</summary>
    public IReadOnlyDictionary<string, long> Untold => untold;

    /// <summary>Mean probability of the classes that images were taken for; 0 without images.</summary>
    public double MeanProbability => probabilities / Math.Max(1, taken.Sum());

    /// <summary>The classes with the images that were taken for each, and those that are known to be of each.</summary>
    public IReadOnlyList<ClassifiedClass> Classes => [.. classes.Select((name, i) => new ClassifiedClass(name, taken[i]) { Labelled = known[i], Right = right[i] })];

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> probabilities)
    {
        int most = TensorPrimitives.IndexOfMax(probabilities);
        text.WriteLine($"{Names(name, label)},{DelimitedFile.Quote(classes[most])},{Digits(probabilities[most])}");
        taken[most]++;
        this.probabilities += probabilities[most];
        if (label is null) return;
        int own = Array.IndexOf(told, label);
        if (own < 0)
        {
            untold[label] = untold.GetValueOrDefault(label) + 1;
            return;
        }
        known[own]++;
        if (own == most) right[own]++;
    }

    protected override void Finish() => text.Flush();
}
