using WclSharp.Cli;
using WclSharp.Native;

// With an ONNX file these commands use ONNX Runtime alone. Said before anything of the library is used, which loads libtorch otherwise. --verbose may stand in front.
if (Array.Find(args, argument => !argument.StartsWith('-')) is "classify" or "embed" or "index" or "search") AppContext.SetSwitch(TorchRuntime.OnDemandSwitch, true);
if (OperatingSystem.IsWindows())
{
    // Whose consoles, and pipes with them, have an old code page, which lacks most letters that names of files may have.
    var before = Console.OutputEncoding; // the console's own, which stays when this program ends
    AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.OutputEncoding = before;
    try { Console.OutputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false); }
    catch (IOException) { /* there is no console */ }
}

return CommandLine.Run(args, CommandActions.Library);
