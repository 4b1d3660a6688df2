using SkiaSharp;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Evaluation;

public sealed class ClassifiedClassTests
{
    private static readonly string[] Names = ["cat", "dog", "cow"];

    [Fact]
    public void Of_CountsWhatIsTakenFoundAndRight()
    {
        // Of -1 the class is not known; 3 is none that is told.
        var classes = ClassifiedClass.Of(Names, [0, 0, 1, -1, 3, 1], [0, 1, 1, 1, 0, 1]);
        Assert.Equal([("cat", 2, 2, 1, 2), ("dog", 4, 2, 2, 3), ("cow", 0, 0, 0, 0)], classes.Select(each => (each.Name, each.Images, each.Labelled, each.Correct, each.LabelledPredicted)));
        Assert.Equal([0.5, 1, null], classes.Select(each => each.Recall));
        Assert.Equal([0.5, 2.0 / 3, null], classes.Select(each => each.Precision));
    }

    [Fact]
    public void WarningOfOne_IsGivenWhereOneClassIsNamedAlone()
    {
        Assert.Equal("kNN predicts dog for all 4 test images: 75.0% correct, which takes nothing learnt that tells them apart.", ClassifiedClass.WarningOfOne(ClassifiedClass.Of(Names, [1, 1, 0, 1], [1, 1, 1, 1]), "kNN"));
        Assert.Null(ClassifiedClass.WarningOfOne(ClassifiedClass.Of(Names, [1, 1, 0, 1], [1, 1, 1, 0]), "kNN"));
        Assert.Null(ClassifiedClass.WarningOfOne(ClassifiedClass.Of(Names, [1, 1, 1], [1, 1, 1]), "kNN")); // there is one alone
        Assert.Null(ClassifiedClass.WarningOfOne(ClassifiedClass.Of(Names, [], []), "kNN"));
    }

    [Theory]
    [InlineData(56, 3, 20, 0.4, "kNN recall is below one half for one class (rot: 4 of 10 images by 3 labels) with fewer labels than half of the 20 neighbours")]
    [InlineData(56, 3, 20, 0.5, null)] // found all the same
    [InlineData(56, 3, 5, 0, null)]    // three can outvote two
    [InlineData(56, 10, 20, 0, null)]
    [InlineData(4, 3, 20, 0, null)]    // all of them vote, and no class has many more
    [InlineData(12, 1, 20, 0, "by 1 label) with fewer labels than half of the 13 neighbours")]
    public void Outvoted_IsAClassThatIsSeldomFound_OfFewLabelsBesideOneOfMany(int good, int bad, int k, double found, string? expected)
    {
        using var folder = new DataFolder();
        byte[] image = ImageFiles.Skia(SKEncodedImageFormat.Png, 8, 8);
        for (int i = 0; i < good; i++) folder.Write($"images/gut/{i}.png", image);
        for (int i = 0; i < bad; i++) folder.Write($"images/rot/{i}.png", image);
        using var images = ImageDataset.Read(new DatasetOptions { Path = folder["images"] });
        string? warning = LabelledKnn.Outvoted(images, k, [new() { Name = "gut", Images = 0, Labelled = 90, Correct = 90 }, new() { Name = "rot", Images = 0, Labelled = 10, Correct = (int)(10 * found) }]);
        if (expected is null) Assert.Null(warning);
        else Assert.Contains(expected, warning, StringComparison.Ordinal);
        if (bad == 3 && expected is not null) Assert.EndsWith("(--knn-k 5).", warning, StringComparison.Ordinal);
        Assert.Null(LabelledKnn.Outvoted(images, k, [new() { Name = "gut", Images = 0, Labelled = 90, Correct = 90 }, new() { Name = "rot", Images = 0 }])); // not tested
    }
}
