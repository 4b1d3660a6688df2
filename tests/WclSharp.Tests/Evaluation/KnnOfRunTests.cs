using SkiaSharp;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Evaluation;

/// <summary>The kNN accuracy that a run and its evaluation report, counted again from files, in plain loops.</summary>
public sealed class KnnOfRunTests : IDisposable
{
    private const int Images = 300, K = 7;
    private const long Seed = 3;
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // a quarter has no label: they neither vote nor count
    public void Accuracy_IsThatOfASlowVote(bool unlabelled)
    {
        string[] classes = WriteImages(unlabelled);
        string run = folder["run/x"][..^2], list = folder["labels.csv"];
        var summary = Pretraining.Run(SmallRun.Options with { Data = folder["images"], Labels = list, Limit = null, Seed = Seed, KnnK = K, Epochs = 1, Precision = ComputePrecision.Fp32, Out = run }).Summary;
        var evaluated = RunEvaluation.Run(new RunEvaluationOptions { Run = run, KnnK = K, Device = "cpu" });

        var (voters, classified) = Parts(list);
        int labelled = Enumerable.Range(0, Images).Count(i => classes[i].Length > 0);
        Assert.Equal(unlabelled, labelled < Images);
        using var encoder = ImageEncoder.Load(run);
        (float[] Features, string Class)[] Embedded(IEnumerable<int> images) =>
            [.. images.Where(i => classes[i].Length > 0).Select(i => (encoder.Embed(FileOf(i)), classes[i]))];
        var (gallery, queries) = (Embedded(voters), Embedded(classified));
        Assert.Equal(labelled, gallery.Length + queries.Length);
        Assert.Equal((gallery.Length, queries.Length), (evaluated.TrainImages, evaluated.TestImages));
        Assert.Equal(Images - labelled, voters.Count(i => classes[i].Length == 0)); // all of them are trained on

        // Rounding decides where two classes have nearly the same votes, or two images nearly the same cosine with the last place.
        int right = 0, undecided = 0;
        foreach (var (features, truth) in queries)
        {
            var nearest = gallery.Select(image => (Cosine: Cosine(features, image.Features), image.Class)).OrderByDescending(image => image.Cosine).ToArray();
            var votes = nearest.Take(K).GroupBy(image => image.Class).Select(group => (Class: group.Key, Weight: group.Sum(image => Math.Exp(image.Cosine / 0.1)))).OrderByDescending(vote => vote.Weight).ToArray();
            double lead = (votes[0].Weight - (votes.Length > 1 ? votes[1].Weight : 0)) / Math.Exp(nearest[K - 1].Cosine / 0.1);
            bool lastIsUnsure = nearest[K - 1].Cosine - nearest[K].Cosine < 1e-5 && nearest[K - 1].Class != nearest[K].Class;
            if (lead < 1e-3 || (lastIsUnsure && lead < 2.01)) undecided++;
            else if (votes[0].Class == truth) right++;
        }

        Assert.InRange(undecided, 0, queries.Length / 4); // how many, processors differ in: 2 to 8 of 60 were seen
        foreach (double accuracy in new[] { summary.Knn!.Value, evaluated.Knn }) Assert.InRange(accuracy * queries.Length, right - 1e-6, right + undecided + 1e-6);
        Assert.InRange(right, queries.Length / 5, queries.Length); // more than chance, of ten classes
    }

    private string FileOf(int image) => folder[$"images/{image:000}.png"];

    /// <summary>Writes some of the embedded images as files, and a list of their classes.</summary>
    /// <returns>Each image's class; empty where it has none.</returns>
    private string[] WriteImages(bool unlabelled)
    {
        using var embedded = ImageDataset.Read(new DatasetOptions { Limit = Images, Seed = 1 });
        var classes = new string[Images];
        for (int i = 0; i < Images; i++)
        {
            var (height, width) = embedded.SizeOf(i);
            File.WriteAllBytes(FileOf(i), ImageFiles.GreyPng(embedded.PixelsOf(i), height, width));
            classes[i] = unlabelled && i % 4 == 0 ? "" : embedded.ClassNames[embedded.Labels[i]];
        }

        File.WriteAllLines(folder["labels.csv"], Enumerable.Range(0, Images).Where(i => classes[i].Length > 0).Select(i => $"{i:000}.png,{classes[i]}"));
        return classes;
    }

    /// <summary>The images that are trained on and those that are held out, a fifth of those with a class: the split of the run's seed.</summary>
    private (int[] Train, int[] HeldOut) Parts(string list)
    {
        using var all = ImageDataset.Read(new DatasetOptions { Path = folder["images"], Labels = list });
        Assert.Equal(Images, all.Count);
        var (train, heldOut) = all.SplitLabelled(0.2, Seed);
        using (train)
        using (heldOut)
        {
            var parts = (Numbers(train), Numbers(heldOut));
            Assert.Equal(Enumerable.Range(0, Images), parts.Item1.Concat(parts.Item2).Order());
            return parts;
        }

        static int[] Numbers(ImageDataset images) => [.. Enumerable.Range(0, images.Count).Select(i => int.Parse(Path.GetFileNameWithoutExtension(images.NameOf(i)), System.Globalization.CultureInfo.InvariantCulture))];
    }

    private static double Cosine(float[] a, float[] b)
    {
        double product = 0, first = 0, second = 0;
        for (int i = 0; i < a.Length; i++) (product, first, second) = (product + (double)a[i] * b[i], first + (double)a[i] * a[i], second + (double)b[i] * b[i]);
        return product / Math.Sqrt(first * second);
    }
}
