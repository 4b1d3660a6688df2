using System.CommandLine;
using WclSharp.Cli.Doctor;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl doctor</c>: what this machine offers, and whether everything is in place.</summary>
internal static class DoctorCommand
{
    public static Command Create(TextWriter output)
    {
        var json = JsonFile.Option();
        var command = new Command("doctor", "Show what this machine offers, and measure its speed for 5 seconds") { json };
        command.SetAction(parsed =>
        {
            var report = MachineReport.Make(output.WriteLine);
            JsonFile.Write(parsed.GetValue(json), report.WriteTo);
            return report.Works ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }
}
