namespace WclSharp.Data;

/// <summary>Images of one set that are in another too, whatever they are called: an encoder that was trained on them knows what it is tested with.</summary>
/// <remarks>
/// Copies of a file are found, and so are images that decode to the same pixels; what was saved, cropped or scaled anew is not. By 64-bit hashes of the stored pixels: that any
/// two different ones of 10 million and 10,000 images agree by chance has odds of 1 to 180 million.
/// </remarks>
internal static class SharedImages
{
    /// <summary>How many images of a set that have a class are in another.</summary>
    /// <param name="images">The set, stored as the other is.</param>
    /// <param name="others">The other set.</param>
    /// <param name="labelledOnly">Whether those of the other set count alone that have a class.</param>
    public static int Count(ImageDataset images, ImageDataset others, bool labelledOnly = false)
    {
        var wanted = new HashSet<ulong>();
        int[] tested = [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] >= 0)];
        foreach (int i in tested) wanted.Add(images.PixelHashOf(i));
        var met = new HashSet<ulong>();
        for (int i = 0; i < others.Count; i++)
        {
            if (labelledOnly && others.Labels[i] < 0) continue;
            ulong hash = others.PixelHashOf(i);
            if (wanted.Contains(hash)) met.Add(hash);
        }
        return tested.Count(i => met.Contains(images.PixelHashOf(i)));
    }
}
