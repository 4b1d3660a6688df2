using WclSharp.Cli;
using WclSharp.Native;

// An ONNX file is embedded with by ONNX Runtime alone. Said before anything of the library is used, which loads libtorch otherwise.
if (args is ["embed", ..]) AppContext.SetSwitch(TorchRuntime.OnDemandSwitch, true);
return CommandLine.Run(args, CommandActions.Library);
