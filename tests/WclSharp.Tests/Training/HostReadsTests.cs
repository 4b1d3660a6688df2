using System.Reflection;
using TorchSharp;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>
/// What a training step may come to and reads a tensor's values on the host, by the compiled code: on a GPU each such look waits until all that was asked for is done. A place that is not named here
/// fails the test; name it with the reason for which it does not wait, or do without it.
/// </summary>
public class HostReadsTests
{
    /// <summary>Operators that hand values to the host, or whose result has a shape that hangs on values.</summary>
    private static readonly string[] Reads =
    [
        "item", "ToScalar", "ToBoolean", "ToByte", "ToSByte", "ToInt16", "ToInt32", "ToInt64", "ToHalf", "ToSingle", "ToDouble", "ToComplexFloat32", "ToComplexFloat64", "op_Explicit", "data", "tolist", "cpu", "get_bytes", "get_CPU",
        "equal", "allclose", "nonzero", "nonzero_as_list", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount", "repeat_interleave", "multinomial",
    ];

    private static readonly Dictionary<string, string> Known = new()
    {
    };

    [Fact]
    public void AStep_ReadsNothing_ButWhereItMay()
    {
        var graph = new CallGraph(typeof(Trainer).Assembly);
        var steps = graph.ReachableFrom(typeof(Trainer).GetMethods(BindingFlags.NonPublic | BindingFlags.Instance).Where(method => method.Name is "TakeStep" or "Next"));
        string[] readers = [.. steps.Where(method => graph.CallsFrom(method).Any(IsRead)).Select(NameOf).Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(Known.Keys.Order(StringComparer.Ordinal), readers);
    }

    private static bool IsRead(MethodBase called) => called.DeclaringType?.Assembly == typeof(torch).Assembly && Reads.Contains(called.Name);

    private static string NameOf(MethodBase method) => $"{method.DeclaringType!.FullName}.{method.Name}";
}
