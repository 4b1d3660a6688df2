using System.Buffers;
using TorchSharp;
using WclSharp.Data;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>Crop, mirror and antialiased bilinear resize on the CPU: what <see cref="MatrixResampler"/> does, by the few source pixels of each new one.</summary>
/// <remarks>
/// Only what a crop shows is read, as bytes. A new row is first a weighted sum of source rows, a long run of multiply-adds, then
/// shrunk or stretched along its length. Each view is made alone, by one thread, so that its bits depend on neither batch nor threads.
/// </remarks>
internal static unsafe class TapResampler
{
    /// <summary>Makes the samples [from, from + count) of a plan.</summary>
    /// <param name="images">N images of C channels on the CPU, contiguous.</param>
    /// <param name="plan">What each sample shows.</param>
    /// <param name="from">Position of the first sample.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="outputSize">S, side of the views.</param>
    /// <returns>C tensors [count, S S] float32 in [0, 1]; the caller owns them.</returns>
    public static Tensor[] Resample(ImageTensor images, BatchPlan plan, int from, int count, int outputSize)
    {
        int channels = images.Channels;
        long view = (long)outputSize * outputSize;
        var planes = new Tensor[channels];
        var starts = new nint[channels];
        for (int channel = 0; channel < channels; channel++)
        {
            planes[channel] = empty([count, view], float32);
            starts[channel] = (nint)TensorMemory.Start(planes[channel]);
        }
        byte* pixels = TensorMemory.Bytes(images.Pixels);
        TorchThreads.For(count, sample =>
        {
            var (rows, columns) = plan.MapsOf(from + sample);
            int image = plan.ImageAt(from + sample), stride = images.RowBytes(image);
            long plane = images.PlaneBytes(image);
            byte* corner = pixels + images.Start(image) + (long)rows.Start * stride + columns.Start;
            AxisTaps down = new(rows, outputSize, 1 / 255.0), along = new(columns, outputSize, 1);
            float[] rented = ArrayPool<float>.Shared.Rent(columns.Extent + along.Most);
            fixed (float* line = rented)
            {
                // What weights of zero are multiplied with has to be a number.
                new Span<float>(line + columns.Extent, along.Most).Clear();
                for (int channel = 0; channel < starts.Length; channel++)
                    Plane(corner + channel * plane, stride, columns.Extent, down, along, line, (float*)starts[channel] + sample * view, outputSize);
            }
            ArrayPool<float>.Shared.Return(rented);
        });
        GC.KeepAlive(images.Pixels);
        GC.KeepAlive(planes);
        return planes;
    }

    private static void Plane(byte* corner, int stride, int extent, AxisTaps down, AxisTaps along, float* line, float* target, int outputSize)
    {
        for (int y = 0; y < outputSize; y++, target += outputSize)
        {
            RowSum.Write(corner + (long)down.Firsts[y] * stride, stride, down.WeightsOf(y), extent, line);
            SumColumns(line, along, target);
        }
    }

    private static void SumColumns(float* line, AxisTaps taps, float* target)
    {
        int most = taps.Most;
        var firsts = taps.Firsts;
        fixed (float* weights = taps.Weights)
        {
            float* own = weights;
            if (most == 2)
            {
                for (int x = 0; x < firsts.Length; x++, own += 2)
                    target[x] = line[firsts[x]] * own[0] + line[firsts[x] + 1] * own[1];
                return;
            }
            for (int x = 0; x < firsts.Length; x++, own += most)
            {
                float* pixels = line + firsts[x];
                float sum = 0;
                for (int i = 0; i < most; i++) sum += pixels[i] * own[i];
                target[x] = sum;
            }
        }
    }
}
