using System.Diagnostics;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Reporting;

namespace WclSharp.Search;

/// <summary>Finds the nearest images of an index to image files.</summary>
public static class ImageSearch
{
    private const int MostPictures = 400; // as on a contact sheet

    // Length that the shorter side of a picture on the sheet is shrunk to: twice its cell.
    private const int SheetSide = 2 * SheetCell.Cell;

    /// <summary>Searches.</summary>
    /// <param name="options">The index, the images to search for, and how many to find.</param>
    /// <returns>For each image, in the order given, the images of the index that are most alike, the nearest first; and where the sheet is, or why there is none.</returns>
    /// <exception cref="WclUsageException">An image cannot be read; the index is damaged or was made with another model; an option is wrong.</exception>
    /// <exception cref="WclException">The sheet cannot be written.</exception>
    public static SearchResult Run(SearchOptions options)
    {
        if (options.Images.Count == 0) throw new WclUsageException("There is no image to search for; name one or more.");
        if (options.Count < 1) throw new WclUsageException($"-k is {options.Count}; it must be 1 or more.");
        using var index = ImageIndex.Open(options.Index);
        string model = ModelOf(options, index);
        var answers = new List<SearchAnswer>(options.Images.Count);
        using (var network = BatchEmbedder.Load(model, options.Device))
        {
            if (network.FeatureSize != index.FeatureSize)
                throw new WclUsageException($"'{model}' makes vectors of {network.FeatureSize} numbers; those of '{options.Index}' have {index.FeatureSize}. Name the model that it was made with.");
            foreach (string image in options.Images)
            {
                var vector = ImageEmbedding.One(network, image);
                long start = Stopwatch.GetTimestamp();
                var hits = index.Search(vector, options.Count);
                answers.Add(new SearchAnswer(image, hits, Stopwatch.GetElapsedTime(start).TotalSeconds));
            }
        }
        string? problem = options.Sheet is null ? null : DrawSheet(options, index, answers);
        return new SearchResult(answers, index.Count, model, problem is null ? options.Sheet : null, problem);
    }

    /// <summary>The model to use, which is that of the index.</summary>
    private static string ModelOf(SearchOptions options, ImageIndex index)
    {
        string? made = index.Metadata.GetValueOrDefault(ImageIndexing.ModelKey);
        if ((options.Model ?? made) is not { } model) throw new WclUsageException($"'{options.Index}' does not say what model it was made with; name it with --model.");
        // The file may be a stranger's: asking for a network path would already tell its machine who we are.
        if (options.Model is null && (model.StartsWith(@"\\", StringComparison.Ordinal) || model.StartsWith("//", StringComparison.Ordinal)))
            throw new WclUsageException($"'{options.Index}' was made with '{model}', on another machine; name the model with --model.");
        if (options.Model is null && !File.Exists(model) && !Directory.Exists(model))
            throw new WclUsageException($"'{options.Index}' was made with '{model}', which is not there now; say with --model where it is.");
        if (index.Metadata.TryGetValue(ImageIndexing.HashKey, out string? hash) && hash != BatchEmbedder.HashOf(model))
        {
            throw new WclUsageException(options.Model is null || Path.GetFullPath(options.Model) == made
                ? $"'{model}' has changed since '{options.Index}' was made with it; index the images anew."
                : $"'{options.Index}' was made with another model than '{model}' ({made ?? "it does not say which"}); name that one with --model.");
        }
        return model;
    }

    /// <summary>Draws the sheet, or says why not.</summary>
    private static string? DrawSheet(SearchOptions options, ImageIndex index, List<SearchAnswer> answers)
    {
        const string advice = "say with --data which folder, or list, the images are in";
        if ((options.Data ?? index.Metadata.GetValueOrDefault(ImageIndexing.ImagesKey)) is not { } source) return "the images that were indexed are not files";
        string? folder = Directory.Exists(source) ? source : source.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) || source.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? Path.GetDirectoryName(Path.GetFullPath(source)) : null;
        if (folder is null) return File.Exists(source) ? $"the images are inside '{source}'" : $"'{source}' is not there now; {advice}";

        if (SamePath.IsInside(options.Sheet, source)) return $"'{options.Sheet}' is inside '{source}', where it would be read as an image the next time; name another file with --sheet";
        long pictures = answers.Sum(answer => 1L + answer.Hits.Count);
        if (pictures > MostPictures) return $"a sheet of {pictures:N0} pictures is too large; {MostPictures} go on one, with fewer images to search for or a smaller -k";
        var rows = new List<SheetRow>(answers.Count);
        foreach (var answer in answers)
        {
            var neighbors = new List<SheetNeighbor>(answer.Hits.Count);
            foreach (var hit in answer.Hits)
            {
                if (Path.IsPathRooted(hit.Name) || hit.Name.Split('/', '\\').Contains("..")) return $"the index names '{hit.Name}', which lies outside of the folder";
                string file = Path.Combine(folder, hit.Name);
                if (Picture(file, hit.Label ?? Path.GetFileName(hit.Name), out string? problem) is not { } image) return $"'{file}' cannot be read: {problem}; {advice}";
                neighbors.Add(new SheetNeighbor(image, hit.Cosine, null));
            }
            if (Picture(answer.Image, Path.GetFileName(answer.Image), out string? why) is not { } query) return $"'{answer.Image}' cannot be read: {why}";
            rows.Add(new SheetRow(query, neighbors));
        }
        NeighborSheet.Write(options.Sheet!, rows, "Images and their nearest ones in the index", "searched for");
        return null;
    }

    private static SheetImage? Picture(string file, string caption, out string? problem)
    {
        var prepared = new ImagePreparation(SheetSide, 3).Prepare((new SourceImage { Name = file, File = file }, -1));
        problem = prepared.Problem;
        if (problem is not null) return null;
        var image = new SheetImage(prepared.Pixels[..prepared.Length].ToArray(), 3, prepared.Height, prepared.Width, caption);
        prepared.Release();
        return image;
    }
}
