using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Heads;
using WclSharp.Losses;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Samples;

/// <summary>WCL in a loop of one's own: the library's images, views, losses, graph, optimiser and measures, and any network, optimiser or further loss of TorchSharp's.</summary>
internal static class TrainInYourOwnLoop
{
    private const int Size = 32, Batch = 32, Epochs = 5;
    private const double Temperature = 0.1;

    public static int Run(string photos, string file)
    {
        using var images = ImageDataset.Read(new DatasetOptions { Path = photos, StoredSide = 2 * Size });
        var parts = images.Split(heldOutFraction: 0.2, seed: 0);
        using ImageDataset train = parts.Train, heldOut = parts.HeldOut;
        var augmenter = new Augmenter(Size, Normalization.Cifar10, seed: 0, CPU);
        var recipe = AugmentationRecipe.Strong(Size);

        // Any module of TorchSharp's from [N, 3, S, S] to [N, F] will do; only ImageEncoder asks for this one.
        using var encoder = new ResNet(EncoderArch.ResNet18, width: 16, EncoderStem.Small, seed: 0);
        using var instanceHead = new ProjectionHead(encoder.FeatureSize, hidden: 256, output: 64, seed: 1);
        using var weakHead = new ProjectionHead(encoder.FeatureSize, hidden: 256, output: 64, seed: 2);
        using var optimizer = new AdamW(Optimizer.ParametersOf(("encoder.", encoder), ("instance_head.", instanceHead), ("weak_head.", weakHead)), weightDecay: 1e-4); // or Lars, Sgd

        using var loader = new BatchLoader(train, Batch, seed: 0, workers: 2);
        var schedule = new LearningRateSchedule(peak: 1e-3, warmupSteps: loader.StepsPerEpoch, totalSteps: (long)Epochs * loader.StepsPerEpoch);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            double sum = 0;
            foreach (var batch in loader.Epoch(epoch))
            {
                using var scope = NewDisposeScope(); // frees what a step made
                using (batch)
                {
                    var views = augmenter.Augment(batch, epoch, views: [0, 1], recipe).chunk(2); // two of [N, 3, S, S]
                    var (z1, v1) = Project(views[0]); // [N, D], rows of unit length
                    var (z2, v2) = Project(views[1]);
                    var instance = InstanceLoss.Forward(z1, z2, Temperature);
                    var (weak, _, _) = WeakLoss.OfGraphs(v1, v2, Temperature, detachKeys: true);
                    var loss = instance + weak;
                    optimizer.ZeroGradients();
                    Backpropagation.Run(loss);
                    optimizer.Step(schedule.At(optimizer.Steps));
                    sum += loss.item<float>();
                }
            }
            Console.WriteLine($"epoch {epoch + 1}: loss {sum / loader.StepsPerEpoch:0.000}");
        }

        Measure(train, heldOut, encoder, augmenter, classes: !images.Labels.Contains(-1));
        ImageEncoder.Save(encoder, file, Size, Normalization.Cifar10);
        Console.WriteLine($"Wrote {file}.");
        return 0;

        // [N, 3, S, S] -> two projections, [N, D], of unit length.
        (Tensor, Tensor) Project(Tensor views)
        {
            var features = encoder.call(views);
            return (nn.functional.normalize(instanceHead.call(features)), nn.functional.normalize(weakHead.call(features)));
        }
    }

    private static void Measure(ImageDataset train, ImageDataset heldOut, ResNet encoder, Augmenter augmenter, bool classes)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        encoder.eval();
        Tensor gallery = Features(train), queries = Features(heldOut);
        Console.WriteLine($"effective rank of the features: {FeatureQuality.EffectiveRank(queries):0.0} of {encoder.FeatureSize}");
        if (!classes) return;
        var knn = new KnnClassifier(gallery, train.Labels.ToArray(), train.ClassNames.Count, KnnClassifier.DefaultK(train.Count));
        using var linear = LinearClassifier.Train(gallery, train.Labels.ToArray(), train.ClassNames.Count); // its rate and decay are chosen on a part of the gallery
        Console.WriteLine($"accuracy on {heldOut.Count} images that were held out: kNN {knn.Accuracy(queries, heldOut.Labels.ToArray()):P1}, linear {linear.Accuracy(queries, heldOut.Labels.ToArray()):P1}");

        Tensor Features(ImageDataset images)
        {
            var rows = new List<Tensor>();
            foreach (var batch in BatchLoader.InOrder(images, 256))
            {
                using (batch) rows.Add(nn.functional.normalize(encoder.call(augmenter.Evaluate(batch))));
            }
            return cat(rows); // [N, F]
        }
    }
}
