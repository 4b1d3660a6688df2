using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using WclSharp.Cli.Commands;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli;

/// <summary>The commands of <c>wcl</c>, and what becomes of their errors: one line, and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Parses and runs a command line.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static int Run(string[] arguments, CommandActions actions, TextWriter? output = null, TextWriter? error = null)
    {
        var results = new ResultWriter(output ?? Console.Out);
        error ??= new UnfailingWriter(Console.Error);
        var verbose = new Option<bool>("--verbose") { Description = "Show the stack trace of an error", Recursive = true };
        var root = Build(actions, verbose, results, error);

        var (parsed, problem) = Parse(root, arguments.Length == 0 ? ["--help"] : arguments);
        if (problem is not null)
        {
            error.WriteLine(problem);
            return ExitCodes.Usage;
        }

        try
        {
            int code = parsed.Invoke(new InvocationConfiguration
            {
                Output = results,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // signals are ours
            });
            if (results.Problem is not { } unwritten) return code;
            error.WriteLine(unwritten);
            return code == ExitCodes.Done ? ExitCodes.Failed : code;
        }
        catch (Exception e)
        {
            bool stack = parsed.GetValue(verbose);
            error.WriteLine(stack ? e.ToString() : OneLine(e, parsed.CommandResult.Command));
            return e is WclUsageException ? ExitCodes.Usage : ExitCodes.Failed;
        }
    }

    /// <summary>One line that says what is wrong with a command line before anything is done; null where nothing is.</summary>
    public static string? Problem(string[] arguments) =>
        Parse(Build(CommandActions.Library, new Option<bool>("--verbose") { Recursive = true }, TextWriter.Null, TextWriter.Null), arguments).Problem;

    private static (ParseResult Parsed, string? Problem) Parse(RootCommand root, string[] arguments)
    {
        // No file names behind @, and no -abc for -a -b -c: neither is expected, and both give odd errors.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        return (parsed, WrongFlag(parsed, arguments) ?? UsageError(parsed));
    }

    private static RootCommand Build(CommandActions actions, Option<bool> verbose, TextWriter output, TextWriter error)
    {
        var root = new RootCommand("Pretrains image encoders on unlabelled images by weakly supervised contrastive learning (WCL).\n\n"
            + "  wcl pretrain                     the embedded Fashion-MNIST, in minutes\n"
            + "  wcl pretrain --data PATH         your images: a folder, .tar, list, IDX or CIFAR file\n"
            + "  wcl evaluate RUN                 the accuracy of a run's encoder: kNN, linear probe\n"
            + "  wcl finetune RUN                 a classifier from few labels, beside one from scratch\n"
            + "  wcl classify RUN --out FILE.csv  the class that it predicts for every image\n"
            + "  wcl distill RUN                  the same or a smaller network, distilled from that classifier\n"
            + "  wcl groups RUN                   all images in groups, on a page to look through\n"
            + "  wcl suggest RUN                  which images to label first\n"
            + "  wcl export RUN --out FILE.onnx   the encoder for use without libtorch, compared with it\n"
            + "  wcl embed RUN --out FILE.npy     a vector of every image\n"
            + "  wcl index RUN --out FILE.index   the same for wcl search, which finds the nearest images\n"
            + "  wcl compare --data PATH          several methods on equal terms, with intervals")
        {
            PretrainCommand.Create(actions, output, error),
            EvaluateCommand.Create(actions.Evaluate, output, error),
            FinetuneCommand.Create(actions.Finetune, output, error),
            ClassifyCommand.Create(actions.Classify, output, error),
            DistillCommand.Create(actions.Distill, output, error),
            GroupsCommand.Create(actions.Group, output, error),
            SuggestCommand.Create(actions.Suggest, output, error),
            ExportCommand.Create(actions.Export, output, error),
            EmbedCommand.Create(actions.Embed, output, error),
            IndexCommand.Create(actions.Index, output, error),
            SearchCommand.Create(actions.Search, output, error),
            CompareCommand.Create(actions.Compare, output, error),
            DoctorCommand.Create(output),
            BenchCommand.Create(output, error),
            verbose,
        };
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction(output);
        return root;
    }

    /// <summary>
    /// One line that says of a flag that it has no such value; null where there is none. The parser takes the value for a word by itself, which belongs nowhere or is taken for an argument.
    /// </summary>
    private static string? WrongFlag(ParseResult parsed, string[] arguments)
    {
        if (parsed.Action is { ClearsParseErrors: true }) return null; // help and version
        string[] flags = [.. parsed.CommandResult.Command.Options.Concat(parsed.RootCommandResult.Command.Options).OfType<Option<bool>>().Select(flag => flag.Name)];
        foreach (string argument in arguments.TakeWhile(argument => argument != "--"))
        {
            if (argument.Split(['=', ':'], 2) is [var name, var value] && flags.Contains(name) && !OptionValue.Flag.TryParse(value, out _))
                return $"{name} is \"{value}\"; expected {OptionValue.Flag.Expected}, or no value.";
        }
        return null;
    }

    /// <summary>One line that says what is wrong with the command line; null where nothing is.</summary>
    private static string? UsageError(ParseResult parsed)
    {
        if (parsed.Action is { ClearsParseErrors: true }) return null; // help and version
        var command = parsed.CommandResult.Command;
        string help = $"{CommandPath(parsed.CommandResult)} --help";

        if (parsed.UnmatchedTokens.FirstOrDefault(token => token.StartsWith('-')) is { } option)
        {
            var known = command.Options.Concat(parsed.RootCommandResult.Command.Options).Select(candidate => candidate.Name);
            string name = option.Split('=')[0];
            if (known.Contains(name)) return $"{name} cannot stand there; `{help}` shows how it is used.";
            return $"There is no option {name}{NearestName.Question(name, known)} `{help}` lists all.";
        }

        if (parsed.UnmatchedTokens is [var word, ..])
        {
            if (word == "help") return $"There is no command help; `{help}` lists what there is.";
            return command.Subcommands.Count > 0
                ? $"There is no command {word}{NearestName.Question(word, command.Subcommands.Select(known => known.Name))} `{help}` lists all."
                : $"\"{word}\" belongs to no option; `{help}` shows how it is used.";
        }

        if (NamedTwice(parsed) is [var one, var other, ..]) return $"{one} and {other} are one option; leave one out. `{help}` shows how it is used.";

        return parsed.Errors is [var first, ..] ? $"{first.Message.ReplaceLineEndings(" ")} `{help}` shows how it is used." : null;
    }

    /// <summary>The names that an option was given by, where there are several.</summary>
    private static string[]? NamedTwice(ParseResult parsed)
    {
        string[] given = [.. parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value).Distinct()];
        return parsed.CommandResult.Command.Options.Select(option => given.Where(name => name == option.Name || option.Aliases.Contains(name)).ToArray()).FirstOrDefault(names => names.Length > 1);
    }

    /// <summary>The command with those above it: wcl bench step.</summary>
    private static string CommandPath(CommandResult result) => result switch
    {
        { Command: RootCommand } => "wcl",
        { Parent: CommandResult parent } => $"{CommandPath(parent)} {result.Command.Name}",
        _ => result.Command.Name,
    };

    private static string OneLine(Exception e, Command command) => e switch
    {
        LibtorchException { Error: var native } => OneLine(native, command),
        WclException => e.Message.ReplaceLineEndings(" "),
        ExternalException native => LibtorchError.Describe(native, [.. command.Options.Select(option => option.Name)]) + (LibtorchError.IsOutOfMemory(native) ? "" : " (--verbose shows where)"),
        OutOfMemoryException => $"There is not enough memory. End other programs that take it{(command.Options.Any(option => option.Name == "--cache-mib") ? ", or use a smaller --cache-mib" : "")}.",
        TypeInitializationException { TypeName: "TorchSharp.torch" } => $"libtorch does not load{(TorchRuntime.Advice is { } advice ? $": {advice}" : "")}; `wcl doctor` says why.",
        _ => $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} (--verbose shows where)",
    };

    private sealed class VersionAction(TextWriter output) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            output.WriteLine($"wcl {SoftwareVersions.Library}");
            return ExitCodes.Done;
        }
    }
}
