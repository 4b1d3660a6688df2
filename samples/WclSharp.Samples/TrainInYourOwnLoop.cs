using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Heads;
using WclSharp.Losses;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Samples;

/// <summary>WCL in a loop of one's own: the library's images, views, losses and graph, and any network, optimiser or further loss of TorchSharp's.</summary>
internal static class TrainInYourOwnLoop
{
    private const int Size = 32, Batch = 32, Epochs = 5;
    private const double Temperature = 0.1;

    public static int Run(string photos, string file)
    {
        using var images = ImageDataset.Read(new DatasetOptions { Path = photos, StoredSide = 2 * Size });
        var parts = images.Split(heldOutFraction: 0.2, seed: 0);
        using ImageDataset train = parts.Train, heldOut = parts.HeldOut;
        var augmenter = new Augmenter(Size, Normalization.ImageNet, seed: 0, CPU);
        var recipe = AugmentationRecipe.Strong(Size);

        // Any module of TorchSharp's from [N, 3, S, S] to [N, F] will do; only ImageEncoder asks for this one.
        using var encoder = new ResNet(EncoderArch.ResNet18, width: 16, EncoderStem.Small, seed: 0);
        using var instanceHead = new ProjectionHead(encoder.FeatureSize, hidden: 256, output: 64, seed: 1);
        using var weakHead = new ProjectionHead(encoder.FeatureSize, hidden: 256, output: 64, seed: 2);
        using var optimizer = optim.AdamW([.. encoder.parameters(), .. instanceHead.parameters(), .. weakHead.parameters()], lr: 1e-3);

        using var loader = new BatchLoader(train, Batch, seed: 0, workers: 2);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            double sum = 0;
            foreach (var batch in loader.Epoch(epoch))
            {
                using var scope = NewDisposeScope(); // frees what a step made
                using (batch)
                {
                    var (z1, v1) = Project(augmenter.Augment(batch, epoch, view: 0, recipe)); // [N, D], rows of unit length
                    var (z2, v2) = Project(augmenter.Augment(batch, epoch, view: 1, recipe));
                    var instance = InstanceLoss.Forward(z1, z2, Temperature);
                    var (weak, _, _) = WeakLoss.OfGraphs(v1, v2, Temperature, detachKeys: true);
                    var loss = instance + weak;
                    optimizer.zero_grad();
                    Backpropagation.Run(loss);
                    optimizer.step();
                    sum += loss.item<float>();
                }
            }
            Console.WriteLine($"epoch {epoch + 1}: loss {sum / loader.StepsPerEpoch:0.000}");
        }

        if (!images.Labels.Contains(-1)) Console.WriteLine($"kNN accuracy on {heldOut.Count} images that were held out: {Knn(train, heldOut, encoder, augmenter):P1}");
        ImageEncoder.Save(encoder, file, Size, Normalization.ImageNet);
        Console.WriteLine($"Wrote {file}.");
        return 0;

        // [N, 3, S, S] -> two projections, [N, D], of unit length.
        (Tensor, Tensor) Project(Tensor views)
        {
            var features = encoder.call(views);
            return (nn.functional.normalize(instanceHead.call(features)), nn.functional.normalize(weakHead.call(features)));
        }
    }

    private static double Knn(ImageDataset train, ImageDataset heldOut, ResNet encoder, Augmenter augmenter)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        encoder.eval();
        var classifier = new KnnClassifier(Features(train), train.Labels.ToArray(), train.ClassNames.Count, KnnClassifier.DefaultK(train.Count));
        return classifier.Accuracy(Features(heldOut), heldOut.Labels.ToArray());

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
