using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Distillation;

/// <summary>One distillation: the loop, and what is saved of it after each epoch.</summary>
internal sealed class DistillationRun : IDisposable
{
    private const double WarmupShare = 0.05;
    private readonly DistillOptions options;
    private readonly ClassifierNetwork teacher, student;
    private readonly EncoderFacts facts;
    private readonly ImageDataset images;
    private readonly ImageDataset? test; // those that have a class, as fine-tuning tests with
    private readonly int[] classes; // the teacher's number of each image's class, -1 where it has none
    private readonly int[]? truth;   // the same of the images that are tested with; classes that the teacher does not know are numbered behind its own, so that whatever is predicted for such an image is wrong
    private readonly ComputeDevice compute;
    private readonly Augmenter augmenter;
    private readonly Sgd optimizer;
    private readonly DistillationFolder folder;
    private readonly IProgress<RunProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly Scalar labelMix, teacherMix;

    public DistillationRun(DistillOptions options, string teacherFile, EncoderFacts teacherFacts, ClassifierNetwork teacher, ImageDataset images, ImageDataset? test, ComputeDevice compute,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        (this.options, this.teacher, this.images, this.compute, this.progress, this.cancellation) = (options, teacher, images, compute, progress, cancellation);
        if (options.Batch > images.Count) throw new WclUsageException(FormattableString.Invariant($"--batch {options.Batch} is more than the {images.Count:N0} images there are; use fewer."));
        classes = TeachersClasses(images);
        if (options.LabelMix > 0 && classes.All(number => number < 0))
            throw new WclUsageException(FormattableString.Invariant($"--label-mix {options.LabelMix} needs labels, and none of the {images.Count:N0} images has one; name them with --labels, or leave it out."));
        this.test = test is { HasLabels: true } ? LabelledRows.Images(test) : null;
        truth = this.test?.LabelsAmong(teacher.ClassNames).Zip(this.test.Labels.ToArray(), (known, own) => known < 0 && own >= 0 ? teacher.ClassNames.Count + own : known).ToArray();
        facts = teacherFacts with { Arch = options.Arch ?? teacherFacts.Arch, Width = options.Width ?? teacherFacts.Width };
        augmenter = new Augmenter(facts.ImageSize, facts.Normalization, options.Seed, compute.Device);
        (labelMix, teacherMix) = (options.LabelMix, 1 - options.LabelMix);
        student = new ClassifierNetwork(facts, hidden: null, teacher.ClassNames.Count, options.Seed, compute) { ClassNames = teacher.ClassNames };
        try
        {
            if (options.Init is not null) EncoderWeights.Load(student.Encoder, options.Init);
            var (encoder, scores) = student.Parameters;
            optimizer = new Sgd([.. encoder, .. scores], options.WeightDecay);
            folder = DistillationFolder.Open(options.Out ?? Path.Combine(Path.GetDirectoryName(Path.GetFullPath(teacherFile))!, RunFolder.Distilled), new DistillSettings
            {
                Teacher = FileHash.Of(teacherFile),
                Init = options.Init is null ? null : FileHash.Of(EncoderWeights.Find(options.Init)),
                TrainFingerprint = images.Fingerprint,
                Arch = OptionValue.NameOf(facts.Arch),
                Width = facts.Width,
                Epochs = options.Epochs,
                Batch = options.Batch,
                Lr = options.LearningRate,
                WeightDecay = options.WeightDecay,
                Temperature = options.Temperature,
                LabelMix = options.LabelMix,
                Seed = options.Seed,
                Precision = compute.TypeName,
                Recipe = options.Temperature == 1 ? null : 2, // the square of the temperature
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Every epoch that is not done, then the figures.</summary>
    public DistillResult Execute()
    {
        folder.Restore(student, optimizer);
        int stepsPerEpoch = images.Count / options.Batch;
        long steps = (long)stepsPerEpoch * options.Epochs;
        var schedule = new LearningRateSchedule(options.LearningRate, (long)(WarmupShare * steps), steps);
        for (int epoch = folder.Epochs.Count; epoch < options.Epochs; epoch++)
        {
            long start = Stopwatch.GetTimestamp();
            double loss = TrainEpoch(epoch, stepsPerEpoch, steps, schedule);
            if (!FiniteLoss.AreFinite([student.Encoder, student.Top])) throw new DivergedException($"The student's weights are no longer finite after epoch {epoch + 1}, so nothing was saved of it; lower --lr.");
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, before = folder.Epochs.Count == 0 ? 0 : folder.Epochs[^1].Seconds;
            folder.Save(student, optimizer, new DistillEpoch
            {
                Epoch = epoch + 1,
                Loss = loss,
                Lr = schedule.At((epoch + 1L) * stepsPerEpoch - 1),
                ImagesPerSecond = stepsPerEpoch * options.Batch / seconds,
                Seconds = before + seconds,
            });
        }

        student.Save(folder.ClassifierPath, facts, teacher.ClassNames);
        var result = Measure();
        folder.Write(result);
        return result;
    }

    private double TrainEpoch(int epoch, int stepsPerEpoch, long steps, LearningRateSchedule schedule)
    {
        student.Train(true);
        using var sum = zeros([], ScalarType.Float64, compute.Device); // read at the end: a look at each step would let a GPU wait
        using var loader = new BatchLoader(images, options.Batch, options.Seed, workers: 1);
        foreach (var (index, batch) in loader.Epoch(epoch).Index())
        {
            long step = (long)epoch * stepsPerEpoch + index;
            if (cancellation.IsCancellationRequested) batch.Dispose(); // before a step: one after the last would throw the epoch away
            cancellation.ThrowIfCancellationRequested();
            using (batch)
            {
                optimizer.ZeroGradients();
                Backward(batch, epoch, step, sum, last: index + 1 == stepsPerEpoch);
            }

            optimizer.Step(schedule.At(step));
            progress.Working("Distilling, steps", step + 1, steps);
        }

        using var total = sum.ToScalar();
        return total.ToDouble() / stepsPerEpoch;
    }

    /// <summary>Both networks see the same random view; the teacher's answer is the target.</summary>
    private void Backward(ImageBatch batch, int epoch, long step, Tensor sum, bool last)
    {
        using var scope = NewDisposeScope();
        var views = augmenter.Augment(ImageTensor.Of(batch, compute.Device), batch.Indices, epoch, 0, AugmentationRecipe.CropAndFlip); // [N, 3, S, S]
        Tensor wanted;
        using (no_grad()) wanted = teacher.Scores(views);                      // [N, C]
        var given = student.Scores(views);                                     // [N, C]
        var loss = DistillationLoss.Compute(given, wanted, options.Temperature);
        // A batch without labels has the teacher alone to learn from, at its full weight.
        if (options.LabelMix > 0 && LabelLoss(given, batch) is { } labelLoss) loss = loss.mul(teacherMix).add(labelLoss, labelMix);
        FiniteLoss.Require(loss, step, last, value => $"The loss is {value} at step {step} of the distillation; {DivergenceAdvice.OfDistillation(options.Init, step)}.");
        using (no_grad()) sum.add_(loss.detach());
        BackwardErrors.Run(() => loss.backward());
    }

    /// <summary>Cross-entropy of the batch's labelled images; null where it has none.</summary>
    private Tensor? LabelLoss(Tensor scores, ImageBatch batch)
    {
        if (batch.Indices.All(i => classes[i] < 0)) return null;
        var targets = Upload.To(compute.Device, Array.ConvertAll(batch.Indices, i => (long)classes[i]));
        return nn.functional.cross_entropy(scores, targets, ignore_index: -1);
    }

    private DistillResult Measure()
    {
        teacher.UseFloat32();
        student.UseFloat32();
        var asked = test ?? images;
        int[] byTeacher = Predict(teacher, "Classifying with the teacher", asked), byStudent = Predict(student, "Classifying with the student", asked);
        PairedInterval? difference = truth is null ? null : PairedInterval.Of(Alone(byStudent, byTeacher), Alone(byTeacher, byStudent), truth.Length);
        int Alone(int[] right, int[] wrong) => truth!.Index().Count(image => right[image.Index] == image.Item && wrong[image.Index] != image.Item);
        (double Share, double BalancedAccuracy)? ofTeacher = truth is null ? null : LabelledRows.Measure(byTeacher, truth), ofStudent = truth is null ? null : LabelledRows.Measure(byStudent, truth);
        var classesOfStudent = truth is null ? [] : ClassifiedClass.Of(teacher.ClassNames, truth, byStudent);
        if (ClassifiedClass.WarningOfOne(classesOfStudent, "The student") is { } warning) progress?.Report(new RunProgress.Warning(warning));
        return new DistillResult
        {
            Folder = folder.FullPath,
            ClassifierFile = folder.ClassifierPath,
            TrainImages = images.Count,
            TestImages = truth?.Length ?? 0,
            TeacherAccuracy = ofTeacher?.Share,
            StudentAccuracy = ofStudent?.Share,
            TeacherBalancedAccuracy = ofTeacher?.BalancedAccuracy,
            StudentBalancedAccuracy = ofStudent?.BalancedAccuracy,
            StudentClasses = classesOfStudent,
            AccuracyDifference = difference?.Difference,
            AccuracyDifferenceCi95Low = difference?.Low,
            AccuracyDifferenceCi95High = difference?.High,
            Agreement = byTeacher.Zip(byStudent).Count(pair => pair.First == pair.Second) / (double)byTeacher.Length,
            TeacherParameters = teacher.ParameterCount,
            StudentParameters = student.ParameterCount,
            Epochs = options.Epochs,
            Loss = folder.Epochs[^1].Loss,
            Seconds = folder.Epochs[^1].Seconds,
        };
    }

    private int[] Predict(ClassifierNetwork network, string stage, ImageDataset asked) =>
        network.Predict(augmenter, asked, cancellation, (done, all) => progress.Working(stage, done, all));

    /// <summary>Classes by name: data may list them in another order than the teacher, or lack some.</summary>
    private int[] TeachersClasses(ImageDataset data)
    {
        if (options.LabelMix > 0 && data.ClassNames.Except(teacher.ClassNames.Select(ComposedText.Of)).FirstOrDefault() is { } unknown)
            throw new WclUsageException($"{data.Source} has images of the class \"{unknown}\", which the teacher does not know; it knows {string.Join(", ", teacher.ClassNames.Take(10))}{(teacher.ClassNames.Count > 10 ? ", ..." : "")}.");
        return data.LabelsAmong(teacher.ClassNames);
    }

    public void Dispose()
    {
        folder?.Dispose();
        optimizer?.Dispose();
        student?.Dispose();
        test?.Dispose();
    }
}
