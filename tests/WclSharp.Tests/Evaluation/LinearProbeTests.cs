using TorchSharp;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public sealed class LinearProbeTests
{
    private const int Classes = 5;

    [Fact]
    public void Train_SeparableData_IsClassifiedWithoutError()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Clusters(seed: 1, images: 600, features: 16, spread: 0.15);
        Assert.Equal(1, Accuracy(Fit(x, y), Standard(x, x), y));
    }

    [Fact]
    public void Train_OverlappingClasses_AgreesWithAConvexSolverWithinHalfAPoint()
    {
        using var scope = NewDisposeScope();
        // Correlated columns of different scales, as features are; classes that overlap, so that the best weights are finite.
        var mix = eye(48).add(new ParameterInitializer(99).Normal([48, 48], 0.05)).mul(new ParameterInitializer(98).Normal([1, 48], 3).exp());
        var (x, y) = Clusters(seed: 2, images: 3000, features: 48, spread: 1.7);
        var (test, truth) = Clusters(seed: 3, images: 4000, features: 48, spread: 1.7, centres: 2);
        (x, test) = (x.matmul(mix).add(3), test.matmul(mix).add(3));

        var train = Standard(x, x);
        var optimum = NewtonOptimum(train, y);
        double ours = Accuracy(Fit(x, y), Standard(x, test), truth), best = Accuracy(optimum, Standard(x, test), truth);
        Assert.InRange(best, 0.55, 0.95); // neither chance nor trivial
        Assert.InRange(ours, best - 0.005, best + 0.005);
        // And the loss is near the least there is.
        Assert.InRange(Loss(Fit(x, y), train, y) - Loss(optimum, train, y), -1e-5, 0.01);
    }

    [Fact]
    public void Train_RandomLabels_GiveChanceOnOtherImages()
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(4);
        Tensor x = random.Normal([2000, 20], 1), test = random.Normal([5000, 20], 1);
        int[] Labels(long seed, int count) => [.. new CounterRandom(seed, RandomPurpose.Subset).Permutation(count).Select(i => i % Classes)];

        double accuracy = Accuracy(Fit(x, Labels(1, 2000)), Standard(x, test), Labels(2, 5000));
        Assert.InRange(accuracy, 0.2 - 0.03, 0.2 + 0.03); // five standard deviations of 5,000 draws are 0.028
    }

    [Fact]
    public void Train_SameSeed_IsTheSameForAnyNumberOfThreads_AndAnotherSeedIsNot()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Clusters(seed: 5, images: 700, features: 24, spread: 1.5);
        int threads = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = Fit(x, y);
            set_num_threads(2);
            Assert.Equal(one.data<float>().ToArray(), Fit(x, y).data<float>().ToArray());
            Assert.NotEqual(one.data<float>().ToArray(), Fit(x, y, seed: 8).data<float>().ToArray());
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Fact]
    public void Standardisation_ColumnsHaveMeanZeroAndDeviationOne_ConstantOnesAreZero()
    {
        using var scope = NewDisposeScope();
        var x = new ParameterInitializer(6).Normal([500, 3], 2).add(7);
        x[TensorIndex.Colon, 1].fill_(0.1f);
        var standard = Standard(x, x).to(ScalarType.Float64); // [500, 4]

        Assert.Equal([0, 0, 0, 1], standard.mean([0L]).data<double>().ToArray().Select(v => Math.Round(v, 4)));
        Assert.Equal([1, 0, 1, 1], standard.square().mean([0L]).data<double>().ToArray().Select(v => Math.Round(v, 4)));
    }

    /// <summary>The test images have another mean and scale than the training images, as those of another camera would: that is for the classifier to see.</summary>
    [Fact]
    public void Measure_SomeUnlabelled_HasTheFiguresOfASlowLoop_WithTheTrainingImagesMeanAndDeviation()
    {
        const int Names = 7, Features = 6;
        using var scope = NewDisposeScope();
        string list = Path.GetTempFileName();
        try
        {
            using var images = LabelledInPart(list, 400, i => i % 4 == 3 ? null : $"class {i * 5 % Names}");
            using var train = images.Subset([.. Enumerable.Range(0, 250)]);
            using var test = images.Subset([.. Enumerable.Range(250, 150)]);
            Assert.Equal((Names, 188, 112), (images.ClassNames.Count, train.LabelledCount, test.LabelledCount));
            var means = new ParameterInitializer(31).Normal([Names + 1, Features], 1);
            means[Names].fill_(50); // where the images are that have no class: they would move every mean
            Tensor Of(ImageDataset part, long seed) => means.index_select(0, tensor(part.Labels.ToArray().Select(c => c < 0 ? (long)Names : c).ToArray()))
                .add(new ParameterInitializer(seed).Normal([part.Count, Features], 1.3));
            Tensor gallery = Of(train, 32), queries = Of(test, 33).mul(1.4).add(0.6);

            var result = LinearProbe.Measure(gallery, train, queries, test, seed: 3, null, default, confusion: true)!;

            float[][] taught = Labelled(gallery, train), asked = Labelled(queries, test);
            int[] classes = [.. train.Labels.ToArray().Where(c => c >= 0)], truth = [.. test.Labels.ToArray().Where(c => c >= 0)];
            double[] mean = [.. Enumerable.Range(0, Features).Select(f => taught.Average(row => (double)row[f]))];
            double[] deviation = [.. Enumerable.Range(0, Features).Select(f => Math.Sqrt(taught.Average(row => Math.Pow(row[f] - mean[f], 2))))];
            float[] Inputs(float[] row) => [.. row.Select((value, f) => (float)((value - mean[f]) / deviation[f])), 1];
            float[] weights = [.. LinearProbe.Train(tensor(taught.SelectMany(Inputs).ToArray()).view(-1, Features + 1), classes, Names, seed: 3).data<float>()];
            int[][] ranked = [.. asked.Select(row =>
            {
                float[] x = Inputs(row);
                return Enumerable.Range(0, Names).OrderByDescending(c => Enumerable.Range(0, x.Length).Sum(f => (double)x[f] * weights[f * Names + c])).ToArray();
            })];
            int right = 0, amongFive = 0;
            long[][] counts = [.. Enumerable.Range(0, Names).Select(_ => new long[Names])];
            for (int i = 0; i < truth.Length; i++)
            {
                if (ranked[i][0] == truth[i]) right++;
                if (ranked[i][..5].Contains(truth[i])) amongFive++;
                counts[truth[i]][ranked[i][0]]++;
            }

            Assert.InRange(right, 30, 100); // neither chance nor trivial
            Assert.InRange(amongFive, right + 1, truth.Length - 1);
            Assert.Equal((right / 112.0, amongFive / 112.0), (result.Top1, result.Top5!.Value));
            Assert.Equal((188L, 112L), (result.TrainImages, result.TestImages));
            Assert.Equal(images.ClassNames, result.Confusion!.ClassNames);
            Assert.Equal(counts, result.Confusion.Counts);
            Assert.Equal(images.ClassNames.Select((name, c) => new ClassAccuracy { Name = name, Images = counts[c].Sum(), Accuracy = counts[c][c] / (double)counts[c].Sum() }), result.PerClass);
            Assert.Null(LinearProbe.Measure(gallery, train, queries, test, seed: 3, null, default)!.Confusion);
        }
        finally
        {
            File.Delete(list);
        }

        static float[][] Labelled(Tensor features, ImageDataset part) =>
            [.. features.data<float>().ToArray().Chunk((int)features.size(1)).Where((_, i) => part.Labels[i] >= 0)];
    }

    [Fact]
    public void Measure_FiveClasses_HaveNoTop5_AndImagesWithoutAnyClassGiveNothing()
    {
        using var scope = NewDisposeScope();
        string list = Path.GetTempFileName();
        try
        {
            using var images = LabelledInPart(list, 60, i => i < 40 ? $"{i % Classes}" : null);
            using var train = images.Subset([.. Enumerable.Range(0, 20)]);
            using var test = images.Subset([.. Enumerable.Range(20, 20)]);
            using var unlabelled = images.Subset([.. Enumerable.Range(40, 20)]);
            var features = new ParameterInitializer(8).Normal([20, 3], 1);
            Assert.Null(LinearProbe.Measure(features, train, features, test, 0, null, default)!.Top5);
            Assert.Null(LinearProbe.Measure(features, unlabelled, features, test, 0, null, default));
            Assert.Null(LinearProbe.Measure(features, train, features, unlabelled, 0, null, default));
        }
        finally
        {
            File.Delete(list);
        }
    }

    [Fact]
    public void Train_ClassesThatDoNotFit_AreRefused()
    {
        using var x = zeros(4, 3);
        Assert.Contains("[4, 3]", Assert.Throws<ArgumentException>(() => LinearProbe.Train(x, [0, 1], 2, 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_LeavesNoTensorBehind()
    {
        using var x = new ParameterInitializer(7).Normal([300, 8], 1);
        int[] y = [.. Enumerable.Range(0, 300).Select(i => i % 3)];
        LinearProbe.Train(x, y, 3, 0).Dispose();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++) LinearProbe.Train(x, y, 3, 0).Dispose();
        });
    }

    /// <summary>Some of the embedded images, with classes of the test's own; null is none.</summary>
    private static ImageDataset LabelledInPart(string list, int count, Func<int, string?> classOf)
    {
        using (var named = ImageDataset.Read(new DatasetOptions { Limit = count, StoredSide = 16 }))
            File.WriteAllLines(list, Enumerable.Range(0, count).Where(i => classOf(i) is not null).Select(i => $"{named.NameOf(i)},{classOf(i)}"));
        return ImageDataset.Read(new DatasetOptions { Limit = count, StoredSide = 16, Labels = list });
    }

    private static Tensor Standard(Tensor reference, Tensor features) => LinearProbe.Standardisation.Of(reference).Apply(features);

    private static Tensor Fit(Tensor x, int[] y, long seed = 0) => LinearProbe.Train(Standard(x, x), y, Classes, seed);

    private static double Accuracy(Tensor weights, Tensor inputs, int[] truth)
    {
        long[] predicted = inputs.matmul(weights.to(inputs.dtype)).argmax(1).data<long>().ToArray();
        return predicted.Zip(truth).Count(pair => pair.First == pair.Second) / (double)truth.Length;
    }

    /// <summary>Images around a centre for each class; the same centres for the same seed of them.</summary>
    private static (Tensor X, int[] Y) Clusters(long seed, int images, int features, double spread, long? centres = null)
    {
        var means = new ParameterInitializer(1000 + (centres ?? seed)).Normal([Classes, features], 0.5);
        int[] y = [.. Enumerable.Range(0, images).Select(i => i % Classes)];
        using var index = tensor(Array.ConvertAll(y, c => (long)c));
        return (means.index_select(0, index).add(new ParameterInitializer(seed).Normal([images, features], spread)), y);
    }

    private static double Loss(Tensor weights, Tensor inputs, int[] y)
    {
        using var scope = NewDisposeScope();
        var targets = tensor(Array.ConvertAll(y, c => (long)c));
        return nn.functional.cross_entropy(inputs.to(ScalarType.Float64).matmul(weights.to(ScalarType.Float64)), targets).item<double>();
    }

    /// <summary>
    /// Logistic regression to convergence, in float64, by Newton's method with the full Hessian: for classes c, d it is
    /// mean p_c (1[c = d] - p_d) x x^T. A ridge of 1e-9 takes away that a constant can be added to every class's weights.
    /// </summary>
    private static Tensor NewtonOptimum(Tensor inputs, int[] y)
    {
        const double Ridge = 1e-9;
        var x = inputs.to(ScalarType.Float64);
        long m = x.shape[0], f = x.shape[1];
        var target = nn.functional.one_hot(tensor(Array.ConvertAll(y, c => (long)c)), Classes).to(ScalarType.Float64);
        var w = zeros([f, Classes], ScalarType.Float64);
        double norm = double.PositiveInfinity;
        for (int iteration = 0; iteration < 30 && norm > 1e-10; iteration++)
        {
            var p = x.matmul(w).softmax(1);
            var gradient = x.T.matmul(p - target).div(m).add(w.mul(Ridge)).T.reshape(-1);              // [C F]
            var hessian = zeros([Classes * f, Classes * f], ScalarType.Float64);
            for (int c = 0; c < Classes; c++)
            {
                for (int d = 0; d < Classes; d++)
                {
                    var weight = p[TensorIndex.Colon, c].mul((c == d ? 1.0 : 0.0) - p[TensorIndex.Colon, d]).div(m).unsqueeze(1);
                    hessian.narrow(0, c * f, f).narrow(1, d * f, f).copy_(x.T.matmul(x.mul(weight)));
                }
            }

            hessian.add_(eye(Classes * f, dtype: ScalarType.Float64).mul(Ridge));
            w = w.sub(linalg.solve(hessian, gradient).view(Classes, f).T);
            norm = gradient.norm().item<double>();
        }

        Assert.True(norm <= 1e-10, $"Newton's method did not converge: gradient {norm}");
        return w;
    }
}
