using TorchSharp;
using WclSharp.Grouping;
using WclSharp.Neighbors;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Grouping;

public sealed class GroupHierarchyTests
{
    /// <summary>Rows around directions that lie in bunches: few bunches of several directions of many rows.</summary>
    private static Tensor Rows(int bunches, int directions, int each, double spread = 0.02, long seed = 1)
    {
        using var scope = NewDisposeScope();
        var bunch = new ParameterInitializer(seed).Normal([bunches, 16], 1).repeat_interleave(directions, 0);
        var middle = bunch.add(new ParameterInitializer(seed + 1).Normal([bunches * directions, 16], 0.25)).repeat_interleave(each, 0);
        return nn.functional.normalize(middle.add(new ParameterInitializer(seed + 2).Normal([bunches * directions * each, 16], spread))).MoveToOuterDisposeScope();
    }

    private static float[][] Read(Tensor rows)
    {
        int width = (int)rows.shape[1];
        float[] flat = rows.data<float>().ToArray();
        return [.. Enumerable.Range(0, (int)rows.shape[0]).Select(i => flat[(i * width)..((i + 1) * width)])];
    }

    private static double Cosine(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x));

    [Fact]
    public void Of_FirstLevel_IsTheComponentsOfTheNearestNeighbourGraph()
    {
        using var scope = NewDisposeScope();
        using var features = Rows(4, 5, 6, spread: 0.2); // the search rounds cosines, so nothing may be nearly as near
        double[][] rows = [.. Read(features).Select(row => Array.ConvertAll(row, x => (double)x))];
        int[] component = [.. Enumerable.Range(0, rows.Length)];
        for (int i = 0; i < rows.Length; i++)
        {
            int nearest = Enumerable.Range(0, rows.Length).Where(j => j != i).MaxBy(j => Cosine(rows[i], rows[j]));
            int a = component[i], b = component[nearest];
            component = Array.ConvertAll(component, c => c == a ? b : c);
        }

        Assert.Equal(Partition.ByFirstMember([.. component.Select(c => (long)c)]), Partition.ByFirstMember([.. Levels(features)[0].Select(g => (long)g)]));
    }

    /// <summary>Rows so alike that the search, which rounds them, takes others for the nearest.</summary>
    [Fact]
    public void Among_RowsNearlyAlike_AreRankedAsTheirExactCosines()
    {
        using var scope = NewDisposeScope();
        using var features = Rows(1, 1, 300, spread: 0.06);
        double[][] rows = [.. Read(features).Select(row => Array.ConvertAll(row, x => (double)x))];
        int[] exact = [.. Enumerable.Range(0, rows.Length).Select(i => Enumerable.Range(0, rows.Length).Where(j => j != i).MaxBy(j => Cosine(rows[i], rows[j])))];
        int[] Wrong(Tensor nearest) => [.. nearest.select(1, 0).data<long>().ToArray().Index().Where(pair => pair.Item != exact[pair.Index]).Select(pair => pair.Index)];
        Assert.NotEmpty(Wrong(NearestRows.Among(features, 5))); // so that the test tells
        var found = NearestImages.Among(features, 5);
        Assert.Equal([300, 5], found.shape);
        Assert.Empty(Wrong(found));
        var cosines = NearestImages.Cosines(features, found);
        Assert.True(cosines.narrow(1, 0, 4).ge(cosines.narrow(1, 1, 4)).all().item<bool>());
        Assert.Equal([2, 2], NearestImages.Among(features.narrow(0, 0, 3), 2).select(0, 0).shape.Append(2)); // fewer rows than are looked at
    }

    [Fact]
    public void Of_Levels_AreCoarserAndNested_AndNumberedBySize()
    {
        using var scope = NewDisposeScope();
        using var features = Rows(6, 5, 8);
        var levels = Levels(features);
        Assert.True(levels.Count >= 2, $"{levels.Count} levels");
        for (int level = 1; level < levels.Count; level++)
        {
            Assert.True(levels[level].Max() < levels[level - 1].Max());
            foreach (var group in levels[level - 1].Index().GroupBy(pair => pair.Item, pair => pair.Index))
                Assert.Single(group.Select(row => levels[level][row]).Distinct());
        }

        foreach (int[] level in levels)
        {
            int[] sizes = [.. Enumerable.Range(0, level.Max() + 1).Select(g => level.Count(each => each == g))];
            Assert.Equal(sizes.OrderDescending(), sizes);
            Assert.DoesNotContain(0, sizes);
        }

        // Every bunch is whole at some level.
        Assert.Contains(levels, level => Enumerable.Range(0, 6).All(bunch => level.Skip(bunch * 40).Take(40).Distinct().Count() == 1));
    }

    [Fact]
    public void Merge_EqualsTheSlowLoop()
    {
        using var scope = NewDisposeScope();
        using var features = Rows(3, 6, 4);
        int[] fine = Levels(features)[0];
        int count = fine.Max() + 1;
        Assert.True(count > 8, $"{count} groups");
        double[][] rows = [.. Read(features).Select(row => Array.ConvertAll(row, x => (double)x))];
        int[] slow = [.. fine];
        for (int left = count; left > 4; left--)
        {
            var sums = slow.Distinct().ToDictionary(g => g, g => Enumerable.Range(0, 16).Select(f => Enumerable.Range(0, rows.Length).Where(i => slow[i] == g).Sum(i => rows[i][f])).ToArray());
            var (a, b) = sums.Keys.SelectMany(x => sums.Keys.Where(y => y > x).Select(y => (x, y))).MaxBy(pair => Cosine(sums[pair.x], sums[pair.y]));
            slow = Array.ConvertAll(slow, g => g == b ? a : g);
        }

        Assert.Equal(Partition.ByFirstMember([.. slow.Select(g => (long)g)]), Partition.ByFirstMember([.. GroupHierarchy.Merge(features, fine, 4).Select(g => (long)g)]));
        Assert.Equal(fine, GroupHierarchy.Merge(features, fine, count));
        Assert.All(GroupHierarchy.Merge(features, fine, 1), g => Assert.Equal(0, g));
        Assert.Contains("into 0", Assert.Throws<ArgumentException>(() => GroupHierarchy.Merge(features, fine, 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnusualImages_FindsCopiesAndTheOneThatIsLikeNoOther()
    {
        using var scope = NewDisposeScope();
        using var bunches = Rows(2, 1, 50);
        var rows = bunches.clone();
        rows[7] = rows[3];
        rows[60] = nn.functional.normalize(new ParameterInitializer(77).Normal([16], 1), dim: 0);
        var unusual = UnusualImages.Of(rows, NearestRows.Among(rows, UnusualImages.Nearest), 0.99999, null, (_, _) => 6);
        var copy = Assert.Single(unusual.Copies);
        Assert.Equal((3, 7), (copy.First, copy.Second));
        Assert.Equal(1, copy.Similarity, 5);
        Assert.Equal(60, unusual.Outliers.Single().Row); // a hundredth of them
        var all = UnusualImages.Of(rows, NearestRows.Among(rows, UnusualImages.Nearest), 0.99999, 1000, (_, _) => 6).Outliers;
        Assert.Equal(100, all.Select(image => image.Row).Distinct().Count());
        Assert.Equal(all.OrderBy(image => image.Similarity).Select(image => image.Row), all.Select(image => image.Row));
        Assert.Empty(UnusualImages.Of(rows, NearestRows.Among(rows, UnusualImages.Nearest), 0.99999, null, (_, _) => 7).Copies); // the same features, but other pixels
        Assert.Equal(60, Assert.Single(unusual.Outliers).Row); // a hundredth of a hundred
    }

    [Fact]
    public void GroupMembers_MostTypicalComesFirst()
    {
        // Directions in degrees: the means of the groups are at 20 and at 95.
        double[] degrees = [0, 18, 42, 90, 100];
        using var features = tensor(degrees.SelectMany(each => new[] { (float)Math.Cos(each * Math.PI / 180), (float)Math.Sin(each * Math.PI / 180) }).ToArray()).view(-1, 2);
        var members = GroupMembers.Of(features, [0, 0, 0, 1, 1]);
        Assert.Equal(3, Assert.Single(members.Rows, rows => rows.Contains(4)).First()); // of equals the first
        Assert.Equal([1, 0, 2], members.Rows[0]);
        Assert.Equal(Math.Cos(5 * Math.PI / 180), members.Typical[4], 1e-5);
    }

    [Fact]
    public void UnusualImages_OfVeryMany_NamesAHundredOutliers()
    {
        using Tensor features = ones(10_300, 1), nearest = zeros([10_300, 1], ScalarType.Int64);
        Assert.Equal(100, UnusualImages.Of(features, nearest, 1, null, (_, _) => 255).Outliers.Count);
        Assert.Equal(103, UnusualImages.Of(features, nearest, 1, 103, (_, _) => 255).Outliers.Count);
    }

    [Fact]
    public void UnusualImages_CopiesThatAreMostAlike_ComeFirst()
    {
        using var scope = NewDisposeScope();
        using var bunches = Rows(2, 1, 50);
        var rows = bunches.clone();
        foreach (var (first, second, turn) in ((int, int, double)[])[(3, 7, 0), (10, 12, 0), (20, 25, 0.001), (30, 31, 0)])
            rows[second] = nn.functional.normalize(rows[first] + turn * rows[60], dim: 0);
        var unusual = UnusualImages.Of(rows, NearestRows.Among(rows, UnusualImages.Nearest), 0.99999, null, (first, _) => first switch { 3 => 5, 10 => 0, _ => 2 });
        Assert.Equal([(10, 12), (30, 31), (20, 25), (3, 7)], unusual.Copies.Select(pair => (pair.First, pair.Second))); // by pixels, then by features
        Assert.Equal([0, 2, 2, 5], unusual.Copies.Select(pair => pair.PixelDifference));
    }

    [Fact]
    public void UnusualImages_NamesAllCopies()
    {
        using var scope = NewDisposeScope();
        var rows = zeros([6000, 8]);
        rows.index_fill_(1, tensor(new long[] { 0 }), 1);
        // Of equal rows the lower come first: each of 6,000 with the first five, or those of them before it.
        var unusual = UnusualImages.Of(rows, NearestRows.Among(rows, UnusualImages.Nearest), 0.99, null, (_, _) => 0);
        Assert.Equal(Enumerable.Range(0, 6000).Sum(i => Math.Min(i, 5)), unusual.Copies.Count);
    }

    [Fact]
    public void Merge_ToldToStop_Stops()
    {
        using var scope = NewDisposeScope();
        using var features = Rows(3, 6, 4);
        int[] fine = Levels(features)[0];
        using var stop = new CancellationTokenSource();
        long last = 0;
        Assert.Throws<OperationCanceledException>(() => GroupHierarchy.Merge(features, fine, 2, (done, all) =>
        {
            last = done;
            if (done == 3) stop.Cancel();
        }, stop.Token));
        Assert.Equal(3, last);
    }

    private static IReadOnlyList<int[]> Levels(Tensor features)
    {
        using var scope = NewDisposeScope();
        return GroupHierarchy.Of(features, NearestRows.Among(features, 1).reshape(-1));
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var features = Rows(3, 4, 5);
        using var nearest = NearestRows.Among(features, UnusualImages.Nearest);
        int[] fine = Levels(features)[0];
        UnusualImages.Of(features, nearest, 0.9, null, (_, _) => 0);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            Levels(features);
            GroupHierarchy.Merge(features, fine, 2);
            GroupMembers.Of(features, fine);
            UnusualImages.Of(features, nearest, 0.9, null, (_, _) => 0);
        });
    }
}
