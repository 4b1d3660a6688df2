using System.Globalization;
using System.Text;
using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Files;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Suggestions;

/// <summary>Which images to choose from, and how many.</summary>
public sealed record SuggestOptions
{
    /// <summary>Run folder that <c>wcl pretrain</c> wrote.</summary>
    public required string Run { get; init; }

    /// <summary>Images to choose from, those that have no class where only some have one, all of them but for a fifth to check with where <see cref="Check"/> needs it; null is the run's training images, or all of its images where a list says which have labels.</summary>
    public string? Data { get; init; }

    /// <summary>CSV or TSV list of <c>path,label</c> of images that have a label already; null is the run's, or what <see cref="Data"/> has itself.</summary>
    public string? Labels { get; init; }

    /// <summary>Labelled images to check with, and not to suggest where they are among the others by their files. Null is the run's, or what it held out; with <see cref="Data"/> the run's are not suggested either, but a fifth of <see cref="Data"/> is checked with.</summary>
    public string? Test { get; init; }

    /// <summary>How many images to suggest, 1 to as many as there are without a label. Default: 20.</summary>
    public int Count { get; init; } = 20;

    /// <summary>Where classes are known: compare a linear classifier on so many choices with one on as many random ones; 0 does not.</summary>
    public int Check { get; init; }

    internal static NumberRange CountRange => NumberRange.AtLeastOne;

    internal static NumberRange CheckRange => NumberRange.WholeNotNegative;

    /// <summary>Seed of the clusters; null is the run's.</summary>
    public long? Seed { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Folder for the list and the sheet; null is <c>suggest</c> in the run's.</summary>
    public string? Out { get; init; }
}

/// <summary>An image that is worth labelling.</summary>
public sealed record SuggestedImage
{
    /// <summary>Its name in the data.</summary>
    public required string Path { get; init; }

    /// <summary>Images of its group, itself among them; of large groups, and of more than 500 labels, several images may come from one.</summary>
    public required long GroupSize { get; init; }
}

/// <summary>Accuracy of a linear classifier on the suggested labels, and on as many random ones; accuracies are shares of the test images, 0 to 1.</summary>
public sealed record SuggestionCheck
{
    /// <summary>Labels that each classifier was trained on.</summary>
    public required long Labels { get; init; }

    /// <summary>Classifiers of either kind, each with a choice of its own.</summary>
    public required int Repeats { get; init; }

    /// <summary>Mean accuracy on suggested labels.</summary>
    public required double SuggestedMean { get; init; }

    /// <summary>Half-width of its 95 % interval by Student's t; null with one repeat, or where all have the same figure.</summary>
    public double? SuggestedCi95 { get; init; }

    /// <summary>Mean accuracy on random labels.</summary>
    public required double RandomMean { get; init; }

    /// <summary>Half-width of its interval, likewise.</summary>
    public double? RandomCi95 { get; init; }

    /// <summary>Mean over the classes of the test images of the accuracies on suggested labels, in which a rare class counts as much as a frequent one (balanced accuracy).</summary>
    public required double SuggestedBalancedAccuracy { get; init; }

    /// <summary>The same on random labels.</summary>
    public required double RandomBalancedAccuracy { get; init; }
}

/// <summary>What was suggested, and where the list and the sheet are.</summary>
public sealed record SuggestResult
{
    /// <summary>The images as they were chosen: of groups without a label first, of the largest first.</summary>
    public required IReadOnlyList<SuggestedImage> Images { get; init; }

    /// <summary>Absolute path of <c>suggestions.csv</c>: <c>path,label</c> with the labels left empty; below them the images that have a label already, with it.</summary>
    public required string ListFile { get; init; }

    /// <summary>Absolute path of <c>suggestions.png</c>, which shows the images, of many the first 400.</summary>
    public required string SheetFile { get; init; }

    /// <summary>Comparison with random choice; null where <see cref="SuggestOptions.Check"/> is 0.</summary>
    public SuggestionCheck? Check { get; init; }
}

/// <summary>Says which images are most worth labelling first: typical ones, each of another kind (<see cref="TypicalImages"/>).</summary>
public static class LabelSuggestion
{
    /// <summary>Chooses images, and writes them as a list to fill in and as a sheet to look at.</summary>
    /// <param name="options">Which images, and how many.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>The images and where the list and the sheet lie.</returns>
    /// <exception cref="WclUsageException">There is no such run, there are fewer images, there is a list already, or an option is wrong.</exception>
    /// <exception cref="WclException">A file cannot be written, or libtorch failed, above all for want of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing but a list of unreadable images was written.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes.</remarks>
    public static SuggestResult Run(SuggestOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Suggest(options, progress, cancellation));
    }

    private static SuggestResult Suggest(SuggestOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        GivenOption.RequirePath(options.Run, "RUN", "name the folder that wcl pretrain wrote");
        GivenOption.RequirePaths(("--data", options.Data), ("--labels", options.Labels), ("--test", options.Test), ("--out", options.Out));
        SuggestOptions.CountRange.Require(options.Count, "--count");
        SuggestOptions.CheckRange.Require(options.Check, "--check");
        var trained = RunFolder.ReadConfig(options.Run);
        _ = EncoderWeights.Find(options.Run); // that there is none is better said before images are read
        string folder = Path.GetFullPath(options.Out ?? Path.Combine(options.Run, RunFolder.Suggestions)), list = Path.Combine(folder, "suggestions.csv");
        // Somebody may have written labels into it.
        if (File.Exists(list)) throw new WclUsageException($"There is a list in {list} already; name another folder with --out.");
        OutputFolder.RequireWritable(folder);
        OutputFolder.RequireNoResults(folder);

        if (options.Test is not null) ImageSources.Open(options.Test).Dispose(); // what is wrong with it is better said before images are read
        var compute = ComputeDevice.ChooseFor(options.Device, trained.Precision, progress);
        Allocator.KeepFreedMemory();
        var asked = RunData.Asked(trained, options.Data, options.Test, options.Labels);
        // Every image of a list or of other data can be suggested, and every label counts, unless some have to test the choice. What the run held out stays held out.
        bool ownAsTrained = options.Data is null && asked.Labels is null;
        using var data = RunData.Read(trained, asked, progress, cancellation,
            new() { HoldOut = ownAsTrained || options.Check > 0, Tests = options.Check > 0, BadImagesFile = Path.Combine(folder, "bad_images.csv") });
        if (options.Check > 0 && (data.HeldOut is null || data.Train.Labels.Contains(-1)))
            throw new WclUsageException("--check needs the classes of all images, to label those that are chosen, and test images; leave it out.");
        // A label of these would be learnt and tested with. The run's also where other data are named.
        const string chosenAs = "suggested";
        using var some = options.Test is { } given ? ImagesToTest.LeaveOutOf(data.Train, asked.Data, given, chosenAs, progress, cancellation)
            : trained.Test is { } tests ? ImagesToTest.LeaveOutOfRun(data.Train, asked.Data, tests, chosenAs, progress, cancellation) : null;
        var images = some ?? data.Train;
        // Where only some images have a class, these need no other. Where all have one, classes are there to check with, unless a list names them without: nothing is left to suggest then.
        bool known = images.Labels.Contains(-1) || (asked.Labels is not null && options.Check == 0);
        int[] labelled = known ? [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] >= 0)] : [];
        if (options.Count > images.Count - labelled.Length)
            throw new WclUsageException(FormattableString.Invariant($"--count {options.Count} is more than the {images.Count - labelled.Length:N0} images{(labelled.Length > 0 ? " without a label" : "")}."));

        using var encoder = ImageEncoder.Load(options.Run, compute);
        using var features = FeatureExtractor.Extract(encoder, images, "images", progress, cancellation);
        long seed = options.Seed ?? trained.Seed;
        var chosen = TypicalImages.Choose(features, labelled, options.Count, seed, (done, all) => progress.Working("Grouping images", done, all), cancellation);
        var check = options.Check == 0 ? null : CheckAgainstRandom(options, images, data.HeldOut!, encoder, features, seed, compute, progress, cancellation);

        SuggestedImage[] suggested = [.. chosen.Select(image => new SuggestedImage { Path = images.NameOf(image.Row), GroupSize = image.GroupSize })];
        string sheet = Path.Combine(folder, "suggestions.png");
        OutputFolder.Make(folder);
        ContactSheet.Write(sheet, [.. chosen.Zip(DistinctPaths.Of([.. suggested.Select(image => image.Path)])).Take(ContactSheet.LargestSheet).Select((named, i) => (Numbered(images, named.First.Row, i + 1, named.Second),
            named.First.GroupSize == 1 ? "like no other" : string.Create(CultureInfo.InvariantCulture, $"{named.First.GroupSize:N0} alike")))], TitleOf(chosen.Count));
        AtomicFile.WriteText(list, ListOf(suggested, images, labelled)); // last: where there is one nothing is suggested again
        return new SuggestResult { Images = suggested, ListFile = list, SheetFile = sheet, Check = check };
    }

    private static SheetImage Numbered(ImageDataset images, int row, int number, string name)
    {
        var (file, within) = DistinctPaths.Lines(name);
        return SheetImage.Of(images, row, string.Create(CultureInfo.InvariantCulture, $"{number}. {file}")) with { SecondLine = within };
    }

    private static string TitleOf(int images) => FormattableString.Invariant($"{images:N0} images to label first{(images > ContactSheet.LargestSheet ? $": the first {ContactSheet.LargestSheet}" : "")}");

    /// <summary>A list to fill in. It ends with what is labelled already, so that it is all that fine-tuning needs.</summary>
    private static string ListOf(SuggestedImage[] suggested, ImageDataset images, int[] labelled)
    {
        var text = new StringBuilder("path,label\n");
        foreach (var image in suggested) text.Append(DelimitedFile.QuotePath(image.Path)).Append(",\n");
        foreach (int row in labelled) text.Append(DelimitedFile.QuotePath(images.NameOf(row))).Append(',').Append(DelimitedFile.Quote(images.ClassNames[(int)images.Labels[row]])).Append('\n');
        return text.ToString();
    }

    private static SuggestionCheck CheckAgainstRandom(SuggestOptions options, ImageDataset images, ImageDataset heldOut, ImageEncoder encoder, Tensor features, long seed, ComputeDevice compute,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var queries = FeatureExtractor.Extract(encoder, heldOut, "test images", progress, cancellation);
        List<(double Share, double OverClasses)> suggested = [], random = [];
        for (int i = 0; i < options.Check; i++)
        {
            progress.Working("Checking against random choice", i, options.Check);
            suggested.Add(Accuracy([.. TypicalImages.Choose(features, [], options.Count, seed + i, null, cancellation).Select(image => image.Row)]));
            random.Add(Accuracy(new CounterRandom(seed, RandomPurpose.LabelDraw).Permutation(images.Count, i)[..options.Count]));
        }

        var (ours, theirs) = (StudentInterval.Of(suggested.Select(each => (double?)each.Share))!, StudentInterval.Of(random.Select(each => (double?)each.Share))!);
        return new()
        {
            Labels = options.Count,
            Repeats = options.Check,
            SuggestedMean = ours.Mean,
            SuggestedCi95 = ours.HalfWidth,
            RandomMean = theirs.Mean,
            RandomCi95 = theirs.HalfWidth,
            SuggestedBalancedAccuracy = suggested.Average(each => each.OverClasses),
            RandomBalancedAccuracy = random.Average(each => each.OverClasses),
        };

        (double, double) Accuracy(int[] rows)
        {
            using var scope = NewDisposeScope();
            using var labels = images.Subset(rows);
            var taught = Rows.Of(features, rows);
            var probe = LinearProbe.Measure(taught, labels, queries, heldOut, seed, null, cancellation)!;
            return (probe.Top1, probe.BalancedAccuracy);
        }
    }
}
