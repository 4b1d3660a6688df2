using WclSharp.Data;

namespace WclSharp.Export;

/// <summary>Images as the input of an exported network.</summary>
internal static class PreparedImages
{
    /// <summary>Writes a batch.</summary>
    /// <param name="images">Where it comes from.</param>
    /// <param name="batch">The images.</param>
    /// <param name="imageSize">S, side of the input.</param>
    /// <param name="pixels">[N, 3, S, S] or longer, 0 to 255.</param>
    public static void Write(ImageDataset images, ImageBatch batch, int imageSize, float[] pixels)
    {
        int length = 3 * imageSize * imageSize;
        Parallel.For(0, batch.Count, i =>
            EvaluationView.Write(images.PixelsOf(batch.Indices[i]), images.Channels, batch.Heights[i], batch.Widths[i], imageSize, pixels.AsSpan(i * length, length)));
    }
}
