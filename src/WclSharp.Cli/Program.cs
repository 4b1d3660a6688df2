using WclSharp.Cli;
using WclSharp.Native;

// With an ONNX file these commands use ONNX Runtime alone. Said before anything of the library is used, which loads libtorch otherwise.
if (args is ["classify" or "embed" or "index" or "search", ..]) AppContext.SetSwitch(TorchRuntime.OnDemandSwitch, true);
return CommandLine.Run(args, CommandActions.Library);
