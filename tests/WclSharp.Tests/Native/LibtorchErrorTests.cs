using System.Runtime.InteropServices;
using WclSharp.Native;

namespace WclSharp.Tests.Native;

public sealed class LibtorchErrorTests
{
    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2 GiB.\nframe #0: c10::Error", true)]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true)]
    [InlineData("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", true)]
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
}
