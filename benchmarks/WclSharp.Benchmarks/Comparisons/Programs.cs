namespace WclSharp.Benchmarks.Comparisons;

/// <summary>Where the programs that are compared lie.</summary>
internal static class Programs
{
    private static readonly Lazy<string> root = new(FindRoot);

    /// <summary>The command <c>wcl</c>, built along with this program.</summary>
    public static MeasuredProgram Wcl(params string[] arguments) =>
        new("WclSharp", Path.Combine(root.Value, "src", "WclSharp.Cli", "bin", "Release", "net10.0", OperatingSystem.IsWindows() ? "wcl.exe" : "wcl"), arguments);

    /// <summary>This program with other arguments.</summary>
    public static MeasuredProgram Ourselves(params string[] arguments)
    {
        string program = Environment.ProcessPath!;
        // The program itself, or dotnet with the program's file.
        return new("WclSharp", program, Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(Programs).Assembly.Location, .. arguments] : arguments);
    }

    /// <summary>A Python program; the variable PYTHON names another interpreter.</summary>
    public static MeasuredProgram Python(string name, params string[] arguments) =>
        new(name, Environment.GetEnvironmentVariable("PYTHON") ?? "/usr/bin/python3", arguments);

    /// <summary>A file of benchmarks/compare.</summary>
    public static string Script(string name) => Path.Combine(root.Value, "benchmarks", "compare", name);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "WclSharp.slnx"))) return folder.FullName;
        throw new WclException("The comparison runs where it was built, inside the repository.");
    }
}
