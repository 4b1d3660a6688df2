using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Methods;
using WclSharp.Training;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Graphs;

public class PairStatisticsTests
{
    /// <summary>Counts one pair at a time, in the order of <see cref="PairStatistics.Count"/>.</summary>
    private static double[] Slow(bool[,] sets, long[]? classes, int images)
    {
        double right = 0, judged = 0, ofAClass = 0, related = 0, oneWay = 0;
        int rows = sets.GetLength(0);
        for (int a = 0; a < rows; a++)
        {
            for (int b = 0; b < rows; b++)
            {
                int i = a % images, j = b % images;
                if (i == j) continue;
                bool known = classes is not null && classes[i] >= 0 && classes[j] >= 0, same = known && classes![i] == classes[j];
                ofAClass += same ? 1 : 0;
                if (!sets[a, b]) continue;
                related++;
                judged += known ? 1 : 0;
                right += same ? 1 : 0;
                oneWay += sets[b, a] ? 0 : 1;
            }
        }
        return [right, judged, ofAClass, related, oneWay];
    }

    [Fact]
    public void HandMadeSets_AreCounted()
    {
        using var scope = NewDisposeScope();
        // 0 <-> 1, 0 -> 2, 3 -> 2; classes 0 0 1 unknown.
        var sets = new bool[4, 4];
        sets[0, 1] = sets[1, 0] = sets[0, 2] = sets[3, 2] = true;
        Assert.Equal([2, 3, 2, 4, 2], PairStatistics.OfSets(ToTensor(sets), tensor(new long[] { 0, 0, 1, -1 })).data<double>().ToArray());
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Sets_OfTwoViews_EqualTheSlowCount(bool labelled)
    {
        using var scope = NewDisposeScope();
        var sets = Sets(9, 0.3, 1);
        long[]? classes = labelled ? [0, 1, 2, 0, 1, -1, 0, -1, 2] : null;
        Assert.Equal(Slow(sets, classes, 9), PairStatistics.OfSets(ToTensor(sets), classes is null ? null : tensor(classes)).data<double>().ToArray());
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Partition_EqualsTheSlowCount_AndIsNeverOneWay(bool labelled)
    {
        using var scope = NewDisposeScope();
        long[] labels = [0, 1, 0, 1, 1, 7, 6, 7];
        long[]? classes = labelled ? [2, 0, 2, 0, 1, -1, 0, 1] : null;
        var sets = new bool[8, 8];
        for (int i = 0; i < 8; i++) for (int j = 0; j < 8; j++) sets[i, j] = i != j && labels[i] == labels[j];
        var counts = PairStatistics.OfPartition(tensor(labels), classes is null ? null : tensor(classes), 3).data<double>().ToArray();
        Assert.Equal(Slow(sets, classes, 8), counts);
        Assert.Equal(0, counts[(int)PairStatistics.Count.OneWay]);
    }

    [Theory]
    [InlineData(1, 1, 3), InlineData(2, 2, 1), InlineData(40, 3, 5), InlineData(300, 60, 1000), InlineData(300, 300, 7)]
    public void Partition_AndItsPurity_EqualTheTableOfComponentsAndClasses(int count, int components, int classCount)
    {
        using var scope = NewDisposeScope();
        var random = new WclSharp.Randomness.CounterRandom(count, WclSharp.Randomness.RandomPurpose.Split);
        int[] names = random.Permutation(count);
        long[] labels = new long[count], classes = new long[count];
        for (int i = 0; i < count; i++)
        {
            var (a, b, c, _) = random.Uniforms(1, (uint)i, 0, 0);
            labels[i] = names[(int)((double)a * components)];
            classes[i] = c < 0.3 ? -1 : (int)((double)b * classCount);
        }

        var table = new double[count, classCount];
        for (int i = 0; i < count; i++)
            if (classes[i] >= 0) table[labels[i], classes[i]]++;
        double right = 0, pure = 0;
        for (int row = 0; row < count; row++)
        {
            double most = 0;
            for (int column = 0; column < classCount; column++)
            {
                right += table[row, column] * (table[row, column] - 1);
                most = Math.Max(most, table[row, column]);
            }
            pure += most;
        }

        Assert.Equal(right, PairStatistics.OfPartition(tensor(labels), tensor(classes), classCount)[(int)PairStatistics.Count.Right].item<double>());
        var statistics = WeakLabelStatistics.Measure(tensor(labels), tensor(classes), classCount);
        Assert.Equal(((float)pure, (float)classes.Count(c => c >= 0)), (statistics.Pure!.item<float>(), statistics.Known!.item<float>()));
    }

    [Fact]
    public void EpochSums_PoolThePairsOfTheirSteps()
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: false, twoViews: true, classCount: 3);
        var (z1, z2) = (ToTensor(Rows(4, 3, 1)), ToTensor(Rows(4, 3, 2)));
        var loss = tensor(1.5);
        long[] classes = [0, 0, 1, -1];
        double[] counts = new double[PairStatistics.Length];
        foreach (double share in (double[])[0.2, 0.7])
        {
            var sets = Sets(4, share, 8);
            sums.Add(new MethodLosses(loss, loss) { Sets = ToTensor(sets) }, Input(tensor(classes)));
            counts = [.. counts.Zip(Slow(sets, classes, 4), (a, b) => a + b)];
        }
        // A step without a relation, as in AdpCLR's first phase, adds no pairs.
        sums.Add(new MethodLosses(loss, loss), Input(tensor(classes)));

        var means = sums.Means();
        Assert.Equal(counts[0] / counts[1], means.PairPrecision!.Value, 12);
        Assert.Equal((long)counts[1], means.LabelledPairs);
        Assert.Equal(counts[0] / counts[2], means.PairRecall!.Value, 12);
        Assert.Equal(counts[4] / counts[3], means.Conflicts!.Value, 12);
        Assert.InRange(means.Conflicts.Value, 0.01, 0.99);
        Assert.Equal(1.5, means.InstanceLoss!.Value, 12);
        Assert.Null(means.WeakLoss);

        MethodInput Input(Tensor known) => new() { Z1 = z1, Z2 = z2, Classes = known, ProjectInstance = _ => throw new InvalidOperationException() };
    }

    [Fact]
    public void EpochSums_WithoutARelation_HaveNoPairs()
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        var loss = tensor(1.5);
        sums.Add(new MethodLosses(loss, loss), new MethodInput { Z1 = ToTensor(Rows(4, 3, 1)), ProjectInstance = _ => throw new InvalidOperationException() });
        var means = sums.Means();
        Assert.Equal((null, null, null, null), (means.PairPrecision, means.PairRecall, means.Conflicts, means.Alignment));
        Assert.NotNull(means.Uniformity);
    }

    [Fact]
    public void EpochSums_CompareTheBatchesThatAreAskedFor()
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: true, twoViews: false, classCount: 2);
        var loss = tensor(1.5);
        var input = new MethodInput { Z1 = ToTensor(Rows(4, 3, 1)), Classes = tensor(new long[] { 0, 0, 1, 1 }), ProjectInstance = _ => throw new InvalidOperationException() };
        var (same, other) = (new MethodLosses(loss, loss) { Labels = tensor(new long[] { 1, 1, 2, 2 }) }, new MethodLosses(loss, loss) { Labels = tensor(new long[] { 0, 1, 0, 1 }) });
        sums.Add(other, input);
        Assert.Equal((null, null), (sums.Means().Nmi, sums.Means().Ami));
        sums.Add(same, input, compare: true);
        Assert.Equal((1.0, 1.0), (sums.Means().Nmi!.Value, sums.Means().Ami!.Value));
        sums.Add(other, input, compare: true);
        Assert.Equal(0.5, sums.Means().Nmi!.Value, 12); // of which one is 0
        Assert.InRange(sums.Means().Ami!.Value, 0.2, 0.4); // of which one is below 0
        var alone = input with { Classes = tensor(new long[] { 0, -1, -1, -1 }) };
        double before = sums.Means().Nmi!.Value;
        sums.Add(same, alone, compare: true); // one image with a class: nothing to compare
        Assert.Equal(before, sums.Means().Nmi!.Value, 12);
    }

    [Fact]
    public void EpochSums_LocalTermOfZero_IsReported_AndNoneIsNot()
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        var (loss, zero) = (tensor(1.5), tensor(0.0));
        var input = new MethodInput { Z1 = ToTensor(Rows(4, 3, 1)), ProjectInstance = _ => throw new InvalidOperationException() };
        sums.Add(new MethodLosses(loss, loss) { LocalInstance = zero }, input);
        Assert.Equal((0.0, null), (sums.Means().LocalInstanceLoss, sums.Means().LocalWeakLoss));

        sums.Clear();
        sums.Add(new MethodLosses(loss, loss) { LocalWeak = loss }, input);
        Assert.Equal((null, 1.5), (sums.Means().LocalInstanceLoss, sums.Means().LocalWeakLoss));
        using var resumed = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        resumed.Restore(sums.Values, sums.Steps);
        Assert.Equal((null, 1.5), (resumed.Means().LocalInstanceLoss, resumed.Means().LocalWeakLoss));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(2000)] // several tiles
    public void EpochSums_Uniformity_IsItsFormula(int images)
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        var z = nn.functional.normalize(new WclSharp.Randomness.ParameterInitializer(5).Normal([images, 6], 1));
        var loss = tensor(1.5);
        sums.Add(new MethodLosses(loss, loss), new MethodInput { Z1 = z, ProjectInstance = _ => throw new InvalidOperationException() });

        var exact = z.to(ScalarType.Float64);
        var between = cdist(exact, exact).square().mul(-2).exp();
        double expected = Math.Log((between.sum().item<double>() - images) / ((double)images * (images - 1)));
        Assert.Equal(expected, sums.Means().Uniformity!.Value, 2e-5); // float32 products
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        Tensor sets = ToTensor(Sets(4, 0.5, 1)), labels = tensor(new long[] { 0, 0, 2, 2 }), classes = tensor(new long[] { 0, 1, 0, -1 });
        CheckLeavesOne(() => PairStatistics.OfSets(sets, classes));
        CheckLeavesOne(() => PairStatistics.OfPartition(labels, classes, 2));
    }

    [Fact]
    public void EpochSums_CountTheSourcesOfLocalCrops()
    {
        using var scope = NewDisposeScope();
        using var sums = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        var loss = tensor(1.5);
        var input = new MethodInput { Z1 = ToTensor(Rows(4, 3, 1)), ProjectInstance = _ => throw new InvalidOperationException() };
        sums.Add(new MethodLosses(loss, loss), input with { CropPairs = (2, 6) });
        sums.Add(new MethodLosses(loss, loss), input with { CropPairs = (1, 2) });
        sums.Add(new MethodLosses(loss, loss), input);
        Assert.Equal(3 / 8.0, sums.Means().CropPrecision!.Value, 12);

        // The relation that these are drawn from stays the same for an epoch, so that it is counted with the last step alone.
        sums.Add(new MethodLosses(loss, loss), input with { CropRelation = (3, 7) });
        Assert.Null(sums.Means().CropConflicts);
        sums.Add(new MethodLosses(loss, loss), input with { CropRelation = (3, 7) }, compare: true);
        Assert.Equal(3 / 7.0, sums.Means().CropConflicts);

        using var resumed = new EpochSums(CPU, weak: false, twoViews: false, classCount: null);
        resumed.Restore(sums.Values, sums.Steps);
        Assert.Equal((sums.Means().CropPrecision, sums.Means().CropConflicts), (resumed.Means().CropPrecision, resumed.Means().CropConflicts));
        resumed.Restore(sums.Values[..^2], sums.Steps); // as checkpoints of before have them
        Assert.Equal((sums.Means().CropPrecision, null), (resumed.Means().CropPrecision, resumed.Means().CropConflicts));
        Assert.Throws<WclUsageException>(() => resumed.Restore(sums.Values[..^1], sums.Steps));
    }
}
