using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using WclSharp.Data;

namespace WclSharp.Files;

/// <summary>A file of one JSON object a line.</summary>
/// <param name="path">The file.</param>
/// <param name="type">How a line is read and written.</param>
internal sealed class JsonLines<T>(string path, JsonTypeInfo<T> type)
{
    /// <summary>The objects; none where there is no file. A last line that a crash cut short is left out.</summary>
    /// <exception cref="WclUsageException">A line is damaged, or the file cannot be read.</exception>
    public List<T> Read()
    {
        string[] lines = Text().Split('\n'); // a whole file ends in a line break: its last piece is empty
        List<T> items = [];
        foreach (var (index, line) in lines.SkipLast(1).Index())
        {
            try
            {
                items.Add(JsonSerializer.Deserialize(line, type) ?? throw new JsonException());
            }
            catch (JsonException e)
            {
                throw new WclUsageException($"{path}, line {index + 1} is damaged: {line.Trim()}; put it right, or delete the line.", e);
            }
        }

        return items;
    }

    private string Text()
    {
        try
        {
            // A run may add a line meanwhile, which a reader on Windows would keep it from.
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"{path} cannot be read: {ErrorText.Of(e)}. Make it readable.", e);
        }
    }

    /// <summary>Writes the whole file.</summary>
    /// <exception cref="WclException">It cannot be written; the old one is untouched.</exception>
    public void Write(IEnumerable<T> items) => AtomicFile.Write(path, stream =>
    {
        foreach (var item in items) stream.Write(JsonText.Line(item, type));
    });

    /// <summary>Adds a line; it is on the disk when this returns.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public void Append(T item)
    {
        using var stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        stream.Write(JsonText.Line(item, type));
        DiskFlush.Of(stream);
    }
}
