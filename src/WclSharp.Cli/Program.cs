using WclSharp.Cli;
using WclSharp.Native;

// With an ONNX file these commands use ONNX Runtime alone. Said before anything of the library is used, which loads libtorch otherwise. --verbose may stand in front.
if (Array.Find(args, argument => !argument.StartsWith('-')) is "classify" or "embed" or "index" or "search") AppContext.SetSwitch(TorchRuntime.OnDemandSwitch, true);
return CommandLine.Run(args, CommandActions.Library);
