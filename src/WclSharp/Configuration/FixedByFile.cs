using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>
/// What a configuration file fixes that would follow from options of the command line. The file of a run has every option as it was resolved: another preset over
/// it changes little but the name that the new run has, and larger crops keep the first layers and the blur of small ones.
/// </summary>
/// <remarks>What follows from what is not written down a second time: an option follows where <see cref="Presets.Resolve"/>, left to set it, sets another value for the command line than for the file.</remarks>
internal static class FixedByFile
{
    /// <summary>A warning that names the options which the file fixes so; null where there are none.</summary>
    /// <param name="json">The file's text.</param>
    /// <param name="path">Its name.</param>
    /// <param name="given">Options of the command line.</param>
    /// <param name="asked">What file and command line come to.</param>
    /// <exception cref="WclUsageException">The file is wrong.</exception>
    public static string? Warning(string json, string path, IReadOnlyCollection<PretrainOption> given, PretrainOptions asked)
    {
        if (given.Count == 0) return null;
        var file = ConfigFile.Parse(json, new PretrainOptions(), path);
        // What the file of a run leaves out was not set; what another leaves out it leaves to the command line.
        var before = Resolved(file, []) == file ? file : ConfigFile.Parse(json, asked, path);
        List<PretrainOption> followers = [];
        while (PretrainOptionTable.All.Where(Follows).ToArray() is { Length: > 0 } more) followers.AddRange(more); // these may have followers of their own
        if (followers.Count == 0) return null;
        string names = string.Join(", ", PretrainOptionTable.All.Where(followers.Contains).Select(option => $"--{option.Name} {option.Show(file)}"));
        return $"{path} fixes what would follow from the command line: {names}. Take out of the file what is to follow, or give it.";

        bool Follows(PretrainOption option)
        {
            if (option.Show(file) is not { } kept || given.Contains(option) || followers.Contains(option) || (option.OnlyFor is { } method && method != asked.Method)) return false;
            PretrainOption[] unset = [.. followers, option];
            if (Resolved(before, unset) is not { } old || Resolved(asked, unset) is not { } now) return false;
            return option.Show(now) != option.Show(old) && option.Show(now) != kept;
        }
    }

    /// <summary>Options with some of them left to be set, for images of which nothing is known; null where the others do not go together.</summary>
    private static PretrainOptions? Resolved(PretrainOptions options, IReadOnlyCollection<PretrainOption> unset)
    {
        var set = PretrainOptionTable.Only(options, option => !unset.Contains(option));
        try
        {
            return Presets.Resolve(set, new DataFacts(DataFacts.NotRead, Side: null, Embedded: set.Data is null)).Options;
        }
        catch (WclUsageException)
        {
            return null;
        }
    }
}
