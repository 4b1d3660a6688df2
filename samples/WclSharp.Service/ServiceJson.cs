using System.Text.Json.Serialization;
using WclSharp.Inference;

namespace WclSharp.Service;

/// <summary>What <c>/health</c> answers.</summary>
/// <param name="Images">Images in the index.</param>
/// <param name="Features">Numbers of a feature vector.</param>
/// <param name="Classes">Classes of the classifier; 0 without one.</param>
internal sealed record Health(int Images, int Features, int Classes);

/// <summary>How answers become JSON, known when the program is built, so that it can be trimmed and compiled ahead of time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<SearchHit>))]
[JsonSerializable(typeof(IReadOnlyList<ClassProbability>))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(string))]
internal sealed partial class ServiceJson : JsonSerializerContext;
