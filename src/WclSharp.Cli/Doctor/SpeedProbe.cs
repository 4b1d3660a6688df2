using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Cli.Doctor;

/// <summary>Speed of the processor at what training does most, in 10^9 floating-point operations a second.</summary>
/// <param name="MatrixFp32">Product of two square float32 matrices.</param>
/// <param name="MatrixBf16">The same in bfloat16.</param>
/// <param name="Convolution">3 x 3 convolution of a ResNet's second stage, float32, channels last, forward and backward.</param>
internal readonly record struct SpeedProbe(double MatrixFp32, double MatrixBf16, double Convolution)
{
    private const int MatrixSide = 2048, Batch = 32, Channels = 128, ImageSide = 16;
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(1.5);

    /// <summary>Measures for about five seconds.</summary>
    public static SpeedProbe Measure() => new(Matrix(ScalarType.Float32), Matrix(ScalarType.BFloat16), ConvolutionStep());

    private static double Matrix(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (Ramp(MatrixSide, MatrixSide).to(type), Ramp(MatrixSide, MatrixSide).to(type));
        double operations = 2.0 * MatrixSide * MatrixSide * MatrixSide;
        return operations * Rate(() => a.mm(b).Dispose()) / 1e9;
    }

    private static double ConvolutionStep()
    {
        using var scope = NewDisposeScope();
        var images = ChannelsLast(Ramp(Batch, Channels * ImageSide * ImageSide).view(Batch, Channels, ImageSide, ImageSide)).requires_grad_(true);
        var weights = ChannelsLast(Ramp(Channels, Channels * 9).view(Channels, Channels, 3, 3)).requires_grad_(true);
        // Backward is two convolutions of the same size: by the images and by the weights.
        double operations = 3 * 2.0 * Batch * Channels * Channels * 9 * ImageSide * ImageSide;
        return operations * Rate(() =>
        {
            using var step = NewDisposeScope();
            using var result = nn.functional.conv2d(images, weights, padding: [1L, 1L]);
            result.mean().backward();
        }) / 1e9;
    }

    /// <summary>Numbers from -1 to 1 without a pattern that arithmetic could skip.</summary>
    private static Tensor Ramp(long rows, long columns) => arange(rows * columns, dtype: ScalarType.Float32).mul(0.7548777f).sin().view(rows, columns);

    private static Tensor ChannelsLast(Tensor tensor) => tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>Calls a second, after one that warms up.</summary>
    private static double Rate(Action work)
    {
        work();
        int calls = 0;
        long start = Stopwatch.GetTimestamp();
        do
        {
            work();
            calls++;
        }
        while (Stopwatch.GetElapsedTime(start) < Each);

        return calls / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
