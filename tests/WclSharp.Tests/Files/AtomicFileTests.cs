using System.Text;
using WclSharp.Files;

namespace WclSharp.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-atomic-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Write_ThroughALink_ReplacesWhatItLeadsTo()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Symbolic links need a privilege on Windows.");
        string target = Path.Combine(folder, "target.json"), link = Path.Combine(folder, "link.json");
        File.WriteAllText(target, "old");
        File.CreateSymbolicLink(link, target);
        AtomicFile.WriteText(link, "new");
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        Assert.Equal("new", File.ReadAllText(target));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    [Fact]
    public void Write_ToAnOpenFileOfTheSystem_WritesIntoIt()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc is Linux's");
        string path = Path.Combine(folder, "open.txt");
        using (var open = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
        {
            open.Write("before "u8);
            open.Flush();
            // As /dev/stdout and the shell's >(...) are: nothing that a file could take the place of.
            AtomicFile.Write($"/proc/self/fd/{open.SafeFileHandle.DangerousGetHandle()}", stream => stream.Write(Encoding.UTF8.GetBytes("after")));
        }
        Assert.Equal("before after", File.ReadAllText(path));
    }
}
