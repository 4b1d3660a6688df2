using System.Text.Json.Nodes;
using WclSharp.Augmentation;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.FineTuning;

/// <summary>Learning rates, and when to stop: chosen in the first draw, or given.</summary>
public sealed class FineTuneRateTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-").FullName;
    private readonly NotedFineTuning noted = new();
    private readonly string run;

    public FineTuneRateTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private FineTuneResult Run(FineTuneOptions options) => noted.Run(options);

    [Fact]
    public void Run_EnoughLabels_ChoosesTheRates_InTheFirstDrawForAll()
    {
        string larger = Path.Combine(folder, "larger"), chosen = Path.Combine(folder, "chosen");
        Pretraining.Run(SmallRun.Options with { Limit = 600, Width = 8, Epochs = 1, Out = larger });
        var options = Options with { Run = larger, LabelsPerClass = [25], Epochs = 2 };
        Run(options with { Out = chosen });
        foreach (string rate in (string[])["0.01", "0.03", "0.1"]) Assert.Contains($"Fine-tuning, 250 labels, draw 1 of 2, choosing, rate {rate}", noted.Stages);
        foreach (string rate in (string[])["0.1", "0.03", "0.3"]) Assert.Contains($"From scratch, 250 labels, draw 1 of 2, choosing, rate {rate}", noted.Stages);
        Assert.All(noted.Steps.Where(stage => stage.Key.Contains("choosing", StringComparison.Ordinal)), stage => Assert.Equal((7, 7), stage.Value)); // two passes over the 200 labels that are not chosen by; over all it takes 8
        foreach (int draw in (int[])[1, 2]) Assert.Contains($"Fine-tuning, 250 labels, draw {draw} of 2", noted.Stages); // on all of them
        Assert.Contains("From scratch, 250 labels, draw 2 of 2", noted.Stages);
        Assert.Equal(Enumerable.Range(1, 10).Select(training => $"{training} of 10)"), noted.Numbers); // two rates' three, and two networks of two draws
        var draws = NotedFineTuning.DrawsIn(chosen);
        foreach (string choice in (string[])["lr", "scratch_lr", "stop_at", "scratch_stop_at"]) Assert.Single(draws.Select(draw => draw.GetProperty(choice).GetDouble()).Distinct());
        double stopAt = draws[0].GetProperty("stop_at").GetDouble();
        Assert.InRange(stopAt, 0.1, 1);
        int steps = new FineTuneRecipe { Pretrained = 0, Scores = 0, Steps = 8, StopAt = stopAt }.StepsTaken; // two passes over all 250
        Assert.Equal((steps, steps), noted.Steps["Fine-tuning, 250 labels, draw 1 of 2"]);
        Assert.Equal([50, 50], draws.Select(draw => draw.GetProperty("validation_labels").GetInt32())); // of 250

        noted.Stages.Clear();
        string asked = Path.Combine(folder, "asked");
        Run(options with { Draws = 1, EncoderLearningRate = draws[0].GetProperty("lr").GetDouble(), Scratch = false, Out = asked });
        Assert.Single(noted.Stages, stage => stage.Contains("rate", StringComparison.Ordinal)); // when to stop is still to be chosen
        Assert.Equal(draws[0].GetProperty("finetune").GetDouble(), NotedFineTuning.DrawsIn(asked)[0].GetProperty("finetune").GetDouble()); // the network chosen is the one that is measured
    }

    [Fact]
    public void Run_EnoughLabels_TakesWhatIsBestOnThoseHeldOut_AndEachDrawHasASeedOfItsOwn()
    {
        string larger = Path.Combine(folder, "larger"), results = Path.Combine(folder, "results");
        Pretraining.Run(SmallRun.Options with { Limit = 600, Width = 8, Epochs = 1, Precision = ComputePrecision.Fp32, Seed = 3, Out = larger });
        Run(Options with { Run = larger, LabelsPerClass = [25], Epochs = 4, Out = results });
        var draws = NotedFineTuning.DrawsIn(results);

        var trained = RunFolder.ReadConfig(larger);
        using var data = RunData.Read(trained, RunData.Asked(trained, null, null, null), null, default);
        string encoder = EncoderWeights.Find(larger);
        var facts = EncoderWeights.FactsOf(encoder);
        var compute = ComputeDevice.Choose("cpu", ComputePrecision.Fp32);
        foreach (bool pretrained in (bool[])[true, false])
        {
            var (kept, validation) = LabelDraw.HoldOut(Drawn(0), data.Train.Labels);
            var tried = (pretrained ? FineTuneRecipe.EncoderRates : FineTuneRecipe.ScratchRates).Select(rate =>
            {
                using var network = Network(0, pretrained);
                var (accuracy, stopAt) = Trainer(0).Train(network, kept, validation, Recipe(kept.Length, rate, pretrained), null, default)!.Value;
                return (Rate: rate, Accuracy: accuracy, StopAt: stopAt);
            }).ToList();
            if (pretrained) Assert.True(tried.Select(each => each.Accuracy).Distinct().Count() > 1); // so that there is something to choose
            var best = tried.MaxBy(each => each.Accuracy); // of equals the first
            Assert.Equal((best.Rate, best.StopAt), (draws[0].GetProperty(pretrained ? "lr" : "scratch_lr").GetDouble(), draws[0].GetProperty(pretrained ? "stop_at" : "scratch_stop_at").GetDouble()));
            foreach (int draw in (int[])[0, 1])
            {
                using var network = Network(draw, pretrained);
                Trainer(draw).Train(network, Drawn(draw), [], Recipe(250, best.Rate, pretrained) with { StopAt = best.StopAt }, null, default);
                double accuracy = network.Accuracy(new Augmenter(facts.ImageSize, facts.Normalization, 0, CPU), data.HeldOut!, default).Share;
                Assert.Equal(accuracy, draws[draw].GetProperty(pretrained ? "finetune" : "scratch").GetDouble(), 12);
            }
        }

        int[] Drawn(int draw) => LabelDraw.Of(data.Train.Labels, 10, new LabelBudget(null, 25), 3, draw);

        ClassifierTrainer Trainer(int draw) => new(data.Train, facts, LabelDraw.SeedOf(3, draw), compute);

        ClassifierNetwork Network(int draw, bool pretrained)
        {
            var network = new ClassifierNetwork(facts, null, 10, LabelDraw.SeedOf(3, draw), compute);
            if (!pretrained) return network;
            EncoderWeights.Load(network.Encoder, encoder);
            network.Top.StartEven();
            return network;
        }

        static FineTuneRecipe Recipe(int labels, double rate, bool pretrained) => new() { Pretrained = rate, Scores = pretrained ? FineTuneRecipe.HeadRate : rate, Steps = FineTuneRecipe.StepsFor(labels, 4) };
    }

    [Fact]
    public void Run_ALaterDraw_StopsWhereTheFirstOneChoseTo()
    {
        Run(Options with { Draws = 1 });
        Assert.Equal((7, 7), noted.Steps["Fine-tuning, 20 labels, draw 1 of 1"]);
        string file = Path.Combine(run, "finetune", "draws.jsonl");
        var first = JsonNode.Parse(File.ReadAllText(file))!;
        (first["stop_at"], first["scratch_stop_at"]) = (0.4, 0.7); // as if there had been labels to choose by
        File.WriteAllText(file, first.ToJsonString() + "\n");
        Run(Options);
        Assert.Equal(((3, 3), (5, 5)), (noted.Steps["Fine-tuning, 20 labels, draw 2 of 2"], noted.Steps["From scratch, 20 labels, draw 2 of 2"]));
    }

    [Fact]
    public void Run_TheHeadsRate_IsNoneOfTheNetworkFromScratch()
    {
        FineTuneRow Row(double rate) => Run(Options with { Draws = 1, HeadLearningRate = rate, Out = Path.Combine(folder, $"head {rate}") }).Rows.Single();
        FineTuneRow fast = Row(0.1), still = Row(0);
        Assert.Equal((fast.ScratchMean, fast.ScratchBalancedAccuracy), (still.ScratchMean, still.ScratchBalancedAccuracy));
        Assert.NotEqual((fast.FinetuneMean, fast.FinetuneBalancedAccuracy), (still.FinetuneMean, still.FinetuneBalancedAccuracy));
    }

    [Fact]
    public void Run_NoRateThatWorks_IsAnError()
    {
        var error = Assert.Throws<DivergedException>(() => Run(Options with { LabelsPerClass = [25], Epochs = 2, Draws = 1, ScratchLearningRate = 1e30, Out = Path.Combine(folder, "none") }));
        Assert.EndsWith("lower --scratch-lr.", error.Message, StringComparison.Ordinal);
        Assert.Contains("it must be within float32's range", Assert.Throws<WclUsageException>(() => Run(Options with { HeadLearningRate = 1e39 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AFailureThatIsNoDivergence_IsNoRateThatIsTooHigh()
    {
        var options = Options with { LabelsPerClass = [25], Epochs = 1, Draws = 1, Scratch = false };
        var error = Assert.Throws<WclException>(() => FineTune.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working working && working.Stage.Contains("choosing, rate 0.01", StringComparison.Ordinal)) throw new WclException("The disk is full.");
        })));
        Assert.Equal("The disk is full.", error.Message);
    }
}
