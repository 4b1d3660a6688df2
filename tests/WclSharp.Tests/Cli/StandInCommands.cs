using WclSharp.Cli;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

/// <summary>The command line, whose training, fine-tuning and evaluation are stand-ins: they keep what they were asked, and fail where they are told to.</summary>
public abstract class StandInCommands : IDisposable
{
    protected readonly string folder = Directory.CreateTempSubdirectory("wcl-cli-").FullName;
    protected readonly StringWriter output = new();
    protected readonly StringWriter error = new();
    protected PretrainOptions? trained;
    protected RunEvaluationOptions? evaluated;
    protected FineTuneOptions? finetuned;
    protected RunSummary summary = new() { Status = "finished", Method = "wcl", Seed = 0, Epoch = 5, Seconds = 100, KnnBefore = 0.699, Knn = 0.82, KnnBalancedAccuracyBefore = 0.333, KnnBalancedAccuracy = 0.51 };
    protected Exception? failure;
    protected WclException? refusal;

    protected int Run(params string[] arguments) => CommandLine.Run(arguments, new CommandActions(Pretrain, Evaluate) { Finetune = Finetune }, output, error);

    private PretrainResult Pretrain(PretrainOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        if (failure is not null) throw failure;
        trained = options;
        return new PretrainResult
        {
            RunFolder = folder,
            EncoderFile = Path.Combine(folder, "encoder.safetensors"),
            Summary = summary,
        };
    }

    private FineTuneResult Finetune(FineTuneOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        finetuned = options;
        if (refusal is not null) throw refusal;
        return new()
        {
            Folder = folder,
            Rows = [new FineTuneRow { Budget = "", Fraction = 0.01, Labels = 80, Draws = 1, FinetuneMean = 0.725, ScratchMean = 0.65, KnnMean = 0.6, LinearMean = 0.73 }],
            TestImages = 2000,
            ClassifierFile = "",
            PlotFile = "",
        };
    }

    private RunEvaluationResult Evaluate(RunEvaluationOptions options, IProgress<RunProgress> progress, CancellationToken stop)
    {
        if (failure is not null) throw failure;
        evaluated = options;
        return new()
        {
            Knn = 0.82,
            KnnK = 20,
            TrainImages = 8000,
            TestImages = 2000,
            Epoch = 5,
            Seconds = 1.5,
            Linear = options.Linear ? new LinearProbeResult { Top1 = 0.7, TestImages = 100, PerClass = [new() { Name = "a", Images = 100, Accuracy = 0.7 }] } : null,
            KnnBalancedAccuracy = 0.75,
            Precision = "bf16",
        };
    }

    public void Dispose()
    {
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}
