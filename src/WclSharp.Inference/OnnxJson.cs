using System.Text.Json.Serialization;

namespace WclSharp.Inference;

/// <summary>JSON in a file's metadata.</summary>
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class OnnxJson : JsonSerializerContext;
