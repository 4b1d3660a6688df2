using System.Text.Json;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Methods;
using WclSharp.Optimizers;
using WclSharp.Training;

namespace WclSharp.Checkpoints;

/// <summary>
/// Checkpoints of a run: a folder each (<c>encoder.safetensors</c> with torchvision's names, <c>heads.safetensors</c>,
/// <c>optimizer.safetensors</c>, <c>method.safetensors</c> where the method has state, <c>state.json</c>), and two small files, <c>last.json</c> and <c>best.json</c>, that name the
/// folder. These are replaced last and atomically: whenever the process dies, they name a checkpoint that is whole.
/// </summary>
internal sealed class CheckpointStore(string folder)
{
    private const string Encoder = ResultNames.Encoder, Heads = "heads.safetensors", OptimizerState = "optimizer.safetensors", MethodState = "method.safetensors", State = "state.json";
    private const string LastName = "last.json", BestName = "best.json";
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true };

    /// <summary>Of <c>state.json</c>; 5 since the fingerprint of some images is that of themselves, whatever was read beside them.</summary>
    public const int Format = 5;

    private sealed record Pointer(string Folder);

    /// <summary>Folder of the last checkpoint, which without <c>last.json</c> is the newest whole one; null when there is none.</summary>
    public string? Last => Follow(LastName) ?? Newest();

    /// <summary>Whether <c>last.json</c> is there.</summary>
    public bool IsLastNamed => File.Exists(Path.Combine(folder, LastName));

    /// <summary>What the last checkpoint says of itself; null when there is none.</summary>
    /// <exception cref="WclUsageException">It cannot be read.</exception>
    public CheckpointState? LastState => Last is { } last ? ReadState(last) : null;

    /// <summary>Folder of the checkpoint with the best kNN accuracy; null when there is none, or nothing that can be read names it.</summary>
    public string? Best => Follow(BestName, needed: false);

    /// <summary>Writes a checkpoint, makes it the last (and the best), and deletes what neither name points to.</summary>
    /// <returns>Its folder.</returns>
    public string Save(WclModel model, Optimizer optimizer, Method method, CheckpointState state, IReadOnlyDictionary<string, string> encoderFacts, bool best)
    {
        // What the names point to stays whole until they point elsewhere, even where a step is saved anew.
        string?[] named = Named();
        DeleteOthers(); // what a save that failed left: on a full disk there is no room for both
        string step = $"step-{state.Step:D8}", name = step;
        for (int again = 2; named.Contains(Path.Combine(folder, name)); again++) name = $"{step}-{again}";
        string target = Path.Combine(folder, name);
        try
        {
            Directory.CreateDirectory(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclException($"Could not make the folder '{target}': {WriteAdvice.Reason(e)}. {WriteAdvice.For(e)}.", e);
        }

        SafetensorsFile.Write(Path.Combine(target, Encoder), ModuleWeights.Of(model.Encoder), encoderFacts);
        SafetensorsFile.Write(Path.Combine(target, Heads), model.Heads.SelectMany(h => ModuleWeights.Of(h.Module, h.Prefix)));
        SafetensorsFile.Write(Path.Combine(target, OptimizerState), optimizer.NamedState());
        List<string> written = [Encoder, Heads, OptimizerState];
        if (method.NamedState() is { Count: > 0 } methodState)
        {
            SafetensorsFile.Write(Path.Combine(target, MethodState), methodState);
            written.Add(MethodState);
        }
        var files = written.ToDictionary(f => f, f => FileHash.Of(Path.Combine(target, f)));
        AtomicFile.WriteText(Path.Combine(target, State), JsonSerializer.Serialize(state with { Files = files }, Json));
        // The best first: what is named last counts as done, and is not measured again where the process dies between the two.
        if (best) Name(BestName, target);
        Name(LastName, target);
        DeleteOthers();
        return target;
    }

    /// <summary>Reads the last checkpoint into a model, optimiser and method.</summary>
    /// <returns>Its state.</returns>
    /// <exception cref="WclUsageException">There is none, a file is damaged, or it fits another network.</exception>
    public CheckpointState LoadLast(WclModel model, Optimizer optimizer, Method method)
    {
        string source = Last ?? throw new WclUsageException($"No checkpoint under '{folder}' to resume from; start without --resume and with a new --out.");
        var state = ReadState(source);
        foreach (var (file, hash) in state.Files)
        {
            string path = Path.Combine(source, file);
            if (!File.Exists(path) || FileHash.Of(path) != hash)
                throw new WclUsageException($"The checkpoint file '{path}' is damaged (its SHA-256 is not the one in {State}); copy it back, or {Instead(source)}.");
        }

        using var encoder = SafetensorsFile.Read(Path.Combine(source, Encoder));
        using var heads = SafetensorsFile.Read(Path.Combine(source, Heads));
        using var optimizerState = SafetensorsFile.Read(Path.Combine(source, OptimizerState));
        ModuleWeights.Load(model.Encoder, encoder.Tensors, "", source);
        foreach (var (prefix, module) in model.Heads) ModuleWeights.Load(module, heads.Tensors, prefix, source);
        optimizer.Load(optimizerState.Tensors, state.Step);
        if (state.Files.ContainsKey(MethodState))
        {
            using var methodState = SafetensorsFile.Read(Path.Combine(source, MethodState));
            method.Load(methodState.Tensors);
        }

        // The process that wrote the first one may have died before it named it, and then it is the best so far too.
        if (state.BestKnn is not null && !IsLastNamed && !File.Exists(Path.Combine(folder, BestName))) Name(BestName, source);
        DeleteOthers();
        return state;
    }

    private void Name(string pointer, string checkpoint) => AtomicFile.WriteText(Path.Combine(folder, pointer), JsonSerializer.Serialize(new Pointer(Path.GetFileName(checkpoint)), Json));

    /// <summary>The encoder's weights of a checkpoint folder.</summary>
    public static string EncoderFile(string checkpoint) => Path.Combine(checkpoint, Encoder);

    /// <summary>The heads' weights of a checkpoint folder.</summary>
    public static string HeadsFile(string checkpoint) => Path.Combine(checkpoint, Heads);

    private CheckpointState ReadState(string source)
    {
        string path = Path.Combine(source, State);
        try
        {
            var state = JsonSerializer.Deserialize<CheckpointState>(File.ReadAllText(path), Json) ?? throw new JsonException("there is nothing in it");
            return state.Format == Format ? state : throw new WclUsageException($"'{path}' has format {state.Format}, where this version goes on from format {Format}; end the run with the version that began it, or start anew with another --out and --init '{source}'.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The checkpoint '{path}' cannot be read ({ErrorText.Of(e)}); {(e is UnauthorizedAccessException ? "make it readable" : Instead(source))}.", e);
        }
    }

    /// <summary>What to do where a checkpoint is damaged or gone: go on from the newest other one that is whole, or start anew.</summary>
    private string Instead(string damaged)
    {
        string? whole = Directory.GetDirectories(folder, "step-*").Where(step => step != damaged && IsWhole(step)).MaxBy(Path.GetFileName, StringComparer.Ordinal);
        if (whole is null) return "start anew with another --out";
        string last = Path.Combine(folder, LastName);
        string[] delete = [.. new[] { last, damaged }.Where(Path.Exists).Select(path => $"'{path}'")];
        return $"delete {string.Join(" and ", delete)} to go on from '{whole}', which is whole";
    }

    private static bool IsWhole(string checkpoint)
    {
        try
        {
            return JsonSerializer.Deserialize<CheckpointState>(File.ReadAllText(Path.Combine(checkpoint, State)), Json) is { Format: Format } state
                && state.Files.All(file => Path.Combine(checkpoint, file.Key) is var path && File.Exists(path) && FileHash.Of(path) == file.Value);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string? Follow(string pointer, bool needed = true)
    {
        string path = Path.Combine(folder, pointer);
        if (!File.Exists(path)) return null;
        try
        {
            string target = Path.Combine(folder, JsonSerializer.Deserialize<Pointer>(File.ReadAllText(path), Json)?.Folder ?? throw new JsonException("it names no folder"));
            return Directory.Exists(target) ? target : !needed ? null : throw new WclUsageException($"'{path}' names the checkpoint '{target}', which is gone; {Instead(target)}.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            if (!needed) return null;
            throw new WclUsageException($"'{path}' cannot be read ({ErrorText.Of(e)}); delete it to go on from the newest checkpoint, or start anew with another --out.", e);
        }
    }

    /// <summary>The newest checkpoint that is whole, whose state is written last: the process can die before <c>last.json</c> names it.</summary>
    private string? Newest() => Directory.Exists(folder)
        ? Directory.GetDirectories(folder, "step-*").Where(step => File.Exists(Path.Combine(step, State))).MaxBy(Path.GetFileName, StringComparer.Ordinal)
        : null;

    /// <summary>The checkpoints that the two names point to. A name that is damaged, or whose checkpoint somebody deleted, holds nothing up here.</summary>
    private string?[] Named() => [Follow(LastName, needed: false) ?? Newest(), Follow(BestName, needed: false)];

    private void DeleteOthers()
    {
        foreach (string other in Directory.GetDirectories(folder, "step-*").Except(Named().OfType<string>()))
        {
            try { Directory.Delete(other, recursive: true); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* a file that is in use stays; it does no harm */ }
        }
    }
}
