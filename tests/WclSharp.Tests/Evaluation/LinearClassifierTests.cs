using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public sealed class LinearClassifierTests
{
    private const int Classes = 4, Width = 12;

    private static (Tensor X, int[] Y) Clusters(long seed, int rows)
    {
        int[] y = [.. Enumerable.Range(0, rows).Select(i => i % Classes)];
        var centres = new ParameterInitializer(9).Normal([Classes, Width], 0.6);
        return (nn.functional.normalize(centres.index_select(0, tensor(Array.ConvertAll(y, c => (long)c))).add(new ParameterInitializer(seed).Normal([rows, Width], 0.7))), y);
    }

    [Fact]
    public void Train_WithoutSettings_IsTheProbeOfTheProtocol_WithWhatTheSearchChose()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Clusters(1, 400);
        var (test, truth) = Clusters(2, 5000); // more than one tile
        using var classifier = LinearClassifier.Train(x, y, Classes, seed: 3, cancellation: TestContext.Current.CancellationToken);

        var (settings, images) = LinearProbeSearch.Choose(x, y, Classes, 3, null, null, default);
        Assert.Equal((settings, images), (classifier.Settings, classifier.ValidationRows));
        Assert.Equal(80, images);
        var standard = LinearProbe.Standardisation.Of(x);
        long[] expected = standard.Apply(test).matmul(LinearProbe.Train(standard.Apply(x), y, Classes, 3, settings)).argmax(1).data<long>().ToArray();
        int[] predicted = classifier.Predict(test);
        Assert.Equal(expected, predicted.Select(c => (long)c));
        Assert.InRange(classifier.Accuracy(test, truth), 0.5, 0.99); // neither chance nor trivial
        Assert.Equal(expected.Zip(truth).Count(pair => pair.First == pair.Second) / 5000.0, classifier.Accuracy(test, truth));
    }

    [Fact]
    public void Train_WithSettings_TakesThem()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Clusters(1, 60);
        var settings = new LinearProbeSettings { LearningRate = 0.1, WeightDecay = 0.01 };
        using var classifier = LinearClassifier.Train(x, y, Classes, settings: settings, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((settings, 0), (classifier.Settings, classifier.ValidationRows));
        Assert.Empty(classifier.Predict(x.narrow(0, 0, 0)));
    }

    [Fact]
    public void WrongArguments_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Clusters(1, 8);
        var usual = new LinearProbeSettings();
        Refused("features", () => LinearClassifier.Train(x.to(ScalarType.Float64), y, Classes), "Float64");
        Refused("features", () => LinearClassifier.Train(x.narrow(0, 0, 0), [], Classes), "no features");
        Refused("classes", () => LinearClassifier.Train(x, [0, 1], Classes), "2 classes for features of shape [8, 12]");
        Refused("classes", () => LinearClassifier.Train(x, y, 3), "Class 3 is none of 0 to 2");
        Refused("classCount", () => LinearClassifier.Train(x, y, 0), "'1'");
        Refused("settings", () => LinearClassifier.Train(x, y, Classes, settings: usual with { LearningRate = 0 }), "above 0");
        Refused("settings", () => LinearClassifier.Train(x, y, Classes, settings: usual with { WeightDecay = double.NaN }), "0 or more");
        Assert.Contains("are not finite", Assert.Throws<DivergedException>(() => LinearClassifier.Train(x.mul(double.NaN), y, Classes)).Message, StringComparison.Ordinal);
        Assert.Contains("learning rate 1E+30 and weight decay 1000", Assert.Throws<DivergedException>(() =>
            LinearClassifier.Train(x, y, Classes, settings: new() { LearningRate = 1e30, WeightDecay = 1000 })).Message, StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(() => LinearClassifier.Train(x, y, Classes, settings: usual, cancellation: new CancellationToken(canceled: true)));
        var classifier = LinearClassifier.Train(x, y, Classes, settings: usual, cancellation: TestContext.Current.CancellationToken);
        Refused("queries", () => classifier.Predict(zeros(2, 5)), "[2, 5] are not as wide as the training features, 12");
        Refused("truth", () => classifier.Accuracy(x, [0, 1]), "2 classes for queries of shape [8, 12]");
        classifier.Dispose();
        Assert.Throws<ObjectDisposedException>(() => classifier.Predict(x));

        static void Refused(string name, Action call, string saying)
        {
            var error = Assert.ThrowsAny<ArgumentException>(call);
            Assert.Equal(name, error.ParamName);
            Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Use_LeavesNoTensorBehind()
    {
        using var x = nn.functional.normalize(new ParameterInitializer(1).Normal([40, Width], 1));
        int[] y = [.. Enumerable.Range(0, 40).Select(i => i % Classes)];
        LiveTensors.AssertNoneLeftBy(() =>
        {
            using var classifier = LinearClassifier.Train(x, y, Classes);
            classifier.Predict(x);
        });
    }
}
