using SkiaSharp;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Data;

/// <summary>Images that are both trained on and tested with, whatever they are called.</summary>
public sealed class SharedImagesTests : IDisposable
{
    private readonly DataFolder folder = new();

    [Fact]
    public void Read_TestImagesThatAreCopies_AreWarnedOf()
    {
        for (int i = 0; i < 12; i++) folder.Write($"train/class {i % 2}/{i:D2}.png", Picture(i));
        for (int i = 9; i < 15; i++) folder.Write($"test/class {i % 2}/other name {i:D2}.png", Picture(i));
        using var data = Read("train", "test");
        Assert.Contains(data.TestWarnings, warning => warning.StartsWith("3 of the 6 test images are also among the labelled training images", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_TestImagesThatAreTrainedOnWithoutAClass_AreToldOfAsSuch()
    {
        for (int i = 0; i < 40; i++) folder.Write($"photos/{i:D2}.png", Picture(i));
        string labels = folder.Write("labels.csv", string.Concat(Enumerable.Range(0, 20).Select(i => $"{i:D2}.png,{i % 2}\n")));
        string tests = folder.Write("tests.csv", string.Concat(Enumerable.Range(19, 5).Select(i => $"copies/{i:D2}.png,{i % 2}\n")));
        for (int i = 19; i < 24; i++) folder.Write($"copies/{i:D2}.png", Picture(i)); // files of their own: those that a list names to test with are not learnt from
        using var data = PretrainingData.Read(new PretrainOptions { Data = folder["photos"], Labels = labels, Test = tests, Workers = 1 }, folder: null, progress: null, TestContext.Current.CancellationToken);
        Assert.Contains(data.TestWarnings, warning => warning.StartsWith("1 of the 5 test images is also among the labelled training images", StringComparison.Ordinal));
        Assert.Contains(data.TestWarnings, warning => warning.StartsWith("4 of the 5 test images are also among the training images without a label", StringComparison.Ordinal));
        Assert.Contains("40 images to train on (20 with a class), 2 classes (0, 1); 5 to test on", data.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CopiesOnBothSidesOfASplit_AreWarnedOf()
    {
        for (int i = 0; i < 20; i++) folder.Write($"photos/class {i % 2}/{i:D2}.png", Picture(i));
        using (var data = Read("photos", test: null)) Assert.DoesNotContain(data.TestWarnings, warning => warning.Contains("pixel for pixel", StringComparison.Ordinal));
        for (int i = 0; i < 20; i++) folder.Write($"photos/class {i % 2}/{i:D2} again.png", Picture(i));
        using var doubled = Read("photos", test: null);
        Assert.Contains(doubled.TestWarnings, warning => warning.Contains("of the 8 test images are also among the labelled training images", StringComparison.Ordinal));
    }

    [Fact]
    public void Count_IsOfImagesAndNotOfPairs_AndFollowsSubsets()
    {
        for (int i = 0; i < 6; i++) folder.Write($"class/{i}.png", Picture(i % 4));
        folder.Write("without.png", Picture(0));
        using var all = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        using var front = all.Subset([0, 1, 2, 3]);
        using var back = all.Subset([4, 5]);
        using var other = all.Subset([2, 3]);
        Assert.Equal(2, SharedImages.Count(back, front));
        Assert.Equal(2, SharedImages.Count(front, back));
        Assert.Equal(0, SharedImages.Count(back, other));
        Assert.Equal(6, SharedImages.Count(all, front)); // what has no class is not tested with
    }

    private PretrainingData Read(string data, string? test) => PretrainingData.Read(
        new PretrainOptions { Data = Path.Combine(folder.Path, data), Test = test is null ? null : Path.Combine(folder.Path, test), ImageSize = 8 }, folder: null, progress: null, CancellationToken.None);

    /// <summary>Of a colour of its own.</summary>
    private static byte[] Picture(int number)
    {
        using var bitmap = new SKBitmap(16, 16);
        bitmap.Erase(new SKColor((byte)(number * 2), (byte)(200 - number), 30));
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return encoded.ToArray();
    }

    public void Dispose() => folder.Dispose();
}
