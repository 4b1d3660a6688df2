namespace WclSharp.Reporting;

/// <summary>Names for pictures of files: the ends of their paths, with as many folders as it takes to tell the files of one picture apart.</summary>
internal static class DistinctPaths
{
    /// <summary>For each path the file name, lengthened by folders until no other of these paths is shown alike; equal paths are.</summary>
    public static string[] Of(IReadOnlyList<string> paths)
    {
        string[][] parts = [.. paths.Select(path => path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar))];
        var shown = new string[paths.Count];
        int[] open = [.. Enumerable.Range(0, paths.Count)];
        for (int length = 1; open.Length > 0; length++)
        {
            var ends = open.ToLookup(i => string.Join('/', parts[i].TakeLast(length)));
            foreach (var end in ends)
                foreach (int i in end) shown[i] = end.Key;
            // A path that is all shown has no more to show, and only others can be lengthened.
            open = [.. ends.Where(end => end.Select(i => paths[i]).Distinct().Skip(1).Any()).SelectMany(end => end).Where(i => parts[i].Length > length)];
        }

        return shown;
    }

    /// <summary>A name of <see cref="Of"/> as two lines: the file, and where it is, if that is needed.</summary>
    public static (string File, string? Within) Lines(string shown) => shown.LastIndexOf('/') is >= 0 and var slash ? (shown[(slash + 1)..], $"in {shown[..slash]}") : (shown, null);
}
