using System.Diagnostics;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.FineTuning;

/// <summary>One study: its folder, its draws of labels, and the networks that it trains.</summary>
internal sealed class FineTuneStudy : IDisposable
{
    private readonly FineTuneOptions options;
    private readonly ImageDataset train, test;
    private readonly ComputeDevice compute;
    private readonly IProgress<RunProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly long seed;
    private readonly string encoderFile;
    private readonly EncoderFacts facts;
    private readonly int? hidden;
    private readonly FineTuneFolder folder;
    private readonly bool listed; // whether only some images have labels, or a list says which
    private PlannedDraw[] planned = []; // of this call, finished ones too, fewest labels first
    private FrozenEncoder? frozen;
    private ImageDataset? classified;
    private int training, trainings; // the one at work, and those of this call

    public FineTuneStudy(FineTuneOptions options, PretrainOptions trained, ImageDataset train, ImageDataset test, ComputeDevice compute,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        (this.options, this.train, this.test, this.compute, this.progress, this.cancellation) = (options, train, test, compute, progress, cancellation);
        seed = options.Seed ?? trained.Seed;
        listed = RunData.Asked(trained, options.Data, options.Test, options.Labels).Labels is not null || train.Labels.Contains(-1) || train.PassedOver > 0;
        RunFolder.RequireIdle(options.Run); // again: reading images can take long
        encoderFile = EncoderWeights.Find(options.Run);
        using (var content = SafetensorsFile.Read(encoderFile)) facts = EncoderWeights.FactsOf(content, encoderFile);
        hidden = options.FromHead ? trained.HeadHidden : null;
        if (!options.Scratch && options.ScratchLearningRate is not null) progress?.Report(new RunProgress.Warning("--scratch-lr changes nothing with --no-scratch."));
        folder = FineTuneFolder.Open(options.Out ?? Path.Combine(options.Run, RunFolder.FineTuning), new FineTuneSettings
        {
            Encoder = FileHash.Of(encoderFile),
            TrainFingerprint = train.Fingerprint,
            TestFingerprint = test.Fingerprint,
            TrainLabels = train.LabelledCount,
            TestLabels = test.LabelledCount,
            Seed = seed,
            FromHead = options.FromHead,
            Scratch = options.Scratch,
            Epochs = options.Epochs,
            Lr = options.EncoderLearningRate,
            HeadLr = options.HeadLearningRate,
            ScratchLr = options.Scratch ? options.ScratchLearningRate : null,
            VerticalFlip = options.VerticalFlip,
            Rotation = options.Rotation,
            Batch = FineTuneRecipe.Batch,
            Recipe = FineTuneRecipe.Version,
            WeightDecay = Recipe(1, 0, pretrained: true).WeightDecay,
            Precision = compute.TypeName,
        });
    }

    /// <summary>Every draw that is not finished, then the table of all that the folder holds.</summary>
    public FineTuneResult Execute()
    {
        planned = [.. Budgets().SelectMany(budget => Enumerable.Range(0, options.Draws).Select(draw => Plan(budget, draw))).OrderBy(each => each.Labels.Length)];
        _ = FineTuneRecipe.StepsFor(planned[^1].Labels.Length, options.Epochs); // rather now than after the first features
        foreach (int count in options.LabelsPerClass.Distinct())
            if (Scarce(count) is > 0 and var scarce) progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"--labels-per-class {count}: {scarce:N0} of the {train.ClassNames.Count:N0} classes {(scarce == 1 ? "has" : "have")} fewer labels, of which all are taken.")));
        var lost = LostDraw();
        PlannedDraw[] missing = [.. planned.Where(each => !IsDone(each) || each == lost)];
        trainings = missing.Sum(each => each == lost ? options.Scratch ? 2 : 1 : each.Trainings); // what was chosen stays
        if (missing.Length > 0 && options.FromHead) _ = HeadsFile(); // likewise
        foreach (var each in missing)
        {
            bool keep = each == lost || each.Draw == 0 && folder.Draws.Where(done => done.Draw == 0).All(done => done.Labels < each.Labels.Length);
            folder.Add(Measure(each, keep));
        }

        File.Delete(folder.NextClassifierPath);
        var rows = FineTuneTable.Rows(folder.Draws);
        int asked = test.LabelledCount;
        var report = folder.Write(rows, asked, train.ClassNames.Count);
        return new FineTuneResult
        {
            Folder = folder.FullPath,
            Rows = rows,
            TestImages = asked,
            ClassifierFile = folder.ClassifierPath,
            PlotFile = folder.PlotPath,
            Report = report,
            Classifier = report.Classifier,
        };
    }

    /// <summary>The draw that is trained again since its classifier is gone or damaged; null where none is, or a larger one's will take its place.</summary>
    private PlannedDraw? LostDraw()
    {
        if (folder.LostClassifier is not { } lost || planned.Any(each => each.Draw == 0 && each.Labels.Length > lost.Labels && !IsDone(each))) return null;
        var again = planned.FirstOrDefault(each => each.Budget.Name == lost.Budget && each.Draw == lost.Draw);
        progress?.Report(new RunProgress.Warning($"'{folder.ClassifierPath}' is gone or damaged: {(again is not null ? "its draw is trained again" : FormattableString.Invariant($"give the command with which its {lost.Labels:N0} labels were drawn, and it is trained again"))}."));
        return again;
    }

    /// <summary>How many classes have fewer labels than so many.</summary>
    private int Scarce(int count) => Enumerable.Range(0, train.ClassNames.Count).Except(train.Labels.ToArray().CountBy(label => label).Where(each => each.Value >= count).Select(each => each.Key)).Count();

    private bool IsDone(PlannedDraw plan) => folder.Draws.Any(done => done.Budget == plan.Budget.Name && done.Draw == plan.Draw);

    /// <summary>A draw of labels, as this study trains on it.</summary>
    /// <param name="Budget">How many labels.</param>
    /// <param name="Draw">Which draw of these, from 0.</param>
    /// <param name="Labels">The images drawn.</param>
    /// <param name="Kept">Of these, those that are trained on while rate and stop are chosen.</param>
    /// <param name="Validation">And those that they are chosen by: none where labels are too few, nor in later draws, which take the first one's choice.</param>
    /// <param name="Trainings">Networks that it trains.</param>
    private sealed record PlannedDraw(LabelBudget Budget, int Draw, int[] Labels, int[] Kept, int[] Validation, int Trainings);

    private PlannedDraw Plan(LabelBudget budget, int draw)
    {
        int[] labels = LabelDraw.Of(train.Labels, train.ClassNames.Count, budget, seed, draw);
        var (kept, validation) = draw == 0 ? LabelDraw.HoldOut(labels, train.Labels) : (labels, []);
        int choosing = validation.Length == 0 ? 0 : EncoderRates.Count + (options.Scratch ? ScratchRates.Count : 0);
        return new(budget, draw, labels, kept, validation, (options.Scratch ? 2 : 1) + choosing);
    }

    private IReadOnlyList<double> EncoderRates => options.EncoderLearningRate is { } rate ? [rate] : FineTuneRecipe.EncoderRates;

    private IReadOnlyList<double> ScratchRates => options.ScratchLearningRate is { } rate ? [rate] : FineTuneRecipe.ScratchRates;

    /// <summary>Test images that have a label: the others do not count.</summary>
    private ImageDataset Tests => classified ??= LabelledRows.Images(test);

    /// <summary>Features of every draw's images, made when a first draw needs them.</summary>
    private FrozenEncoder Frozen => frozen ??= new(encoderFile, train, planned.Select(each => each.Labels), Tests, seed, compute, progress, cancellation);

    private IEnumerable<LabelBudget> Budgets()
    {
        LabelBudget[] asked = [.. options.LabelFractions.Distinct().Select(share => new LabelBudget(share, null)), .. options.LabelsPerClass.Distinct().Select(count => new LabelBudget(null, count))];
        if (asked.Length > 0) return asked;
        // Labels of some images are what there is; of a set where all have one, the shares that papers report.
        return listed ? [new(1, null)] : FineTuneRecipe.UsualFractions.Select(share => new LabelBudget(share, null));
    }

    private FineTuneDraw Measure(PlannedDraw plan, bool keep)
    {
        long start = Stopwatch.GetTimestamp();
        var (budget, draw, drawn) = (plan.Budget, plan.Draw, plan.Labels);
        string what = FormattableString.Invariant($"{drawn.Length:N0} labels, draw {draw + 1} of {options.Draws}");
        var first = folder.Draws.FirstOrDefault(done => done.Budget == budget.Name && done.Draw == 0);
        // All labels are the same images in every draw, in another order.
        ((double Share, double? BalancedAccuracy) knn, (double Share, double? BalancedAccuracy) linear) = first is { Fraction: 1 } ? ((first.Knn, first.KnnBalancedAccuracy), (first.Linear, first.LinearBalancedAccuracy)) : Frozen.Measure(drawn, what);
        var choice = first is null
            ? Choose(plan, EncoderRates, pretrained: true, $"Fine-tuning, {what}")
            : new Choice(first.Lr, first.StopAt, first.ValidationLabels);
        var finetuned = Train(drawn, choice, draw, pretrained: true, $"Fine-tuning, {what}", keep);
        Choice? scratchChoice = !options.Scratch ? null : first is { ScratchLr: { } chosen }
            ? new Choice(chosen, first.ScratchStopAt ?? 1, first.ValidationLabels)
            : Choose(plan, ScratchRates, pretrained: false, $"From scratch, {what}");
        Tested? scratch = scratchChoice is null ? null : Train(drawn, scratchChoice, draw, pretrained: false, $"From scratch, {what}", keep: false);
        return new FineTuneDraw
        {
            Budget = budget.Name,
            Draw = draw,
            Labels = drawn.Length,
            Fraction = drawn.Length / (double)train.LabelledCount,
            Steps = FineTuneRecipe.StepsFor(drawn.Length, options.Epochs),
            ValidationLabels = choice.ValidationLabels,
            Finetune = finetuned.Share,
            FinetuneBalancedAccuracy = finetuned.BalancedAccuracy,
            Lr = choice.Rate,
            StopAt = choice.StopAt,
            Scratch = scratch?.Share,
            ScratchBalancedAccuracy = scratch?.BalancedAccuracy,
            Classes = keep ? finetuned.Classes : null,
            ClassifierSha256 = keep ? FileHash.Of(folder.NextClassifierPath) : null,
            ScratchLr = scratchChoice?.Rate,
            ScratchStopAt = scratchChoice?.StopAt,
            Knn = knn.Share,
            KnnBalancedAccuracy = knn.BalancedAccuracy,
            Linear = linear.Share,
            LinearBalancedAccuracy = linear.BalancedAccuracy,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    /// <summary>Peak learning rate, after which share of the steps to stop, and how many labels that was chosen on.</summary>
    private sealed record Choice(double Rate, double StopAt, int ValidationLabels);

    /// <summary>
    /// Trains with every rate on a part of the labels drawn: the rate that does best on the others, the first among equals, and when it does. In a
    /// budget's first draw, whose choice the others take. Where labels are too few for that, the first rate and all steps.
    /// </summary>
    private Choice Choose(PlannedDraw plan, IReadOnlyList<double> rates, bool pretrained, string stage)
    {
        var (rows, validation) = (plan.Kept, plan.Validation);
        var choice = new Choice(rates[0], 1, validation.Length);
        if (validation.Length == 0) return choice;
        double bestRight = double.NegativeInfinity;
        DivergedException? diverged = null;
        foreach (double rate in rates)
        {
            training++;
            var recipe = Recipe(rows.Length, rate, pretrained);
            using var network = StartingNetwork(plan.Draw, pretrained);
            try
            {
                var (right, stopAt) = Trainer(plan.Draw).Train(network, rows, validation, recipe,
                    done => TellTraining(FormattableString.Invariant($"{stage}, choosing, rate {rate}"), done, recipe.Steps), cancellation) ?? (0, 1);
                if (right > bestRight) (bestRight, choice) = (right, new Choice(rate, stopAt, validation.Length));
            }
            catch (DivergedException e)
            {
                diverged = e; // a rate that is too high is not chosen
            }
        }
        return bestRight >= 0 ? choice : throw diverged!;
    }

    /// <summary>What a network makes of the test images.</summary>
    private sealed record Tested(double Share, double BalancedAccuracy, IReadOnlyList<ClassifiedClass> Classes);

    /// <summary>Trains on all labels drawn, and tests in float32.</summary>
    private Tested Train(int[] drawn, Choice choice, int draw, bool pretrained, string stage, bool keep)
    {
        training++;
        using var network = StartingNetwork(draw, pretrained);
        var recipe = Recipe(drawn.Length, choice.Rate, pretrained) with { StopAt = choice.StopAt };
        Trainer(draw).Train(network, drawn, [], recipe, done => TellTraining(stage, done, recipe.StepsTaken), cancellation);
        if (keep) network.Save(folder.NextClassifierPath, facts, train.ClassNames);
        network.UseFloat32();
        int[] truth = Tests.Labels.ToArray(), predicted = network.Predict(new Augmenter(facts.ImageSize, facts.Normalization, LabelDraw.SeedOf(seed, draw), compute.Device), Tests, cancellation,
            (done, all) => progress.Working($"{stage}, testing", done, all));
        var classes = ClassifiedClass.Of(train.ClassNames, truth, predicted);
        if (keep && ClassifiedClass.WarningOfOne(classes, "The fine-tuned classifier") is { } warning) progress?.Report(new RunProgress.Warning(warning));
        var (share, balancedAccuracy) = LabelledRows.Measure(predicted, truth);
        return new(share, balancedAccuracy, classes);
    }

    private ClassifierTrainer Trainer(int draw) => new(train, facts, LabelDraw.SeedOf(seed, draw), compute);

    private ClassifierNetwork StartingNetwork(int draw, bool pretrained)
    {
        var network = new ClassifierNetwork(facts, hidden, train.ClassNames.Count, LabelDraw.SeedOf(seed, draw), compute);
        try
        {
            if (pretrained) LoadPretrained(network);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private FineTuneRecipe Recipe(int labels, double rate, bool pretrained) => new()
    {
        Pretrained = rate,
        Scores = pretrained ? options.HeadLearningRate : rate,
        RateOptions = pretrained ? "--lr or --head-lr" : "--scratch-lr",
        Steps = FineTuneRecipe.StepsFor(labels, options.Epochs),
        Views = AugmentationRecipe.CropAndFlip with { VerticalFlipProbability = options.VerticalFlip, RotationProbability = options.Rotation },
    };

    private void LoadPretrained(ClassifierNetwork network)
    {
        EncoderWeights.Load(network.Encoder, encoderFile);
        network.Top.StartEven();
        if (network.Top.Head is null) return;
        string heads = HeadsFile();
        using var content = SafetensorsFile.Read(heads);
        ModuleWeights.Load(network.Top.Head, content.Tensors, "instance_head.", heads);
    }

    private string HeadsFile() => CheckpointStore.HeadsFile(new CheckpointStore(RunFolder.CheckpointsOf(options.Run)).Last
        ?? throw new WclUsageException($"--from-head needs the checkpoint of the run in {options.Run}, which is gone; leave it out."));

    private void TellTraining(string stage, int done, int total) => progress.Working(trainings > 1 ? $"{stage} (training {training} of {trainings})" : stage, done, total);

    public void Dispose()
    {
        frozen?.Dispose();
        classified?.Dispose();
        folder.Dispose();
    }
}
