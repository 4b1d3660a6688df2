using System.Numerics.Tensors;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Evaluation;

namespace WclSharp.Classification;

/// <summary>A CSV file: path, known class, most probable class and its probability of each image, or those of all classes; and what they come to.</summary>
internal sealed class ClassTable : EmbeddingFile
{
    private readonly StreamWriter text;
    private readonly IReadOnlyList<string> classes;
    private readonly Dictionary<string, int> told = []; // the classes' places, by their names as labels spell them
    private readonly bool all; // probabilities
    private readonly long[] predicted, labelledPredicted, known, right; // by class: predicted as it, of these those of a known class, of it, predicted as it and of it
    private readonly SortedDictionary<string, long> unknown = new(StringComparer.Ordinal); // images of classes that are none of the table's
    private double probabilities;

    /// <param name="path">The file.</param>
    /// <param name="classes">The classes, in the order of the probabilities.</param>
    /// <param name="all">Whether every class has a column.</param>
    public ClassTable(string path, IReadOnlyList<string> classes, bool all)
    {
        (this.classes, this.all) = (classes, all);
        foreach (var (i, name) in classes.Index()) told.TryAdd(ComposedText.Of(name), i);
        (predicted, labelledPredicted, known, right) = (new long[classes.Count], new long[classes.Count], new long[classes.Count], new long[classes.Count]);
        text = Text(Open(path));
        text.WriteLine("path,label,class,probability" + (all ? string.Concat(classes.Select(name => $",{DelimitedFile.Quote($"p({name})")}")) : ""));
    }

    /// <summary>Images with a known class, and those predicted as it.</summary>
    public (long Labelled, long Correct) Known => (known.Sum() + unknown.Values.Sum(), right.Sum());

    /// <summary>Classes of images that are none of the table's, with their images.</summary>
    public IReadOnlyDictionary<string, long> UnknownClasses => unknown;

    /// <summary>Mean probability of the predicted classes; 0 without images.</summary>
    public double MeanProbability => probabilities / Math.Max(1, predicted.Sum());

    /// <summary>The classes with the images that are predicted as each, and those that are known to be of each.</summary>
    public IReadOnlyList<ClassifiedClass> Classes => [.. classes.Select((name, i) => new ClassifiedClass { Name = name, Images = predicted[i], Labelled = known[i], Correct = right[i], LabelledPredicted = labelledPredicted[i] })];

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> probabilities)
    {
        int most = TensorPrimitives.IndexOfMax(probabilities);
        text.Write($"{Names(name, label)},{DelimitedFile.Quote(classes[most])},{Digits(probabilities[most])}");
        if (all)
        {
            foreach (float probability in probabilities) text.Write($",{Digits(probability)}");
        }
        text.WriteLine();
        predicted[most]++;
        this.probabilities += probabilities[most];
        if (label is null) return;
        labelledPredicted[most]++;
        if (!told.TryGetValue(label, out int own))
        {
            unknown[label] = unknown.GetValueOrDefault(label) + 1;
            return;
        }
        known[own]++;
        if (own == most) right[own]++;
    }

    protected override void Finish() => text.Flush();
}
