using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace WclSharp.Files;

/// <summary>Objects as JSON: on one line for programs, indented for files that people open.</summary>
internal static class JsonText
{
    /// <summary>One line, with its end.</summary>
    public static byte[] Line<T>(T value, JsonTypeInfo<T> type) => [.. JsonSerializer.SerializeToUtf8Bytes(value, type), (byte)'\n'];

    /// <summary>Indented, with letters and apostrophes as they are.</summary>
    public static byte[] Page<T>(T value, JsonTypeInfo<T> type)
    {
        var readable = new JsonSerializerOptions(type.Options) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        return Line(value, (JsonTypeInfo<T>)readable.GetTypeInfo(typeof(T)));
    }

    /// <summary>Whether a file has an object of a type, with all that it requires.</summary>
    public static bool Is<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) is not null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a file of one object.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">How it is read.</param>
    /// <param name="advice">What to do where it is damaged.</param>
    /// <exception cref="WclUsageException">It is damaged.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> type, string advice)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new JsonException("there is nothing in it");
        }
        catch (JsonException e)
        {
            throw new WclUsageException($"{path} is damaged ({ErrorText.Of(e)}); {advice}.", e);
        }
    }
}
