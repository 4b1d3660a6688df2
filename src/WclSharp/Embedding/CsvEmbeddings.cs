using System.Globalization;

namespace WclSharp.Embedding;

/// <summary>A CSV file: path, label and numbers f0, f1, .. of each image.</summary>
internal sealed class CsvEmbeddings : EmbeddingFile
{
    private readonly StreamWriter text;

    public CsvEmbeddings(string path, int featureSize)
    {
        text = Text(Open(path));
        text.Write("path,label");
        for (int i = 0; i < featureSize; i++) text.Write(string.Create(CultureInfo.InvariantCulture, $",f{i}"));
        text.WriteLine();
    }

    protected override void AddRow(string name, string? label, ReadOnlySpan<float> features)
    {
        text.Write(Names(name, label));
        foreach (float value in features)
        {
            text.Write(',');
            text.Write(Digits(value));
        }
        text.WriteLine();
    }

    protected override void Finish() => text.Flush();
}
