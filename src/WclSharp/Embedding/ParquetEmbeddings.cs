using Parquet;
using Parquet.Schema;

namespace WclSharp.Embedding;

/// <summary>A Parquet file: path, label (null where there is none) and features, a list of float32. Rows are kept for one row group only.</summary>
internal sealed class ParquetEmbeddings : EmbeddingFile
{
    private const int LargestGroup = 8192, GroupFloats = 4 << 20; // 16 MiB of numbers
    private readonly DataField<string> pathField = new("path", false), labelField = new("label", true);
    private readonly DataField<float> featureField = new("element", false);
    private readonly ParquetWriter writer;
    private readonly List<string> paths = [];
    private readonly List<string?> labels = [];
    private readonly float[] features;
    private readonly int featureSize, groupRows;

    public ParquetEmbeddings(string path, int featureSize)
    {
        this.featureSize = featureSize;
        groupRows = Math.Clamp(GroupFloats / featureSize, 1, LargestGroup);
        features = new float[groupRows * featureSize];
        var schema = new ParquetSchema(pathField, labelField, new ListField("features", featureField));
        writer = Wait(ParquetWriter.CreateAsync(schema, Open(path)));
    }

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> features)
    {
        features.CopyTo(this.features.AsSpan(paths.Count * featureSize));
        paths.Add(name);
        labels.Add(label);
        if (paths.Count == groupRows) WriteGroup();
    }

    protected override void Finish()
    {
        if (paths.Count > 0) WriteGroup();
        writer.DisposeAsync().AsTask().GetAwaiter().GetResult(); // writes the footer
    }

    private void WriteGroup()
    {
        // Dremel's levels. Repetition: 0 where a row begins, 1 within its list. Definition: every number is there.
        int[] repetition = new int[paths.Count * featureSize], definition = new int[repetition.Length];
        for (int i = 0; i < repetition.Length; i++) repetition[i] = i % featureSize == 0 ? 0 : 1;
        Array.Fill(definition, featureField.MaxDefinitionLevel);
        using var group = writer.CreateRowGroup();
        group.WriteAsync(pathField, paths).GetAwaiter().GetResult();
        group.WriteAsync(labelField, labels!).GetAwaiter().GetResult();
        group.WriteAllPartsAsync<float>(featureField, features.AsMemory(0, repetition.Length), definition, repetition, CancellationToken.None).GetAwaiter().GetResult();
        group.CompleteValidate();
        paths.Clear();
        labels.Clear();
    }

    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
