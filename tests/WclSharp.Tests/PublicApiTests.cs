using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using WclSharp.Inference;
using WclSharp.Training;

namespace WclSharp.Tests;

/// <summary>
/// What the libraries export is written down in PublicApi.approved.txt and PublicApi.Inference.approved.txt, so that a change shows in review. To accept a
/// change, run this test with WCLSHARP_APPROVE=1, which writes these files anew, and commit it.
/// </summary>
public sealed class PublicApiTests
{
    [Fact]
    public void PublicApi_OfTheLibrary_IsTheApprovedOne() => Check(typeof(Pretraining).Assembly, "PublicApi");

    [Fact]
    public void PublicApi_OfTheLightLibrary_IsTheApprovedOne() => Check(typeof(OnnxEncoder).Assembly, "PublicApi.Inference");

    /// <summary>Positional records break their callers with every value that is added: what has one is small, and is all that it will ever be.</summary>
    [Fact]
    public void Records_ThatMayGrow_HaveNoPositions() => Assert.Equal(
        [
            "ComparedMethod", "EncodedImage", "EpochDone", "Line", "Measured", "Normalization", "OptimizedParameter", "ReadingProgress", "Started", "Started", "Warning", "Warning", "WilsonInterval", "Working",
        ],
        Exported.Where(type => type.GetMethods().Any(method => method.Name == "Deconstruct")).Select(type => type.Name).Order(StringComparer.Ordinal));

    /// <summary>One quantity has one type, in options aside, whose numbers a person writes.</summary>
    [Fact]
    public void CountsOfResults_AreLong()
    {
        string[] counts = ["Images", "Labels", "Labelled", "Correct", "Copies", "Outliers", "Indexed", "GroupSize", "NearDuplicates", "NearDuplicatesChecked", "Resumed", "Ignored"];
        var properties = Exported.Where(type => type.GetMethod("<Clone>$") is not null && !type.Name.EndsWith("Options", StringComparison.Ordinal)).SelectMany(type => type.GetProperties());
        var found = properties.Where(property => counts.Contains(property.Name) || property.Name.EndsWith("Images", StringComparison.Ordinal) || property.Name.EndsWith("Labels", StringComparison.Ordinal)).ToArray();
        Assert.InRange(found.Length, 25, 100);
        Assert.Empty(found.Where(property => property.PropertyType == typeof(int) || property.PropertyType == typeof(int?)).Select(property => $"{property.DeclaringType!.Name}.{property.Name}"));
    }

    private static IEnumerable<Type> Exported => [.. typeof(Pretraining).Assembly.GetExportedTypes(), .. typeof(OnnxEncoder).Assembly.GetExportedTypes()];

    private static void Check(Assembly assembly, string name)
    {
        string received = ApiText.Of(assembly), approvedName = $"{name}.approved.txt";
        if (Environment.GetEnvironmentVariable("WCLSHARP_APPROVE") == "1")
        {
            string target = Path.Combine(SourceFolder(), approvedName);
            File.WriteAllText(target, received);
            Assert.Skip($"WCLSHARP_APPROVE=1: wrote {target} instead of comparing with it; commit it.");
        }

        string approvedFile = Path.Combine(AppContext.BaseDirectory, approvedName);
        string approved = File.Exists(approvedFile) ? File.ReadAllText(approvedFile).ReplaceLineEndings("\n") : "";
        if (approved == received) return;

        string receivedFile = Path.Combine(AppContext.BaseDirectory, $"{name}.received.txt");
        File.WriteAllText(receivedFile, received);
        Assert.Fail($"""
            The public API is not the approved one.
            {Changes(approved, received)}
            All of it is in {receivedFile}. To accept it, run this test with WCLSHARP_APPROVE=1 and commit tests/WclSharp.Tests/{approvedName}.
            """);
    }

    /// <summary>Lines that came and went, each with its sign; where only their order changed, that.</summary>
    private static string Changes(string approved, string received)
    {
        string[] old = approved.Split('\n'), now = received.Split('\n');
        var lines = old.Except(now).Select(line => $"- {line}").Concat(now.Except(old).Select(line => $"+ {line}"));
        return string.Join('\n', lines.DefaultIfEmpty("(the same lines in another order or number)"));
    }

    private static string SourceFolder([CallerFilePath] string thisFile = "") => Path.GetDirectoryName(thisFile)!;
}

/// <summary>An assembly's exported types and members as text, in an order of their own, one a line, close to C#.</summary>
/// <remarks>What the compiler makes for records (equality, printing, copying) follows from the word "record" and is left out.</remarks>
internal static class ApiText
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(nint)] = "nint",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    private static readonly NullabilityInfoContext Nullability = new();

    /// <summary>Describes an assembly. Lines end in \n.</summary>
    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(Header(type)).Append('\n');
            foreach (string member in Members(type).Order(StringComparer.Ordinal)) text.Append("    ").Append(member).Append('\n');
        }

        return text.ToString();
    }

    private static string Header(Type type)
    {
        string kind = type.IsEnum ? "enum"
            : type.IsInterface ? "interface"
            : type.IsValueType ? (IsRecord(type) ? "record struct" : "struct")
            : IsRecord(type) ? "record"
            : "class";
        string modifiers = type is { IsAbstract: true, IsSealed: true } ? "static "
            : type is { IsAbstract: true, IsInterface: false } ? "abstract "
            : type is { IsSealed: true, IsValueType: false } ? "sealed "
            : "";
        // IEquatable of itself is what makes a record; an enum's interfaces are every enum's.
        var bases = new[] { type.BaseType }.OfType<Type>().Where(parent => parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
            .Concat(type.IsEnum ? [] : type.GetInterfaces().Except(type.BaseType?.GetInterfaces() ?? [])
                .Where(contract => !(contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IEquatable<>))))
            .Select(Name).Order(StringComparer.Ordinal).ToArray();
        return $"{modifiers}{kind} {type.FullName!.Replace('+', '.')}{(bases.Length == 0 ? "" : $" : {string.Join(", ", bases)}")}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum) return Enum.GetNames(type).Select(name => string.Create(CultureInfo.InvariantCulture, $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}"));
        return type.GetConstructors(Declared).Where(IsSeen).Where(IsWritten).Select(made => $"{Access(made)}{type.Name}({Parameters(made)})")
            .Concat(type.GetMethods(Declared).Where(IsSeen).Where(IsWritten).Where(method => !method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
                .Where(method => method.GetBaseDefinition().DeclaringType != typeof(object)).Select(Method))
            .Concat(type.GetProperties(Declared).Where(property => property.GetAccessors(nonPublic: true).Any(IsSeen) && property.Name != "EqualityContract").Select(Property))
            .Concat(type.GetFields(Declared).Where(field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly).Select(Field))
            .Concat(type.GetEvents(Declared).Where(e => e.AddMethod is { } add && IsSeen(add)).Select(e => $"event {Name(e.EventHandlerType!)} {e.Name}"));
    }

    private static string Method(MethodInfo method) =>
        $"{Access(method)}{Name(method.ReturnType)}{Optional(Nullability.Create(method.ReturnParameter).ReadState, method.ReturnType)} {method.Name}({Parameters(method)})";

    private static string Property(PropertyInfo property)
    {
        var seen = property.GetAccessors(nonPublic: true).Where(IsSeen).ToArray();
        // By name: ScottPlot exports a type of this name too.
        bool required = property.CustomAttributes.Any(attribute => attribute.AttributeType.FullName == "System.Runtime.CompilerServices.RequiredMemberAttribute");
        string get = property.GetMethod is { } getter && IsSeen(getter) ? "get; " : "";
        string set = property.SetMethod is { } setter && IsSeen(setter)
            ? setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; "
            : "";
        return $"{Access(seen[0])}{(required ? "required " : "")}{Name(property.PropertyType)}{Optional(Nullability.Create(property).ReadState, property.PropertyType)} {property.Name} {{ {get}{set}}}";
    }

    private static string Field(FieldInfo field) => field.IsLiteral
        ? $"const {Name(field.FieldType)} {field.Name} = {Value(field.GetRawConstantValue())}"
        : $"{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{Name(field.FieldType)} {field.Name}";

    private static string Access(MethodBase method) => (method.IsPublic ? "" : "protected ")
        + (method.IsStatic ? "static " : method is MethodInfo info && info.GetBaseDefinition() != info ? "override " : method.IsAbstract ? "abstract " : "");

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
    {
        string direction = !parameter.ParameterType.IsByRef ? "" : parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ";
        string standard = parameter.HasDefaultValue ? $" = {Value(parameter.RawDefaultValue)}" : "";
        return $"{direction}{Name(parameter.ParameterType)}{Optional(Nullability.Create(parameter).ReadState, parameter.ParameterType)} {parameter.Name}{standard}";
    }));

    private static string Value(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>The ? of a reference that may be null; that of a value is part of its type's name.</summary>
    private static string Optional(NullabilityState state, Type type) => state == NullabilityState.Nullable && !type.IsValueType ? "?" : "";

    private static string Name(Type type)
    {
        if (Keywords.TryGetValue(type, out string? keyword)) return keyword;
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (type.IsArray) return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (Nullable.GetUnderlyingType(type) is { } underlying) return $"{Name(underlying)}?";
        string own = type.IsNested && !type.IsGenericParameter ? $"{Name(type.DeclaringType!)}.{type.Name}" : type.Name;
        if (!type.IsGenericType) return own;
        string arguments = string.Join(", ", type.GetGenericArguments().Select(Name));
        return typeof(ITuple).IsAssignableFrom(type) ? $"({arguments})" : $"{own.Split('`')[0]}<{arguments}>";
    }

    private static bool IsRecord(Type type) => type.IsValueType
        ? type.GetMethod("PrintMembers", Declared) is not null
        : type.GetMethod("<Clone>$", Declared) is not null;

    private static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsWritten(MethodBase method) => !method.IsDefined(typeof(CompilerGeneratedAttribute));
}
