using System.Globalization;
using System.Net;
using SkiaSharp;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Reporting;

namespace WclSharp.Grouping;

/// <summary>One HTML file with the groups, the copies and the outliers, pictures included: nothing else is needed to look at it.</summary>
internal static class GroupGallery
{
    private const int MostGroups = 100, MembersShown = 12, ClassesShown = 3, MostPairs = 60, MostOutliers = 60;
    private const int ThumbnailSide = 96, SmallSide = 48, Quality = 82;

    private const string Medoid = "medoid", Shown = "shown"; // styles

    private const string Style = """
        :root { color-scheme: light dark; --ink: #222; --faint: #666; --line: #ddd; --page: #fff; }
        @media (prefers-color-scheme: dark) { :root { --ink: #eee; --faint: #aaa; --line: #444; --page: #181818; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 1240px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0 0 .4rem; }
        p, small, th { color: var(--faint); } section { border-top: 1px solid var(--line); padding: .8rem 0; }
        h1, h3 { overflow-wrap: anywhere; } .table { overflow-x: auto; } table { border-collapse: collapse; } td, th { text-align: right; padding: .15rem .9rem .15rem 0; font-weight: normal; }
        .row { display: flex; flex-wrap: wrap; gap: 6px; } figure { margin: 0; width: 96px; }
        img { width: 96px; height: 96px; object-fit: contain; background: #8881; image-rendering: auto; } img.small { image-rendering: pixelated; }
        figcaption { font-size: 11px; line-height: 1.3; color: var(--faint); } figcaption span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .shown th, .shown td { color: var(--ink); font-weight: 600; }
        .medoid img { outline: 3px solid #0072b2; outline-offset: -3px; } .pair { display: flex; gap: 2px; margin-right: 14px; }
        """;

    /// <summary>Writes the page; an old one is replaced.</summary>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(GroupResult result, ImageDataset images, GroupMembers members, UnusualImages unusual, string name) => AtomicFile.Write(result.GalleryFile, stream =>
    {
        using var page = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        page.WriteLine($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Groups of {Text(name)}</title><style>{Style}</style></head><body>");
        page.WriteLine(Invariant($"<h1>{result.Shown.Groups:N0} groups of {result.Images:N0} images: {Text(name)}</h1>"));
        page.WriteLine("<p>By what the encoder sees in them, without labels: every image is joined to its nearest, then groups to their nearest, level by level. In each group the most typical image, the one most like its mean, comes first, framed; under each picture stand its cosine to that mean and its name.</p>");
        WriteTable(page, result);
        page.WriteLine(Invariant($"<h2>Groups, largest first{First(members.Rows.Count, MostGroups, "groups.csv")}</h2>"));
        foreach (var (number, rows) in members.Rows.Take(MostGroups).Index())
        {
            page.WriteLine(Invariant($"<section><h3>Group {number} <small>{rows.Length:N0} images{(rows.Length > MembersShown ? Invariant($" ({MembersShown} shown)") : "")}{Classes(images, rows)}</small></h3><div class=\"row\">"));
            foreach (var (place, row) in rows.Take(MembersShown).Index()) page.WriteLine(Figure(images, row, place == 0 ? Medoid : "", members.Typical[row]));
            page.WriteLine("</div></section>");
        }

        page.WriteLine(Invariant($"<h2>{result.Copies:N0} pairs that look like copies{First(unusual.Copies.Count, MostPairs, "copies.csv")}</h2><p>With the cosine of the two.</p><div class=\"row\">"));
        foreach (var pair in unusual.Copies.Take(MostPairs)) page.WriteLine($"<div class=\"pair\">{Figure(images, pair.First, "", pair.Similarity)}{Figure(images, pair.Second, "", pair.Similarity)}</div>");
        page.WriteLine(Invariant($"</div><h2>{result.Outliers:N0} images that are like no others{First(unusual.Outliers.Count, MostOutliers, "outliers.csv")}</h2><p>With their mean cosine to their five nearest.</p><div class=\"row\">"));
        foreach (var (row, similarity) in unusual.Outliers.Take(MostOutliers)) page.WriteLine(Figure(images, row, "", similarity));
        page.WriteLine("</div></body></html>");
    });

    private static void WriteTable(StreamWriter page, GroupResult result)
    {
        bool classes = result.Shown.Agreement is not null;
        page.WriteLine($"<div class=\"table\"><table><tr><th scope=\"col\">clustering</th><th scope=\"col\">groups</th><th scope=\"col\">largest</th>{(classes ? "<th scope=\"col\">purity</th><th scope=\"col\">NMI</th><th scope=\"col\">AMI</th>" : "")}</tr>");
        foreach (var (name, grouping, isShown) in GroupTable.Rows(result))
        {
            string agreement = grouping.Agreement is { } a ? Invariant($"<td>{EpochTable.Percent(a.Purity)}</td><td>{GroupTable.Shown(a.Nmi)}</td><td>{GroupTable.Shown(a.Ami)}</td>") : "";
            page.WriteLine(Invariant($"<tr{(isShown ? $" class=\"{Shown}\"" : "")}><th scope=\"row\">{name}</th><td>{grouping.Groups:N0}</td><td>{EpochTable.Percent(grouping.Largest)}</td>{agreement}</tr>"));
        }

        page.WriteLine("</table></div>");
        if (GroupTable.Legend(result) is { } legend) page.WriteLine($"<p>{Text(legend)}</p><p>Purity is the share of these images that are of their group's most frequent class; NMI and AMI say how far groups and classes agree, from 0 to 1, AMI with what chance gives taken off.</p>");
    }

    /// <summary>The classes that most labelled images of a group have, as shares of these; how many they are, where others have none.</summary>
    private static string Classes(ImageDataset images, int[] rows)
    {
        var classes = GroupClasses.Of(rows, images);
        return (images.HasLabels && classes.LabelledImages < rows.Length ? Invariant($", {classes.LabelledImages:N0} of {rows.Length:N0} labelled") : "")
            + string.Concat(classes.Frequent.Take(ClassesShown).Select(each => Invariant($", {Text(Quoted(each.Name))} {100.0 * each.Images / classes.LabelledImages:0}%")));
    }

    /// <summary>A name among others with commas between.</summary>
    private static string Quoted(string name) => name.Contains(',') ? $"'{name}'" : name;

    private static string Figure(ImageDataset images, int row, string kind, double similarity)
    {
        var (data, small) = Thumbnail(images, row);
        string name = Text(images.NameOf(row));
        return Invariant($"<figure class=\"{kind}\" title=\"{(kind == Medoid ? "most typical of its group: " : "")}{name}\"><img{(small ? " class=\"small\"" : "")} alt=\"{name}\" loading=\"lazy\" src=\"{data}\"><figcaption>{similarity:0.000}<span>{Text(Path.GetFileName(images.NameOf(row)))}</span></figcaption></figure>");
    }

    private static (string Data, bool Small) Thumbnail(ImageDataset images, int row)
    {
        var (height, width) = images.SizeOf(row);
        using var whole = SheetCell.ToBitmap(SheetImage.Of(images, row, null));
        int longest = Math.Max(height, width);
        double fit = Math.Min(1, (double)ThumbnailSide / longest);
        bool small = longest <= SmallSide;
        using var shown = fit < 1
            ? whole.Resize(new SKSizeI(Math.Max(1, (int)Math.Round(width * fit)), Math.Max(1, (int)Math.Round(height * fit))), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear))
            : whole.Copy();
        using var encoded = shown.Encode(small ? SKEncodedImageFormat.Png : SKEncodedImageFormat.Jpeg, Quality);
        return ($"data:image/{(small ? "png" : "jpeg")};base64,{Convert.ToBase64String(encoded.AsSpan())}", small);
    }

    private static string First(int count, int shown, string file) => count > shown ? Invariant($" (the first {shown}; {file} has all)") : "";

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
