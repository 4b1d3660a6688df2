using System.Globalization;
using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Onnx;
using WclSharp;
using WclSharp.Inference;
using WclSharp.Samples.MLNet;

// An encoder that wcl export wrote as a step of an ML.NET pipeline: its features, a classifier that ML.NET trains on them, one file of both.

if (args is not [var onnxFile, var source, var modelFile])
{
    Console.Error.WriteLine("ENCODER.onnx, then a folder with a folder of images per class (or a list of path,label), then the file that the ML.NET model is saved to");
    return 2;
}

try
{
    var images = LabelledImage.Find(source);
    if (images.Select(image => image.Label).Distinct().Count() < 2) throw new WclUsageException($"'{source}' has images of fewer than two classes.");

    using var encoder = OnnxEncoder.Load(onnxFile);
    int side = encoder.ImageSize;
    var ml = new MLContext(seed: 0);

    // Pixels. The encoder says how large they are, so their type is not in the attributes of Photo.
    var schema = SchemaDefinition.Create(typeof(Photo));
    schema["pixels"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 3, side, side);
    var photos = ml.Data.LoadFromEnumerable(images.Select(image => new Photo { Label = image.Label, Pixels = encoder.Prepare(image.Path) }), schema);

    // Features.
    var network = ml.Transforms.ApplyOnnxModel(new OnnxOptions
    {
        ModelFile = onnxFile,
        InputColumns = ["pixels"],
        OutputColumns = ["features"],
        ShapeDictionary = new Dictionary<string, int[]> { ["pixels"] = [1, 3, side, side], ["features"] = [1, encoder.FeatureSize] }, // the batch size N is dynamic in the file
    }).Fit(photos);
    var features = ml.Data.Cache(network.Transform(photos), "label", "features"); // each image goes through the network once
    CompareWith(encoder, images, ml.Data.CreateEnumerable<Embedded>(features, reuseRowObject: false));

    // A classifier of the features.
    var trainer = ml.Transforms.Conversion.MapValueToKey("label")
        .Append(ml.Transforms.NormalizeMeanVariance("features"))
        .Append(ml.MulticlassClassification.Trainers.LbfgsMaximumEntropy("label", "features"))
        .Append(ml.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
    var folds = ml.MulticlassClassification.CrossValidate(features, trainer, numberOfFolds: 5, labelColumnName: "label");
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{images.Length:N0} images: {folds.Average(fold => fold.Metrics.MicroAccuracy):0.0%} right in {folds.Count}-fold cross-validation"));

    // Network and classifier in one file, which prepared pixels are all that is needed for.
    var model = network.Append(trainer.Fit(features));
    ml.Model.Save(model, photos.Schema, modelFile);

    var loaded = ml.Model.Load(modelFile, out _);
    using var engine = ml.Model.CreatePredictionEngine<Photo, Guess>(loaded, inputSchemaDefinition: schema);
    var image = images[^1];
    Console.WriteLine($"{image.Path} shows {engine.Predict(new Photo { Pixels = encoder.Prepare(image.Path) }).Class} by the model that was read back, {image.Label} by its label");
    return 0;
}
catch (WclException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// ML.NET's features are those of the package, since the pixels and the runtime are.
static void CompareWith(OnnxEncoder encoder, LabelledImage[] images, IEnumerable<Embedded> features)
{
    float lowest = images.Zip(features, (image, row) => TensorPrimitives.CosineSimilarity(encoder.Embed(image.Path), row.Features)).Min();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"lowest cosine of ML.NET's and OnnxEncoder's features: {lowest:0.0000000}"));
    if (!(lowest > 0.9999f)) throw new WclException("ML.NET's features are not those of OnnxEncoder.");
}

/// <summary>A row of what goes in.</summary>
internal sealed class Photo
{
    [ColumnName("label")]
    public string Label { get; set; } = "";

    [ColumnName("pixels")]
    public float[] Pixels { get; set; } = []; // [3, S, S], 0 to 255
}

/// <summary>A row of features.</summary>
internal sealed class Embedded
{
    [ColumnName("features")]
    public float[] Features { get; set; } = [];
}

/// <summary>What comes out.</summary>
internal sealed class Guess
{
    [ColumnName("PredictedLabel")]
    public string Class { get; set; } = "";
}
