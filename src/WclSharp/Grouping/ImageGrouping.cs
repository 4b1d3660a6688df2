using System.Globalization;
using System.Text;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Files;
using WclSharp.Native;
using WclSharp.Neighbors;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>Divides all images into groups of similar ones, and shows them: a page to look through, and lists.</summary>
public static class ImageGrouping
{
    private const int FewGroups = 10;

    /// <summary>Groups the images.</summary>
    /// <param name="options">Which images, and how many groups.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">There is no such run, there are too few images, or an option is wrong.</exception>
    /// <exception cref="WclException">A file cannot be written, or libtorch failed, above all for want of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing but a list of unreadable images was written.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes.</remarks>
    public static GroupResult Run(GroupOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Group(options, progress, cancellation));
    }

    private const string GroupsFile = "groups.csv", MedoidsFile = "medoids.csv", CopiesFile = "copies.csv", OutliersFile = "outliers.csv", GalleryFile = "gallery.html";
    private const string FirstColumns = "path,group,"; // of groups.csv, which is written first

    /// <summary>Refuses a folder that has files which are none of ours and would be overwritten, or other results.</summary>
    private static void RequireOwn(string folder)
    {
        OutputFolder.RequireNoResults(folder);
        string table = Path.Combine(folder, GroupsFile);
        if (File.Exists(table) && File.ReadLines(table).FirstOrDefault()?.StartsWith(FirstColumns, StringComparison.Ordinal) == true) return;
        foreach (string name in (string[])[GroupsFile, MedoidsFile, CopiesFile, OutliersFile, GalleryFile])
            if (File.Exists(Path.Combine(folder, name))) throw new WclUsageException($"'{Path.Combine(folder, name)}' is no file of wcl groups, whose groups.csv is not beside it, and would be overwritten; name another folder with --out.");
    }

    private static GroupResult Group(GroupOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        var trained = RunFolder.ReadConfig(options.Run);
        _ = EncoderWeights.Find(options.Run); // that there is none is better said before images are read
        var compute = ComputeDevice.ChooseFor(options.Device, trained.Precision, progress);
        Allocator.KeepFreedMemory();
        string folder = Path.GetFullPath(options.Out ?? Path.Combine(options.Run, RunFolder.Groups));
        OutputFolder.RequireWritable(folder);
        RequireOwn(folder);
        // Of other data, or with a list of labels of one's own, all images, since nothing is tested with any.
        using var data = RunData.Read(trained, RunData.Asked(trained, options.Data, test: null, options.Labels), progress, cancellation,
            new() { HoldOut = options.Labels is null && options.Data is null, Tests = false, BadImagesFile = Path.Combine(folder, "bad_images.csv") });
        // What the run tested with it has not trained on.
        using var untested = options is { Data: null, Labels: null } && trained.Test is { } tests ? ImagesToTest.LeaveOutOfRun(data.Train, trained.Data, tests, "grouped", progress, cancellation) : null;
        var images = untested ?? (options.Data is null ? data.Train : data.All);
        if (images.Count < 3) throw new WclUsageException(FormattableString.Invariant($"{images.Count} images cannot be grouped; 3 or more can."));
        // Every image is joined to its nearest, so that no group has one alone.
        if (options.Groups > images.Count / 2) throw new WclUsageException(FormattableString.Invariant($"--groups {options.Groups} is more than half of the {images.Count:N0} images; every group has two or more."));

        using var encoder = ImageEncoder.Load(options.Run, compute);
        using var features = FeatureExtractor.Extract(encoder, images, "images", progress, cancellation);
        using var nearest = NearestImages.Among(features, Math.Min(UnusualImages.Nearest, images.Count - 1), (done, all) => progress.Working("Finding nearest images", done, all), cancellation);
        using var first = nearest.select(1, 0);
        var levels = GroupHierarchy.Of(features, first, (done, all) => progress.Working("Grouping groups", done, all), cancellation);
        int[] shown = Shown(levels, options.Groups, images, features, (done, all) => progress.Working("Joining groups", done, all), cancellation);
        var members = GroupMembers.Of(features, shown);
        var unusual = UnusualImages.Of(features, nearest, options.CopyThreshold, options.Outliers, new Thumbnails(images).Difference, (done, all) => progress.Working("Looking for copies and outliers", done, all), cancellation);
        var classes = images.Labels.ToArray();
        var grouping = Clustering.Of(shown, classes);
        var clusters = images.HasLabels ? KMeansOf() : null;

        OutputFolder.Make(folder);
        var result = new GroupResult
        {
            Images = images.Count,
            LabelledImages = images.LabelledCount,
            Levels = [.. levels.Select(level => Clustering.Of(level, classes))],
            Shown = grouping,
            Groups = [.. members.Rows.Select(rows => ImageGroup.Of(rows, images))],
            KMeans = clusters,
            Copies = unusual.Copies.Count,
            Outliers = unusual.Outliers.Count,
            GalleryFile = Path.Combine(folder, GalleryFile),
            GroupsFile = Path.Combine(folder, GroupsFile),
            MedoidsFile = Path.Combine(folder, MedoidsFile),
            CopiesFile = Path.Combine(folder, CopiesFile),
            OutliersFile = Path.Combine(folder, OutliersFile),
        };
        WriteLists(result, images, levels, members, unusual);
        GroupGallery.Write(result, images, members, unusual, data.Name);
        return result;

        Clustering KMeansOf()
        {
            var (groups, centres) = KMeans.Of(features, grouping.Groups, options.Seed ?? trained.Seed, (done, all) => progress.Working("Comparing with k-means", done, all), cancellation);
            centres.Dispose();
            return Clustering.Of(groups, classes);
        }
    }

    /// <summary>The coarsest level with enough groups; joined further where a number was asked for.</summary>
    private static int[] Shown(IReadOnlyList<int[]> levels, int? wanted, ImageDataset images, Tensor features, Action<long, long> progress, CancellationToken cancellation)
    {
        int enough = wanted ?? (images.HasLabels ? Math.Max(2, images.ClassNames.Count) : FewGroups);
        int[] level = levels.LastOrDefault(each => each.Max() + 1 >= enough) ?? levels[0];
        int count = level.Max() + 1;
        if (wanted > count) throw new WclUsageException(FormattableString.Invariant($"--groups {wanted} is more than the {count:N0} groups of the finest level; ask for fewer."));
        return wanted is { } number && number < count ? GroupHierarchy.Merge(features, level, number, progress, cancellation) : level;
    }

    private static void WriteLists(GroupResult result, ImageDataset images, IReadOnlyList<int[]> levels, GroupMembers members, UnusualImages unusual)
    {
        var medoids = members.Rows.Select(rows => rows[0]).ToHashSet();
        Write(result.GroupsFile, FirstColumns + string.Join(',', levels.Select((_, i) => $"level_{i + 1}")) + ",similarity,medoid",
            Enumerable.Range(0, images.Count).Select(row => string.Create(CultureInfo.InvariantCulture,
                $"{Name(row)},{members.GroupOf[row]},{string.Join(',', levels.Select(level => level[row].ToString(CultureInfo.InvariantCulture)))},{members.Typical[row]:0.0000},{(medoids.Contains(row) ? 1 : 0)}")));
        Write(result.MedoidsFile, "group,images,medoid,labelled,class,purity", result.Groups.Select((group, number) => string.Create(CultureInfo.InvariantCulture,
            $"{number},{group.Images},{DelimitedFile.QuotePath(group.Medoid)},{group.LabelledImages},{(group.Class is { } name ? DelimitedFile.Quote(name) : "")},{group.Purity:0.0000}")));
        Write(result.CopiesFile, "path,other,similarity,pixel_difference", unusual.Copies.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{Name(pair.First)},{Name(pair.Second)},{pair.Similarity:0.0000},{pair.PixelDifference:0.0}")));
        Write(result.OutliersFile, "path,similarity", unusual.Outliers.Select(image => string.Create(CultureInfo.InvariantCulture, $"{Name(image.Row)},{image.Similarity:0.0000}")));

        string Name(int row) => DelimitedFile.QuotePath(images.NameOf(row));
        static void Write(string path, string header, IEnumerable<string> lines) => AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine(header);
            foreach (string line in lines) writer.WriteLine(line);
        });
    }
}
