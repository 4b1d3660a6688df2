using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using WclSharp.Files;

namespace WclSharp.Cli.Commands;

/// <summary>The <c>--json FILE</c> of commands that measure.</summary>
internal static class JsonFile
{
    public static Option<string> Option() => OutputFile.Option("--json", "Write the result as JSON too [default: none]", makesFolder: true);

    /// <summary>Writes one object; does nothing without a path.</summary>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string? path, Action<Utf8JsonWriter> properties) => WriteFile(path, stream =>
    {
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            properties(writer);
            writer.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    });

    /// <summary>Writes a result as the file of its folder has it; does nothing without a path.</summary>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write<T>(string? path, T result, JsonTypeInfo<T> type) => WriteFile(path, stream => stream.Write(JsonText.Page(result, type)));

    private static void WriteFile(string? path, Action<Stream> write)
    {
        if (path is null) return;
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        AtomicFile.Write(path, write, option: "--json");
    }
}
