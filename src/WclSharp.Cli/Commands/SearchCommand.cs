using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Search;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl search IMAGE</c>: the nearest images of an index.</summary>
internal static class SearchCommand
{
    public static Command Create(Func<SearchOptions, IProgress<RunProgress>, CancellationToken, SearchResult> search, TextWriter output, TextWriter error)
    {
        var command = new Command("search", "Find the images of an index that are nearest to an image, or to each of several");
        var defaults = new SearchOptions { Images = [], Index = "" };
        var images = new Argument<string[]>("IMAGE") { Description = "Image files to search for; after -- where their names begin with a dash", Arity = ArgumentArity.OneOrMore };
        var index = new Option<string>("--index") { HelpName = "FILE", Description = "Index that wcl index wrote", Required = true };
        var model = new Option<string>("--model") { HelpName = "RUN|MODEL.onnx", Description = "The model that the index was made with [default: the path stored in the index]" };
        var count = NumberOption.Integer("--count", "How many images to find", SearchOptions.CountRange, defaults.Count.ToString(CultureInfo.InvariantCulture));
        count.Aliases.Add("-k");
        var sheet = OutputFile.Option("--sheet", "Write a picture (PNG) of the images and what was found for them, where the indexed images are files [default: none]", makesFolder: true, ending: ".png");
        var data = new Option<string>("--data") { HelpName = "PATH", Description = "Folder or list that the indexed images are in, for the picture [default: the paths stored in the index]" };
        var json = JsonFile.Option();
        command.Add(images);
        foreach (var option in (Option[])[index, model, count, sheet, data]) command.Add(option);
        var options = new TableOptions(command).Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU");
        command.Add(json);
        command.SetAction(parsed =>
        {
            // A list of words would take a misspelt option for one of them.
            if (parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash).FirstOrDefault(token => token.Type == TokenType.Argument && token.Value.StartsWith('-')) is { } token)
                throw new WclUsageException($"There is no option {token.Value}{NearestName.Question(token.Value, command.Options.Select(option => option.Name))}");
            var request = new SearchOptions
            {
                Images = parsed.GetRequiredValue(images),
                Index = parsed.GetRequiredValue(index),
                Model = parsed.GetValue(model),
                Count = parsed.GetValue(count) ?? defaults.Count,
                Device = options.Apply(parsed, new PretrainOptions()).Device ?? ComputeDevice.Auto,
                Sheet = parsed.GetValue(sheet),
                Data = parsed.GetValue(data),
            };
            bool missing = false;
            int code = Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, error, progress => search(request, progress, stop));
                Print(result, output);
                JsonFile.Write(parsed.GetValue(json), writer => Write(writer, result));
                missing = result.SheetProblem is not null || result.Unreadable.Count > 0;
            });
            return code == ExitCodes.Done && missing ? ExitCodes.Failed : code;
        });
        return command;
    }

    private static void Print(SearchResult result, TextWriter output)
    {
        foreach (var answer in result.Answers)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{PlainText.Line(answer.Image)}: the nearest of {result.Indexed:N0} images, {(answer.Seconds < 0.001 ? "under 1 ms" : string.Create(CultureInfo.InvariantCulture, $"{answer.Seconds:0.000} s"))}"));
            bool labelled = answer.Hits.Any(hit => hit.Label is not null);
            int width = labelled ? Math.Max("label".Length, answer.Hits.Max(hit => hit.Label?.Length ?? 0)) : 0;
            output.WriteLine($"rank   cosine  {(labelled ? "label".PadRight(width) + "  " : "")}path");
            foreach (var (i, hit) in answer.Hits.Index())
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i + 1,4}  {hit.Cosine,7:0.0000}  {(labelled ? PlainText.Line(hit.Label ?? "").PadRight(width) + "  " : "")}{PlainText.Line(hit.Name)}"));
            output.WriteLine();
        }
        foreach (var query in result.Unreadable) output.WriteLine($"No answer: {PlainText.Line(query.Reason)}");
        if (result.SheetFile is not null) output.WriteLine($"Sheet: {RunReport.Shown(result.SheetFile)}");
        if (result.SheetProblem is not null) output.WriteLine($"No sheet: {result.SheetProblem}.");
    }

    private static void Write(Utf8JsonWriter writer, SearchResult result)
    {
        writer.WriteString("model", result.Model);
        writer.WriteNumber("indexed", result.Indexed);
        writer.WriteStartArray("answers");
        foreach (var answer in result.Answers)
        {
            writer.WriteStartObject();
            writer.WriteString("image", answer.Image);
            writer.WriteNumber("seconds", answer.Seconds);
            writer.WriteStartArray("hits");
            foreach (var (i, hit) in answer.Hits.Index())
            {
                writer.WriteStartObject();
                writer.WriteNumber("rank", i + 1);
                writer.WriteNumber("row", hit.Row);
                writer.WriteNumber("cosine", hit.Cosine);
                writer.WriteString("label", hit.Label);
                writer.WriteString("path", hit.Name);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        if (result.Unreadable.Count == 0) return;
        writer.WriteStartArray("unreadable");
        foreach (var query in result.Unreadable)
        {
            writer.WriteStartObject();
            writer.WriteString("image", query.Image);
            writer.WriteString("reason", query.Reason);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
