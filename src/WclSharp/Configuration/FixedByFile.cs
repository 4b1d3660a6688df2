using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>
/// What a configuration file fixes that would follow from an option of the command line. The file of a run has every option: another
/// preset over it changes little but the name that the new run has.
/// </summary>
internal static class FixedByFile
{
    /// <summary>A warning for every option of the command line over another value of the file, where the file fixes what follows from it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="given">Options of the command line.</param>
    /// <param name="asked">What file and command line come to.</param>
    /// <exception cref="WclUsageException">The file cannot be read.</exception>
    public static IEnumerable<string> Warnings(string path, IReadOnlyCollection<PretrainOption> given, PretrainOptions asked)
    {
        var file = ConfigFile.Read(path, new PretrainOptions { Preset = null! }); // null shows whether the file names one
        foreach (var (name, followers) in ((string, IReadOnlyList<string>)[])[("preset", Presets.Decided), ("optimizer", ["lr", "weight-decay"]), ("batch", ["lr"])])
        {
            var option = PretrainOptionTable.Find(name)!;
            if (!given.Contains(option) || option.Show(file) is not { } before || before == option.Show(asked)) continue;
            string[] fixedOptions = [.. followers.Select(follower => PretrainOptionTable.Find(follower)!).Where(follower => follower.Show(file) is not null && !given.Contains(follower)).Select(follower => $"--{follower.Name}")];
            if (fixedOptions.Length > 0)
                yield return $"--{name} {option.Show(asked)} leaves as {path} has them, for {before}: {string.Join(", ", fixedOptions)}. Take out of the file what is to follow, or give it.";
        }
    }
}
