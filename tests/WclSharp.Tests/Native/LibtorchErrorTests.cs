using System.Runtime.InteropServices;
using WclSharp.Native;

namespace WclSharp.Tests.Native;

public sealed class LibtorchErrorTests
{
    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2 GiB.\nframe #0: c10::Error", true)]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true)]
    [InlineData("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", true)]
    [InlineData("GET was unable to find an engine to execute this computation", true)] // a convolution without memory to work in
    [InlineData("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`", false)]
    [InlineData("CUDA error: unspecified launch failure\nout of memory", false)] // the stack is no message
    public void IsOutOfMemory_OfCudasLibrariesToo(string message, bool isSo) => Assert.Equal(isSo, LibtorchError.IsOutOfMemory(new ExternalException(message)));

    [Theory]
    [InlineData("Use a smaller --batch, or --accumulate, or a smaller --image-size.", "--device", "--batch", "--accumulate", "--image-size")]
    [InlineData("Use a smaller --batch.", "--batch", "--device")]
    [InlineData("End other programs that use the GPU, or use --device cpu.", "--device", "--json")]
    [InlineData("End other programs that take memory.", "--json")]
    public void Describe_AdvisesWhatTheCommandHas(string advice, params string[] options) =>
        Assert.Equal($"libtorch: cuDNN error: CUDNN_STATUS_ALLOC_FAILED. {advice}", LibtorchError.Describe(new ExternalException("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), options));

    [Theory]
    [InlineData("shapes do not fit\nframe #0: c10::Error", "libtorch: shapes do not fit", false)]
    [InlineData("The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent call last):\nRuntimeError: CUDA out of memory. Tried to allocate 2 GiB.\n\n", "libtorch: CUDA out of memory. Tried to allocate 2 GiB.", true)]
    [InlineData("The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent call last):\n  add\n  ~~~ <--- HERE\n", "libtorch: ~~~ <--- HERE", false)]
    [InlineData("", "libtorch: ", false)]
    public void Brief_IsTheLineThatSaysWhatWentWrong(string message, string told, bool outOfMemory)
    {
        var error = new ExternalException(message);
        Assert.Equal((told, outOfMemory), (LibtorchError.Brief(error), LibtorchError.IsOutOfMemory(error)));
    }
}
