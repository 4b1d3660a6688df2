using WclSharp.Evaluation;

namespace WclSharp.Tests.Evaluation;

public sealed class LabelDrawTests
{
    // 3 classes of 50, 30 and 4 images, and 16 without a class.
    private static readonly int[] Classes = [.. Enumerable.Range(0, 100).Select(i => i % 25 == 24 ? 2 : i % 6 == 5 ? -1 : i % 3 == 2 ? 1 : 0)];

    private static int[] Draw(LabelBudget budget, long seed = 7, int draw = 0) => LabelDraw.Of(Classes, 3, budget, seed, draw);

    private static int[] Sizes(int[] drawn) => [.. Enumerable.Range(0, 3).Select(c => drawn.Count(i => Classes[i] == c))];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void Of_LabelsPerClass_AreAsManyOfEach_AsFarAsTheyReach(int each)
    {
        int[] drawn = Draw(new(null, each));
        Assert.Equal([.. Enumerable.Range(0, 3).Select(c => Math.Min(each, Classes.Count(label => label == c)))], Sizes(drawn));
        Assert.Equal(drawn.Length, drawn.Distinct().Count());
    }

    [Theory]
    [InlineData(0.0001, 3)]
    [InlineData(0.1, 9)]
    [InlineData(0.5, 43)]
    [InlineData(1, 86)]
    public void Of_AShare_IsThatManyInAll_BalancedAndOneOfEachAtLeast(double share, int labels)
    {
        int labelled = Classes.Count(label => label >= 0);
        int[] sizes = Sizes(Draw(new(share, null)));
        Assert.Equal(share == 1 ? labelled : Math.Max(3, (int)Math.Round(share * labelled)), sizes.Sum());
        Assert.InRange(sizes.Sum(), labels - 2, labels + 2);
        Assert.All(sizes, size => Assert.True(size >= 1));
        if (share <= 0.1) Assert.InRange(sizes.Max() - sizes.Min(), 0, 1);
    }

    [Fact]
    public void Of_MoreLabels_ContainTheFewer()
    {
        int[] few = Draw(new(0.1, null)), more = Draw(new(0.4, null)), perClass = Draw(new(null, 2));
        Assert.Subset(more.ToHashSet(), few.ToHashSet());
        Assert.Subset(more.ToHashSet(), perClass.ToHashSet());
    }

    [Fact]
    public void Name_OfEveryShare_IsItsOwn()
    {
        Assert.Equal(["1 % of the labels", "12.5 % of the labels", "0.0002 % of the labels", "0.0004 % of the labels", "100 % of the labels"],
            ((double[])[0.01, 0.125, 0.000002, 0.000004, 1]).Select(share => new LabelBudget(share, null).Name));
    }

    [Fact]
    public void Of_AnotherSeedOrDraw_IsAnotherChoice()
    {
        var budget = new LabelBudget(0.2, null);
        Assert.Equal(Draw(budget), Draw(budget));
        Assert.NotEqual(Draw(budget), Draw(budget, seed: 8));
        Assert.NotEqual(Draw(budget), Draw(budget, draw: 1));
    }

    [Fact]
    public void Of_ASeed_IsTheSameChoiceOnEveryMachine() =>
        // Written down when the draw was made; a change of these is a change of every study.
        Assert.Equal([87, 31, 69, 80, 2, 44, 99, 49, 24], Draw(new(null, 3)));

    [Fact]
    public void SeedOf_StudiesWithNeighbouringSeeds_ShareNoDraw()
    {
        Assert.Equal(7, LabelDraw.SeedOf(7, 0));
        Assert.Equal(400, Enumerable.Range(0, 20).SelectMany(seed => Enumerable.Range(0, 20).Select(draw => LabelDraw.SeedOf(seed, draw))).Distinct().Count());
    }

    [Fact]
    public void HoldOut_TakesAFifthOfEachClass_WhereThereAreEnough()
    {
        foreach (int rare in (int[])[LabelDraw.LeastToHoldOutFrom, LabelDraw.LeastToHoldOutFrom - 1])
        {
            int[] sizes = [50, 32, rare], classes = [.. sizes.SelectMany((size, c) => Enumerable.Repeat(c, size))];
            int[] drawn = LabelDraw.Of(classes, 3, new(1, null), seed: 7, draw: 0);
            var (train, validation) = LabelDraw.HoldOut(drawn, classes);
            Assert.Equal(drawn.Order(), train.Concat(validation).Order());
            // A rare class is trained on alone.
            Assert.Equal([10, 6, rare == LabelDraw.LeastToHoldOutFrom ? 5 : 0], sizes.Select((_, c) => validation.Count(i => classes[i] == c)));
        }
    }

    [Theory]
    [InlineData(true, 25, 25, 24, 24)]  // half of them and more
    [InlineData(true, 30, 25, 24, 24, 7)]
    [InlineData(false, 30, 25, 24, 24, 8)]
    [InlineData(false, 1000, 24, 24)]   // one class tells nothing of others
    [InlineData(false, 24, 24)]
    public void HoldOut_ClassesWithEnough_AreAtLeastTwo_AndHaveHalfOfAllLabels(bool some, params int[] sizes)
    {
        int[] classes = [.. sizes.SelectMany((size, c) => Enumerable.Repeat(c, size))];
        var (train, validation) = LabelDraw.HoldOut([.. Enumerable.Range(0, classes.Length)], classes);
        Assert.Equal(Enumerable.Range(0, classes.Length), train.Concat(validation).Order());
        Assert.Equal([.. sizes.Select(size => some && size >= 25 ? size / 5 : 0)], sizes.Select((_, c) => validation.Count(i => classes[i] == c)));
    }
}
