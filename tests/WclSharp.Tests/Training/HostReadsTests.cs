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

    /// <summary>Where such an operator may be come to, and why it does not make a step wait.</summary>
    private static readonly Dictionary<string, string> Known = new()
    {
        ["WclSharp.Kernels.TensorMemory.Bytes"] = "the address of what lies on the processor",
        ["WclSharp.Losses.LossArguments.Values"] = "labels and places are looked at on the processor alone",
        ["WclSharp.Losses.RelationLoss.HasOwnRows"] = "sets are looked at on the processor alone",
        ["WclSharp.Losses.SelfPartition.LargestProduct"] = "products of rows among themselves go by pairs on the processor alone",
        ["WclSharp.Training.EpochSums.Agreement"] = "of an epoch's last step",
        ["WclSharp.Training.FiniteLoss.Require"] = "of every 20th step, and an epoch's last",
    };

    [Fact]
    public void AStep_ReadsNothing_ButWhereItMay()
    {
        var graph = new CallGraph(typeof(Trainer).Assembly);
        var first = typeof(Trainer).GetMethods(BindingFlags.NonPublic | BindingFlags.Instance).Where(method => method.Name is "TakeStep" or "Next");
        var step = graph.ReachableFrom(first);
        string[] readers = [.. step.Where(method => graph.CallsFrom(method).Any(IsRead)).Select(NameOf).Distinct().Order(StringComparer.Ordinal)];
        Assert.True(Known.Keys.ToHashSet().SetEquals(readers), $"Read on the host: {string.Join(", ", readers)}");
        // It goes far enough to see them: into overrides, lambdas and what makes views.
        string[] far = ["WclSharp.Methods.FnCancel.Losses", "WclSharp.Graphs.ConnectedComponents.LabelOfChecked", "WclSharp.Augmentation.MatrixResampler.Resample", "WclSharp.Optimizers.Lars.Update", "WclSharp.Training.LocalViews.Make"];
        Assert.Empty(far.Except(step.Select(NameOf)));
    }

    private static bool IsRead(MethodBase called) => called.DeclaringType?.Assembly == typeof(torch).Assembly && Reads.Contains(called.Name);

    /// <summary>The method's name; of a lambda or local function, that of the method which it is in.</summary>
    private static string NameOf(MethodBase method)
    {
        var type = method.DeclaringType!;
        while (type.Name.StartsWith('<') && type.DeclaringType is { } outer) type = outer;
        string name = method.Name.StartsWith('<') ? method.Name[1..method.Name.IndexOf('>')] : method.Name;
        return $"{type.FullName}.{name}";
    }
}
