namespace WclSharp.Comparisons;

/// <summary>A run of a comparison whose training diverged: <c>diverged.json</c> in its folder. It has no figures.</summary>
/// <param name="Method">Method, as on the command line.</param>
/// <param name="Seed">Seed of everything random in the run.</param>
/// <param name="Folder">Run folder, relative to the comparison's.</param>
/// <param name="Message">What was not finite, and when.</param>
public sealed record DivergedRun(string Method, long Seed, string Folder, string Message);
