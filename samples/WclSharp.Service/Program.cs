// A web service that answers "which images are like this one?" and "what does it show?" with files that wcl wrote:
//
//   wcl export RUN --out encoder.onnx && wcl index encoder.onnx --data photos --out photos.index
//   wcl export RUN/finetune/classifier.safetensors --out classifier.onnx
//   dotnet run -c Release --project samples/WclSharp.Service -- --encoder encoder.onnx --index photos.index --classifier classifier.onnx --urls http://127.0.0.1:5000
//
//   curl --data-binary @new.jpg 'http://127.0.0.1:5000/similar?k=5'
//   curl --data-binary @new.jpg  http://127.0.0.1:5000/classify
using System.Globalization;
using WclSharp;
using WclSharp.Inference;
using WclSharp.Service;

const long LargestImage = 16 << 20, MostPixels = 32_000_000; // bytes of a request; decoding takes 4 bytes a pixel, of a hostile TIFF up to 20
const int MostNearest = 1000;
const int RequestsPerCore = 16; // at a time; more are turned away
var slowest = TimeSpan.FromSeconds(20); // for a request to send its image

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.ConfigureKestrel(server =>
{
    server.Limits.MaxRequestBodySize = LargestImage;
    server.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(5));
});
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ServiceJson.Default));
string Option(string name) => builder.Configuration[name] ?? throw new WclUsageException($"--{name} is missing; the head of Program.cs shows how the service is started.");
try
{
    // One thread a request: the cores are shared among the requests.
    using var encoder = OnnxEncoder.Load(Option("encoder"), threads: 1, MostPixels);
    using var index = ImageIndex.Open(Option("index"), threads: 1);
    using var classifier = builder.Configuration["classifier"] is { } file ? OnnxEncoder.Load(file, threads: 1, MostPixels) : null;
    index.RequireModel(Option("encoder"));
    if (encoder.FeatureSize != index.FeatureSize) throw new WclUsageException($"The encoder's features have {encoder.FeatureSize} numbers, the index's {index.FeatureSize}; index the images with this encoder.");
    if (classifier is { ClassNames.Count: 0 }) throw new WclUsageException($"--classifier {builder.Configuration["classifier"]} holds an encoder but no classifier; export a classifier.safetensors that wcl finetune made.");

    var app = builder.Build();
    var gate = new ComputeGate(Environment.ProcessorCount, Environment.ProcessorCount * RequestsPerCore, slowest);
    app.MapPost("/similar", async (HttpRequest request, string k = "10") => int.TryParse(k, CultureInfo.InvariantCulture, out int nearest) && nearest is >= 1 and <= MostNearest
        ? await gate.Answer(request, image => encoder.Embed(image.Span), features => index.Search(features, nearest))
        : Results.BadRequest($"k is '{k}'; use 1 to {MostNearest}."));
    if (classifier is not null) app.MapPost("/classify", (HttpRequest request) => gate.Answer(request, image => classifier.Classify(image.Span), classes => classes));
    app.MapGet("/health", () => Results.Ok(new Health(index.Count, encoder.FeatureSize, classifier?.ClassNames.Count ?? 0)));
    app.Run();
    return 0;
}
catch (WclException e)
{
    Console.Error.WriteLine(e.Message);
    return e is WclUsageException ? 2 : 1;
}
