using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>Batched matrix products into memory that is there already, which TorchSharp has no method for.</summary>
internal static class BatchedProduct
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
            return torch.bmm(a, b, out=out)

        """);

    /// <summary>Writes a b into <paramref name="result"/>.</summary>
    /// <param name="a">[B, N, M].</param>
    /// <param name="b">[B, M, K].</param>
    /// <param name="result">[B, N, K], overwritten.</param>
    public static void Into(Tensor a, Tensor b, Tensor result) => Script.invoke<Tensor>("product", a, b, result).Dispose();
}
