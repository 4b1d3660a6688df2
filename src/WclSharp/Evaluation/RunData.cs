using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>Which images a finished run is measured on.</summary>
internal static class RunData
{
    /// <summary>The run's data, or other data than the run's.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="data">Other images; null is the run's.</param>
    /// <param name="test">Test images; null is the run's, or a part of <paramref name="data"/>.</param>
    /// <param name="labels">List of classes; null is the run's, or none where there are other images.</param>
    public static PretrainOptions Asked(PretrainOptions trained, string? data, string? test, string? labels) => data is null
        ? Reading(trained) with { Test = test ?? trained.Test, Labels = labels ?? trained.Labels }
        : Reading(trained) with { Data = data, Test = test, Labels = labels, Limit = null };

    /// <summary>Reads them, and tells what a person should know.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="asked">What <see cref="Asked"/> made of them.</param>
    /// <param name="progress">Told how far reading is, and the warnings; may be null.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <param name="request">What is needed of them; null for all, held-out ones to test with.</param>
    public static PretrainingData Read(PretrainOptions trained, PretrainOptions asked, IProgress<RunProgress>? progress, CancellationToken cancellation, RunDataRequest? request = null)
    {
        request ??= new();
        // Where the run had test images, it held none out of its own.
        if (!request.Tests && asked.Test is not null) (asked, request) = (asked with { Test = null }, request with { HoldOut = request.HoldOut && trained.Test is null });
        if (!ReferenceEquals(trained, asked)) RequireThere(trained, asked); // else there is no run
        var data = PretrainingData.Read(asked, folder: null, progress, cancellation, request);
        if (data.All.Ignored > 0 && !SamePath.Is(asked.Data, trained.Data)) // the run told of its own
            progress?.Report(new RunProgress.Warning(PretrainingData.PassedOver(data.All.Ignored)));
        if (trained.Labels is not null && asked.Labels is null && data.All.HasLabels)
            progress?.Report(new RunProgress.Warning($"With --data the run's list of classes, '{trained.Labels}', is not used: the classes are those of the {(data.All.ClassesAreFolders ? "folders" : "source")} ({ClassCatalog.Few(data.All.ClassNames)}). Name a list with --labels where they are not what you ask for."));
        if (OutsideLimit(trained, asked, data) is { } outside) progress?.Report(new RunProgress.Warning(outside));
        if (request.BadImagesFile is not null && data.All.BadImages > 0)
            progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"{data.All.BadImages:N0} of {data.All.Count + data.All.BadImages:N0} images cannot be read and are left out; '{request.BadImagesFile}' lists them")));
        bool matters = request.Tests && (data.HeldOut is null || request.TestsWith is null || request.TestsWith(data.HeldOut));
        IEnumerable<string> ofTests = matters ? data.TestWarnings.Concat(request.HoldOut && data.HeldOut is not null ? Seen(trained, asked, data, request, cancellation) : []) : [];
        foreach (string warning in data.Warnings.Concat(ofTests)) progress?.Report(new RunProgress.Warning(warning));
        return data;
    }

    /// <summary>Says which option names anew what a run was trained with and is gone.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="asked">Those of now.</param>
    /// <param name="dataAlone">Whether <c>--data</c> leaves the run's test images and its list as they are; if not, they have to be named again.</param>
    /// <exception cref="WclUsageException">It is gone.</exception>
    public static void RequireThere(PretrainOptions trained, PretrainOptions asked, bool dataAlone = false)
    {
        Require(trained.Data, asked.Data, "images are", "them", $"--data PATH{(dataAlone ? "" : Again("--test", trained.Test, asked.Test) + Again("--labels", trained.Labels, asked.Labels))}");
        Require(trained.Test, asked.Test, "test images are", "them", "--test PATH");
        Require(trained.Labels, asked.Labels, "list of classes is", "it", "--labels FILE");

        static void Require(string? before, string? now, string what, string pronoun, string options)
        {
            if (now is not null && now == before && !Path.Exists(now))
                throw new WclUsageException($"The run's {what} not at '{now}' any more, where its config.json has {pronoun}; name the new place with {options}.");
        }
    }

    /// <summary>An option that is left to the run, with its value.</summary>
    private static string Again(string option, string? before, string? now) => now is null || now != before ? "" : now.Contains(' ') ? $" {option} \"{now}\"" : $" {option} {now}";

    /// <summary>The error where images to train on or to test with have no label.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="asked">What <see cref="Asked"/> made of them.</param>
    /// <param name="data">The images.</param>
    /// <param name="purpose">What they are for, behind "to".</param>
    public static WclUsageException NoLabels(PretrainOptions trained, PretrainOptions asked, PretrainingData data, string purpose)
    {
        // Who gave labels need not be told to.
        if (!data.Train.HasLabels && OutsideLimit(trained, asked, data) is not null)
            return new(FormattableString.Invariant($"There are no labelled images to {purpose} within --limit {asked.Limit}; name the images with --data PATH, and without --limit."));
        if (data is { LeftOut: > 0, All.HasLabels: true } && data.Train.LabelledCount == 0)
            return new($"All labelled images of '{asked.Data}' are test images (--test {asked.Test}), and none is left to {purpose}; leave some out of that list.");
        if (!data.Train.HasLabels && data.All.ClassesAreFolders)
            return new($"All images of '{asked.Data}' are in one folder, so that they are of one class at most, and two are needed to {purpose}; name images in a folder for each class with --data, or classes of these with --labels.");
        if (data.Train.HasLabels && asked.Labels is null && asked.Test is not null) return new($"No image of --test {asked.Test} has a label; name images in a folder for each class, or a list that says which they are of.");
        if (asked.Labels is null) return new($"There are no labelled images to {purpose}; name them with --data and --test, or --labels.");
        return new(data.Train.HasLabels ? $"There are no labelled test images beside those that '{asked.Labels}' names; name some with --test."
            : $"No image to {purpose} has a label in '{asked.Labels}'; name the images that it is of with --data.");
    }

    /// <summary>What to know where labels that the run did not have are of images that its limit leaves out.</summary>
    private static string? OutsideLimit(PretrainOptions trained, PretrainOptions asked, PretrainingData data) =>
        asked.Limit is not { } limit || data.All.LabelsOutsideLimit == 0 || SamePath.Is(asked.Labels, trained.Labels) ? null
        : FormattableString.Invariant($"{data.All.LabelsOutsideLimit:N0} of the {data.All.ListedLabels:N0} labels in '{asked.Labels}' are of images outside --limit {limit}, which are not read; name the images with --data PATH, and without --limit, to use all labels.");

    /// <summary>A warning where test images may have been pretrained on.</summary>
    private static IEnumerable<string> Seen(PretrainOptions trained, PretrainOptions asked, PretrainingData read, RunDataRequest request, CancellationToken cancellation)
    {
        // Of a list it is known which of the run's images it names, where these are what is read.
        bool listed = File.Exists(asked.Test) && SamePath.Is(asked.Data, trained.Data);
        if (asked.Test is not null && !listed && !SamePath.Is(asked.Test, trained.Test)
            && (SamePath.Is(asked.Test, trained.Data) || SamePath.Holds(asked.Test, trained.Data) || SamePath.Holds(trained.Data, asked.Test)))
        {
            yield return $"The images of --test {asked.Test} are of the data that the run was pretrained on, so accuracies may be too high; name images that it has not seen.";
            yield break;
        }
        if (listed && read.LeftOut > 0 && !SamePath.Is(asked.Test, trained.Test))
        {
            int learnt = Learnt(trained, asked, read, cancellation);
            if (learnt > 0)
                yield return FormattableString.Invariant($"{learnt:N0} of the images of --test {asked.Test} are the run's own: it was pretrained on them, {(trained.Method == ContrastiveMethod.SupCon ? "and on their classes, so accuracies are too high" : request.IsTaught ? "and its classifier may have learnt their classes, so accuracies may be too high" : "without their classes, so accuracies may be a little too high")}; name images that it has not seen where that matters.");
            yield break;
        }
        if (trained.Out is not { } run || LabelledFingerprintOf(run) is not { } fingerprint || fingerprint == read.LabelledFingerprint) yield break;
        bool same = (asked.Limit == trained.Limit) && SamePath.Is(asked.Data, trained.Data) && SamePath.Is(asked.Test, trained.Test) && SamePath.Is(asked.Labels, trained.Labels);
        if (same && read.LeftOut > 0) yield return "The training images, their classes or the test images have changed since the run was trained, so it may have been pretrained on some of the present test images.";
        if (asked.Test is not null) yield break; // else they are no part of what has changed
        if (same) yield return "The images or their classes are not those that the run was trained on any more, so it may have been trained on some that are held out now.";
        else if (SamePath.Is(asked.Data, trained.Data) || SamePath.Holds(asked.Data, trained.Data) || SamePath.Holds(trained.Data, asked.Data))
            yield return $"The images that are tested with are of the run's own data, not those that it {(trained.Test is null ? "held out" : "tested with")}, so it was pretrained on some or all of them and accuracies may be too high; name images that it has not seen with --test.";
        else if (trained.Test is not null)
            yield return $"With --data the run's test images, '{trained.Test}', are not used: some of --data are held out, which the run may have been trained on. Name images with --test.";
    }

    /// <summary>How many of the images that are left out, since they are tested with now, the run learnt from: those that it did not test with itself.</summary>
    private static int Learnt(PretrainOptions trained, PretrainOptions asked, PretrainingData read, CancellationToken cancellation)
    {
        int[] tested = ImagesToTest.Among(read.All, asked.Data, asked.Test!, cancellation);
        if (trained.Test is null) return tested.Length;
        try
        {
            return tested.Except(ImagesToTest.Among(read.All, asked.Data, trained.Test, cancellation)).Count();
        }
        catch (WclUsageException)
        {
            return tested.Length; // what the run tested with is gone
        }
    }

    /// <summary>Of the images with a class that a run was trained on, as far as it says.</summary>
    public static string? LabelledFingerprintOf(string run) =>
        RunFolder.ReadSummary(run) is { } summary ? summary.LabelledFingerprint : new CheckpointStore(RunFolder.CheckpointsOf(run)).LastState?.LabelledFingerprint;

    /// <summary>How to read: with this machine's processors, unreadable images are left out with a warning, and what does not fit into memory goes to the disk that the run had it on.</summary>
    private static PretrainOptions Reading(PretrainOptions trained) =>
        trained with { MaxBad = 1, Workers = null, CacheFolder = new[] { trained.CacheFolder, trained.Out }.FirstOrDefault(OutputFolder.CanWrite) }; // a run may lie where nothing can be written: the system's folder it is
}
