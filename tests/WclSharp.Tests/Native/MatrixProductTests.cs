using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Native;

/// <summary>TorchSharp's <c>matmul</c> lets libtorch's errors, such as of memory, end the process; <c>mm</c>, <c>mv</c> and <c>bmm</c> throw them.</summary>
public sealed class MatrixProductTests
{
    [Fact]
    public void Sources_HaveNoMatmul()
    {
        string[] files = Directory.GetFiles(Sources(), "*.cs", SearchOption.AllDirectories);
        Assert.True(files.Length > 100);
        Assert.All(files, file => Assert.DoesNotContain("matmul(", File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Fact]
    public void Mm_OfShapesThatDoNotFit_Throws()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ExternalException>(() => zeros(2, 5).mm(zeros(4, 10)));
        Assert.Throws<ExternalException>(() => zeros(2, 5).mm(zeros(5, 2, ScalarType.Float64)));
        Assert.Throws<ExternalException>(() => zeros(2, 5).mv(zeros(4)));
    }

    [Theory]
    [InlineData(ScalarType.Float32), InlineData(ScalarType.Float64), InlineData(ScalarType.BFloat16)]
    public void Mm_And_Mv_GiveTheBitsOfMatmul(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(1);
        var (a, b) = (random.Normal([70, 33], 1).to(type), random.Normal([90, 33], 1).to(type));
        Assert.True(a.mm(b.T).eq(a.matmul(b.T)).all().item<bool>());
        Assert.True(a.mv(b[0]).eq(a.matmul(b[0])).all().item<bool>());
    }

    private static string Sources([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", "..", "src"));
}
