using System.Text;
using System.Text.Json;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>
/// Options as JSON: one object with the command line's names (<c>weight-decay</c> or <c>weight_decay</c>), comments and
/// trailing commas allowed. What <see cref="ToJson"/> writes, <see cref="Read"/> reads.
/// </summary>
internal static class ConfigFile
{
    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Sets the options that a file names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What they are set in.</param>
    /// <exception cref="WclUsageException">The file cannot be read, is not JSON, or has an unknown key or a wrong value.</exception>
    public static PretrainOptions Read(string path, PretrainOptions options) => Parse(ReadText(path), options, path);

    /// <summary>A file's text, for what looks at it more than once: a pipe gives it once.</summary>
    /// <exception cref="WclUsageException">It cannot be read.</exception>
    public static string ReadText(string path)
    {
        if (path.Length == 0) throw new WclUsageException("The path of the configuration file is empty; name one, or leave the option out.");
        if (Directory.Exists(path)) throw new WclUsageException($"The configuration file {path} is a folder; name a file, such as the config.json of a run.");
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The configuration file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Sets the options that JSON text names.</summary>
    /// <param name="json">The text.</param>
    /// <param name="options">What they are set in.</param>
    /// <param name="name">What the text is, for messages.</param>
    /// <exception cref="WclUsageException">It is not JSON, or has an unknown key or a wrong value.</exception>
    public static PretrainOptions Parse(string json, PretrainOptions options, string name)
    {
        using var document = ParseDocument(json, name);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new WclUsageException($"{name} holds no JSON object; expected {{ \"epochs\": 10, ... }}.");

        Dictionary<PretrainOption, string> met = [];
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            var option = PretrainOptionTable.Find(entry.Name) ?? throw Unknown(entry.Name, name);
            if (!met.TryAdd(option, entry.Name)) throw new WclUsageException($"\"{met[option]}\" and \"{entry.Name}\" in {name} are one option; leave one out.");
            options = option.Read(options, entry.Value, name);
        }

        return options;
    }

    /// <summary>The options as JSON, those that are not set left out, and those that name the run itself.</summary>
    public static byte[] ToJson(PretrainOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new() { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            foreach (var option in PretrainOptionTable.All)
                if (!option.NamesRun) option.Write(writer, options);
            writer.WriteEndObject();
        }

        stream.Write(Encoding.UTF8.GetBytes("\n"));
        return stream.ToArray();
    }

    /// <summary>Reads every name and text of an element.</summary>
    private static void ReadTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray()) ReadTexts(item);
                break;
            case JsonValueKind.Object:
                foreach (var entry in element.EnumerateObject())
                {
                    _ = entry.Name;
                    ReadTexts(entry.Value);
                }
                break;
        }
    }

    /// <summary>Parses text. The names and texts in it are whole: half a surrogate pair is an exception where it is asked for, not here.</summary>
    /// <exception cref="WclUsageException">It is not JSON, or has such a half.</exception>
    internal static JsonDocument ParseDocument(string json, string name)
    {
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(json, Lenient);
            ReadTexts(document.RootElement);
            return document;
        }
        catch (InvalidOperationException e)
        {
            document?.Dispose();
            throw new WclUsageException($"{name} has half a character (\\ud800 to \\udfff, of which two make one); write it whole.", e);
        }
        catch (JsonException e)
        {
            string where = e.LineNumber is { } line ? $", line {line + 1}" : "";
            throw new WclUsageException($"{name}{where} is not JSON: {e.Message.Split(" LineNumber")[0]}", e);
        }
    }

    private static WclUsageException Unknown(string key, string name)
    {
        var names = PretrainOptionTable.All.Select(option => option.Key);
        return new($"\"{key}\" in {name} is no option{NearestName.Question(key.Replace('-', '_'), names, nearest => $"\"{nearest}\"")}");
    }
}
