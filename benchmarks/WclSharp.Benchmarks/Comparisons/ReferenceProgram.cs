using System.Globalization;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>The plain PyTorch WCL that is compared with. It fixes its threads at two; <c>threads.py</c> takes that back.</summary>
internal static class ReferenceProgram
{
    /// <param name="threads">Threads that it computes on.</param>
    /// <param name="name">What it is, for people.</param>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    public static MeasuredProgram On(int threads, string name, string file, params string[] arguments) =>
        Programs.Python(name, [Programs.Script("threads.py"), threads.ToString(CultureInfo.InvariantCulture), file, .. arguments]) with { Threads = threads };
}
