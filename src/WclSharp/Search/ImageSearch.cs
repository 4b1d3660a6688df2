using System.Diagnostics;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Search;

/// <summary>Finds the nearest images of an index to image files.</summary>
public static class ImageSearch
{
    private const int MostPictures = 400; // as on a contact sheet

    // Length that the shorter side of a picture on the sheet is shrunk to: twice its cell.
    private const int SheetSide = 2 * SheetCell.Cell;

    /// <summary>Searches.</summary>
    /// <param name="options">The index, the images to search for, and how many to find.</param>
    /// <param name="progress">Told how far it is, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between images; nothing was written.</param>
    /// <returns>For each image that can be read, in the order given, the images of the index that are most alike, the nearest first; and where the sheet is, or why there is none.</returns>
    /// <exception cref="WclUsageException">An image is not there, or none can be read; the index is damaged or was made with another model; an option is wrong.</exception>
    /// <exception cref="WclException">The sheet cannot be written, or libtorch failed, above all for want of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static SearchResult Run(SearchOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(options.Images);
        return LibtorchException.InsteadOf(() => SearchAll(options, progress, cancellation));
    }

    private static SearchResult SearchAll(SearchOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        GivenOption.RequirePath(options.Index, "INDEX", "name a file that wcl index wrote");
        GivenOption.RequirePaths(("--model", options.Model), ("--data", options.Data), ("--sheet", options.Sheet));
        if (options.Images.Count == 0) throw new WclUsageException("There is no image to search for; name one or more.");
        if (options.Images.Contains(null)) throw new WclUsageException("The images to search for have one that is null; leave it out.");
        SearchOptions.CountRange.Require(options.Count, "-k");
        if (options.Images.FirstOrDefault(image => !File.Exists(image) && !Directory.Exists(image)) is { } missing) throw new WclUsageException($"There is no file '{missing}' to search for{(missing.Contains('\uFFFD') ? ": its name is not UTF-8; rename it" : "; name an image file")}.");
        if (options is { Data: not null, Sheet: null }) progress?.Report(new RunProgress.Warning("--data changes nothing without --sheet: it says where the pictures are."));
        using var index = ImageIndex.Open(options.Index);
        string model = ModelOf(options, index);
        var answers = new List<SearchAnswer>(options.Images.Count);
        var unreadable = new List<UnreadableQuery>();
        using (var network = BatchEmbedder.Load(model, options.Device, ComputePrecision.Fp32, progress))
        {
            if (network.RowSize != index.FeatureSize)
                throw new WclUsageException($"'{model}' makes vectors of {network.RowSize} numbers; those of '{options.Index}' have {index.FeatureSize}. Name the model that it was made with.");
            foreach (var (number, (image, vector, reason)) in ImageEmbedding.Each(network, options.Images, cancellation).Index())
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Working("Searching", number, options.Images.Count);
                if (vector is null)
                {
                    unreadable.Add(new UnreadableQuery { Image = image, Reason = reason! });
                    continue;
                }
                long start = Stopwatch.GetTimestamp();
                var hits = index.Search(vector, options.Count, cancellation);
                answers.Add(new SearchAnswer { Image = image, Hits = hits, Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds });
            }
        }
        cancellation.ThrowIfCancellationRequested();
        if (answers.Count == 0) throw new UnreadableImageException(unreadable.Count == 1 ? unreadable[0].Reason : FormattableString.Invariant($"None of the {unreadable.Count:N0} images can be read. {unreadable[0].Reason}"));
        string? problem = options.Sheet is null ? null : DrawSheet(options, index, answers);
        return new SearchResult
        {
            Answers = answers,
            Indexed = index.Count,
            Model = model,
            SheetFile = problem is null ? options.Sheet : null,
            SheetProblem = problem,
            Unreadable = unreadable,
        };
    }

    /// <summary>The model to use, which is that of the index.</summary>
    private static string ModelOf(SearchOptions options, ImageIndex index)
    {
        if ((options.Model ?? index.Metadata.GetValueOrDefault(ImageIndex.ModelKey)) is not { } model) throw new WclUsageException($"'{options.Index}' does not say what model it was made with; name it with --model.");
        if (options.Model is null && IsElsewhere(model))
            throw new WclUsageException($"'{options.Index}' was made with '{model}', on another machine; name the model with --model.");
        if (options.Model is null && !File.Exists(model) && !Directory.Exists(model))
            throw new WclUsageException($"'{options.Index}' was made with '{model}', which is not there now; say with --model where it is.");
        index.RequireModel(BatchEmbedder.FileOf(model), model);
        return model;
    }

    /// <summary>Whether a path that a file names, which may be a stranger's, leads to another machine: asking for it would already tell that one who we are.</summary>
    private static bool IsElsewhere(string path) => path is ['/' or '\\', '/' or '\\' or '?', ..];

    /// <summary>Draws the sheet, or says why not.</summary>
    private static string? DrawSheet(SearchOptions options, ImageIndex index, List<SearchAnswer> answers)
    {
        const string advice = "say with --data which folder, or list, the images are in";
        if ((options.Data ?? index.Metadata.GetValueOrDefault(ImageIndex.ImagesKey)) is not { } source) return "the images that were indexed are not files";
        if (options.Data is null && IsElsewhere(source)) return $"the images were in '{source}', on another machine; {advice}";
        string? folder = Directory.Exists(source) ? source : source.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) || source.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? Path.GetDirectoryName(Path.GetFullPath(source)) : null;
        bool isList = folder is not null && !Directory.Exists(source);
        if (folder is not null && !isList && WhyNoFiles(source) is { } why) return why;
        if (folder is null) return File.Exists(source) ? $"the images are inside '{source}'" : $"'{source}' is not there now; {advice}";

        if (SamePath.IsInside(options.Sheet, source)) return $"'{options.Sheet}' is inside '{source}', where it would be read as an image the next time; name another file with --sheet";
        long pictures = answers.Sum(answer => 1L + answer.Hits.Count);
        if (pictures > MostPictures) return FormattableString.Invariant($"a sheet of {pictures:N0} pictures is too large; {MostPictures} go on one, with fewer images to search for or a smaller -k");
        HashSet<string>? named = null; // what the list holds that the person names
        var rows = new List<SheetRow>(answers.Count);
        var asked = Captions([.. answers.Select(answer => (answer.Image, (string?)null))]);
        var found = Captions([.. answers.SelectMany(answer => answer.Hits).Select(hit => (hit.Name, hit.Label))]);
        int shown = 0; // of those that were found
        foreach (var (number, answer) in answers.Index())
        {
            var neighbors = new List<SheetNeighbor>(answer.Hits.Count);
            foreach (var hit in answer.Hits)
            {
                if (Path.IsPathRooted(hit.Name) || hit.Name.Split('/', '\\').Contains(".."))
                {
                    // The index may be a stranger's, and lead to any file of ours.
                    if (options.Data is null || !isList) return $"the index names '{hit.Name}', which lies outside of '{folder}'; name the list that has it with --data";
                    string? wrong = null;
                    named ??= NamesOf(source, out wrong);
                    if (named is null) return $"'{source}' cannot be read as a list: {wrong}";
                    if (!named.Contains(hit.Name)) return $"the index names '{hit.Name}', which is not in '{source}'; name the list that has it with --data";
                }
                string file = Path.Combine(folder, hit.Name);
                if (Picture(file, found[shown++], out string? problem) is not { } image) return $"'{file}' cannot be read: {problem}; {advice}";
                neighbors.Add(new SheetNeighbor(image, hit.Cosine, null));
            }
            if (Picture(answer.Image, asked[number], out string? reason) is not { } query) return $"'{answer.Image}' cannot be read: {reason}";
            rows.Add(new SheetRow(query, neighbors));
        }
        if (MakeFolderOf(options.Sheet!) is { } unmade) return unmade;
        NeighborSheet.Write(options.Sheet!, rows, "Images and their nearest ones in the index", "searched for");
        return null;
    }

    /// <summary>Why the images of a folder are no files of their own, or cannot be told; null where they are.</summary>
    private static string? WhyNoFiles(string folder)
    {
        try
        {
            using var source = ImageSources.Open(folder);
            return source.FileOf("") is null ? $"the images are inside files of '{folder}'" : null;
        }
        catch (WclUsageException e)
        {
            return ErrorText.Of(e);
        }
    }

    /// <summary>The images that a list names; null where it cannot be read.</summary>
    private static HashSet<string>? NamesOf(string list, out string? problem)
    {
        problem = null;
        try
        {
            using var source = new ListSource(list);
            return [.. source.Images(_ => false).Select(image => image.Name)];
        }
        catch (WclUsageException e)
        {
            problem = ErrorText.Of(e);
            return null;
        }
    }

    private static string? MakeFolderOf(string file)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the folder of '{file}' cannot be made: {ErrorText.Of(e)}; name another file with --sheet";
        }
    }

    /// <summary>
    /// What stands below images: the class, where it is known and some font has its letters, and the file's name; with as much of its folder as tells it from others that are
    /// called the same.
    /// </summary>
    internal static (string Caption, string? SecondLine)[] Captions(IReadOnlyList<(string Name, string? Label)> images)
    {
        var captions = new (string, string?)[images.Count];
        foreach (var alike in images.Index().GroupBy(image => image.Item.Label is { } label && PlotFont.For(label) is not null ? label : null))
            foreach (var (name, (place, _)) in DistinctPaths.Of([.. alike.Select(image => image.Item.Name)]).Zip(alike))
            {
                var (file, within) = DistinctPaths.Lines(name);
                captions[place] = alike.Key is { } label ? (label, name) : (file, within);
            }

        return captions;
    }

    private static SheetImage? Picture(string file, (string Caption, string? SecondLine) lines, out string? problem)
    {
        var prepared = new ImagePreparation(SheetSide, 3).Prepare((new SourceImage { Name = file, File = file }, -1));
        problem = prepared.Problem;
        if (problem is not null) return null;
        var image = new SheetImage(prepared.Pixels[..prepared.Length].ToArray(), 3, prepared.Height, prepared.Width, lines.Caption) { SecondLine = lines.SecondLine };
        prepared.Release();
        return image;
    }
}
