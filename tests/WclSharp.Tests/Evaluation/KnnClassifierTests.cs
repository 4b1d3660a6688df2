using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public class KnnClassifierTests
{
    [Theory]
    [InlineData(1), InlineData(5), InlineData(40), InlineData(1000)]
    public void Predict_EqualsASlowVote(int k)
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(k);
        var gallery = nn.functional.normalize(random.Normal([60, 8], 1));
        var queries = nn.functional.normalize(random.Normal([700, 8], 1)); // more than one tile
        int[] classes = [.. Enumerable.Range(0, 60).Select(i => i * 7 % 5)];
        var cosine = queries.matmul(gallery.T).data<float>().ToArray();
        var expected = new int[700];
        for (int q = 0; q < 700; q++)
        {
            var votes = new double[5];
            foreach (int i in Enumerable.Range(0, 60).OrderByDescending(i => cosine[q * 60 + i]).Take(k)) votes[classes[i]] += Math.Exp(cosine[q * 60 + i] / 0.1);
            expected[q] = Array.IndexOf(votes, votes.Max());
        }
        Assert.Equal(expected, new KnnClassifier(gallery, classes, 5, k).Predict(queries));
    }

    [Fact]
    public void Accuracy_OfTheGalleryItselfWithOneNeighbour_IsOne()
    {
        using var scope = NewDisposeScope();
        var gallery = nn.functional.normalize(new ParameterInitializer(1).Normal([50, 8], 1));
        int[] classes = [.. Enumerable.Range(0, 50).Select(i => i % 3)];
        Assert.Equal(1, new KnnClassifier(gallery, classes, 3, 1).Accuracy(gallery, classes));
    }

    [Theory]
    [InlineData(19_999, 20), InlineData(20_000, 200)]
    public void DefaultK_IsSmallForSmallSets(int images, int k) => Assert.Equal(k, KnnClassifier.DefaultK(images));

    [Fact]
    public void WrongArguments_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        var gallery = nn.functional.normalize(new ParameterInitializer(1).Normal([4, 8], 1));
        int[] classes = [0, 1, 0, 1];
        Refused("classes", () => new KnnClassifier(gallery, [0, 1], 2, 1), "2 classes for features of shape [4, 8]");
        Refused("classes", () => new KnnClassifier(gallery, [0, 1, 0, 2], 2, 1), "Class 2 is none of 0 to 1");
        Refused("classes", () => new KnnClassifier(gallery, [0, 1, -1, 0], 2, 1), "Class -1");
        Refused("classCount", () => new KnnClassifier(gallery, classes, 0, 1), "'1'");
        Refused("k", () => new KnnClassifier(gallery, classes, 2, 0), "'1'");
        Refused("gallery", () => new KnnClassifier(gallery.narrow(0, 0, 0), [], 2, 1), "no features");
        Refused("gallery", () => new KnnClassifier(gallery[0], classes, 2, 1), "[8] Float32");
        Refused("gallery", () => new KnnClassifier(gallery.to(ScalarType.Float64), classes, 2, 1), "Float64");
        var classifier = new KnnClassifier(gallery, classes, 2, 1);
        Refused("queries", () => classifier.Predict(zeros(2, 5)), "[2, 5] are not as wide as the gallery, [4, 8]");
        Refused("queries", () => classifier.Predict(gallery.to(ScalarType.Float64)), "Float64");
        Refused("truth", () => classifier.Accuracy(gallery, [0, 1]), "2 classes for queries of shape [4, 8]");
        Assert.Empty(classifier.Predict(gallery.narrow(0, 0, 0)));

        static void Refused(string name, Action call, string saying)
        {
            var error = Assert.ThrowsAny<ArgumentException>(call);
            Assert.Equal(name, error.ParamName);
            Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Predict_LeavesNoTensorBehind()
    {
        using var gallery = nn.functional.normalize(new ParameterInitializer(1).Normal([50, 8], 1));
        var classifier = new KnnClassifier(gallery, new int[50], 1, 5);
        classifier.Predict(gallery);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++) classifier.Predict(gallery);
        });
    }
}
