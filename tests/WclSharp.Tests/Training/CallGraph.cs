using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace WclSharp.Tests.Training;

/// <summary>Which methods of an assembly call which, by their compiled code: what a run may come to, not what one run came to.</summary>
/// <remarks>
/// A call of a virtual or interface method may be one of any override in the assembly; a delegate that is made may be called; whoever makes an iterator or an asynchronous
/// method runs it. So more is found than can happen, and nothing less, but for what reflection calls.
/// </remarks>
internal sealed class CallGraph
{
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields().Select(field => field.GetValue(null)).OfType<OpCode>().ToDictionary(code => code.Value);

    private readonly Dictionary<MethodBase, MethodBase[]> calls = [];
    private readonly ILookup<MethodBase, MethodBase> overrides;

    public CallGraph(Assembly assembly)
    {
        var types = assembly.GetTypes();
        foreach (var method in types.SelectMany(MethodsOf)) calls[method] = [.. CallsOf(method).Distinct()];
        overrides = types.Where(type => !type.IsInterface).SelectMany(OverridesOf).ToLookup(pair => pair.Called, pair => pair.Runs);
    }

    /// <summary>Methods of the assembly that may run once one of the given ones does, these included.</summary>
    public HashSet<MethodBase> ReachableFrom(params IEnumerable<MethodBase> first)
    {
        HashSet<MethodBase> found = [.. first.Select(Definition)];
        var waiting = new Queue<MethodBase>(found);
        while (waiting.TryDequeue(out var method))
        {
            foreach (var runs in calls.GetValueOrDefault(method, []).SelectMany(called => overrides[called].Append(called)).Where(calls.ContainsKey))
                if (found.Add(runs)) waiting.Enqueue(runs);
        }
        return found;
    }

    /// <summary>What a method calls, whichever assembly it is from.</summary>
    public IReadOnlyList<MethodBase> CallsFrom(MethodBase method) => calls[method];

    private static IEnumerable<MethodBase> MethodsOf(Type type) => [.. type.GetMethods(Declared), .. type.GetConstructors(Declared)];

    private static IEnumerable<(MethodBase Called, MethodBase Runs)> OverridesOf(Type type)
    {
        foreach (var method in type.GetMethods(Declared))
            for (var original = method; original.GetBaseDefinition() is var first && Definition(first) != Definition(original); original = first) yield return (Definition(first), method);
        if (type.IsGenericTypeDefinition) yield break; // GetInterfaceMap does not take them; the assembly's own are not called by an interface
        foreach (var contract in type.GetInterfaces().Where(contract => contract.Namespace?.StartsWith("System.Collections", StringComparison.Ordinal) != true)) // iterators run where they are made
        {
            var map = type.GetInterfaceMap(contract);
            for (int i = 0; i < map.InterfaceMethods.Length; i++) yield return (Definition(map.InterfaceMethods[i]), Definition(map.TargetMethods[i]));
        }
    }

    private static IEnumerable<MethodBase> CallsOf(MethodBase method)
    {
        if (method.GetCustomAttribute<StateMachineAttribute>() is { } machine)
            foreach (var step in MethodsOf(machine.StateMachineType)) yield return step;
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (int at = 0; at < code.Length;)
        {
            short value = code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at];
            var instruction = OpCodesByValue[value];
            at += instruction.Size;
            if (instruction.OperandType == OperandType.InlineMethod)
            {
                int token = BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at));
                yield return Definition(method.Module.ResolveMethod(token, ArgumentsOf(method.DeclaringType), method.IsGenericMethod ? method.GetGenericArguments() : null)!);
            }
            at += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)),
                _ => 4,
            };
        }
    }

    private static Type[]? ArgumentsOf(Type? type) => type is { IsGenericType: true } ? type.GetGenericArguments() : null;

    /// <summary>The method as it is declared, whatever types it is called with.</summary>
    private static MethodBase Definition(MethodBase method)
    {
        if (method is MethodInfo { IsGenericMethod: true, IsGenericMethodDefinition: false } generic) method = generic.GetGenericMethodDefinition();
        if (method.DeclaringType!.IsArray) return method; // whose methods are declared nowhere
        return method.DeclaringType is { IsGenericType: true, IsGenericTypeDefinition: false } type
            ? MethodBase.GetMethodFromHandle(method.MethodHandle, type.GetGenericTypeDefinition().TypeHandle)!
            : method.Module.ResolveMethod(method.MetadataToken)!; // as its own type reflects it, not one that inherits it
    }
}
