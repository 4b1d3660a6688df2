using WclSharp.Cli;

return CommandLine.Run(args, CommandActions.Library);
