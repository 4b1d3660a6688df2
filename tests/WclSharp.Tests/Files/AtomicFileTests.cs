using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using WclSharp.Data;
using WclSharp.Distillation;
using WclSharp.Files;

namespace WclSharp.Tests.Files;

public sealed partial class AtomicFileTests : IDisposable
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
    public void Pending_ADeviceOrAPipe_IsNotReplaced()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Known on Linux alone.");
        string pipe = Path.Combine(folder, "pipe"), link = Path.Combine(folder, "link");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
        File.CreateSymbolicLink(link, pipe);
        File.WriteAllText(Path.Combine(folder, "file"), "");
        Assert.Equal([true, true, true, false, false, false], ((string[])[pipe, link, "/dev/null", folder, Path.Combine(folder, "file"), Path.Combine(folder, "nothing")]).Select(SpecialFile.Is));
        foreach (string path in (string[])[pipe, link])
            Assert.Equal("it is a device or a pipe, not a file", Assert.Throws<IOException>(() => new PendingFile(path)).Message);
        Assert.Contains("it is a device or a pipe, not a file", Assert.Throws<WclUsageException>(() => new WclSharp.Inference.ImageIndexWriter(pipe, 4)).Message, StringComparison.Ordinal);
        Assert.True(AtomicFile.IsWrittenInto(link));
        Assert.True(SpecialFile.Is(pipe));
        Assert.Equal(3, Directory.GetFileSystemEntries(folder).Length);
        DiskFlush.Of(new FileStream("/dev/null", FileMode.Open, FileAccess.Write)); // behind which there is no disk
    }

    [Fact]
    public void DeleteLeft_TakesTemporaryFilesOfThatNameAlone()
    {
        string longest = new('n', 60);
        string[] left = ["a.npy.x1y2z3a4.tmp", "a.npy.x1y2z3a4.names.tmp"],
            others = ["a.npy", "a.npy.tmp", "notes.tmp", "notes.20261128.tmp", "a.npy.x1y2z3a4.csv", "a.npy.bad_images.csv.x1y2z3a4.tmp", "b.npy.x1y2z3a4.tmp", longest[..48] + ".x1y2z3a4.tmp"];
        foreach (string name in left.Concat(others)) File.WriteAllText(Path.Combine(folder, name), "");
        PendingFile.DeleteLeftOf(Path.Combine(folder, "a.npy"));
        PendingFile.DeleteLeftOf(Path.Combine(folder, longest)); // others begin alike
        Assert.Equal(others.Order(StringComparer.Ordinal), Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ResultFolder_WhatAKilledProcessLeftAtOnce_IsNoOthersFolder()
    {
        string results = Path.Combine(folder, "results");
        Directory.CreateDirectory(results);
        foreach (string left in (string[])[".lock", "config.json.x1y2z3a4.tmp"]) File.WriteAllText(Path.Combine(results, left), "");
        Begin(results, "{}").Dispose();
        Assert.Equal("config.json", Path.GetFileName(Assert.Single(Directory.GetFiles(results))));
    }

    [Fact]
    public void ResultFolder_WithoutAResult_IsBegunAnewWithOtherSettings()
    {
        string results = Path.Combine(folder, "results");
        Begin(results, "{\"lr\": 1}").Dispose();
        Directory.CreateDirectory(Path.Combine(results, "plots"));
        Begin(results, "{\"lr\": 2}").Dispose(); // what the first came to was an error
        Assert.Equal("{\"lr\": 2}", File.ReadAllText(Path.Combine(results, "config.json")));
        File.WriteAllText(Path.Combine(results, "plots", "curves.png"), "");
        Assert.Contains("lr (2 there, 1 now)", Assert.Throws<WclUsageException>(() => Begin(results, "{\"lr\": 1}")).Message, StringComparison.Ordinal);
        Begin(results, "{\"lr\": 2}").Dispose();
    }

    [Fact]
    public void ResultFolder_WhoseOnlyFileIsAnothersSettings_IsLeftAlone()
    {
        string results = Path.Combine(folder, "results"), config = Path.Combine(results, "config.json");
        Directory.CreateDirectory(results);
        File.WriteAllText(config, "mine");
        Assert.Equal($"The folder {results} is not empty and holds no results; name a new folder with --out.", Assert.Throws<WclUsageException>(() => Begin(results, "{}", areOfKind: false)).Message);
        Assert.Equal("mine", File.ReadAllText(config));
        Assert.Single(Directory.GetFileSystemEntries(results));
    }

    [Theory]
    [InlineData("""{"epochs": 20, "batch": 64, "lr": 0.1, "seed": 1, "arch": "resnet18"}""", false)] // as for wcl pretrain --config
    [InlineData("{}", false)]
    [InlineData("[1]", false)]
    [InlineData("{ // mine\n}", false)]
    [InlineData("""{"teacher": "a", "train_fingerprint": "b", "arch": "resnet18", "width": 64, "epochs": 20, "batch": 64, "lr": 0.1, "weight_decay": 0, "temperature": 4, "label_mix": 0, "seed": 1, "precision": "fp32", "recipe": 2, "newer": 1}""", true)]
    public void JsonText_Is_AskedForSettings_WantsAllThatTheyRequire(string text, bool expected)
    {
        string file = Path.Combine(folder, "config.json");
        File.WriteAllText(file, text);
        Assert.Equal(expected, JsonText.Is(file, DistillJson.Default.DistillSettings));
        Assert.False(JsonText.Is(Path.Combine(folder, "none.json"), DistillJson.Default.DistillSettings));
    }

    private static ResultFolder Begin(string path, string settings, bool areOfKind = true)
    {
        byte[] json = System.Text.Encoding.UTF8.GetBytes(settings);
        return ResultFolder.Open(path, json, "results", there => ResultSettings.RequireSame(there, json, []), _ => areOfKind);
    }

    [Fact]
    public void Write_TwoAtOnce_EachChecksItsOwn_AndAFileOfSomebodyElseStays()
    {
        string path = Path.Combine(folder, "out.onnx"), users = path + ".tmp";
        File.WriteAllText(users, "mine");
        AtomicFile.Write(path, stream => stream.Write("first"u8), first =>
        {
            AtomicFile.Write(path, stream => stream.Write("second"u8), second => Assert.Equal("second", File.ReadAllText(second)));
            Assert.Equal("first", File.ReadAllText(first));
        });
        Assert.Equal(("first", "mine"), (File.ReadAllText(path), File.ReadAllText(users)));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    [Fact]
    public void Write_BeyondTheLimitOfAFile_SaysSo_AndOtherErrorsStayWhatTheyAre()
    {
        string path = Path.Combine(folder, "large");
        // What .NET makes of EFBIG.
        string message = Assert.Throws<WclException>(() => AtomicFile.Write(path, _ => throw new ArgumentOutOfRangeException("value", "Specified file length was too large for the file system."))).Message;
        Assert.Equal($"Could not write '{path}': it is larger than files may be there. Raise the limit on the size of files (ulimit -f); what was saved before is intact.", message);
        Assert.Throws<ArgumentOutOfRangeException>(() => AtomicFile.Write(path, _ => throw new ArgumentOutOfRangeException("index")));
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_BeyondTheLimitOfAFile_LeavesNothing_OfWhatIsBufferedEither()
    {
        FarPosition.SkipUnlessRefused(folder);
        string path = Path.Combine(folder, "large");
        // What is buffered fails when it is closed, once more after the write has.
        string message = Assert.Throws<WclException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Position = FarPosition.Value;
            stream.Write("x"u8);
        })).Message;
        Assert.Contains("it is larger than files may be there", message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_ToAFullDisk_LeavesNothing_AndSaysSo()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("The number of the error is Linux's and macOS's.");
        string path = Path.Combine(folder, "x");
        var full = new IOException("No space left on device", 28);
        Assert.Contains("Free some space;", Assert.Throws<WclException>(() => AtomicFile.Write(path, _ => throw full)).Message, StringComparison.Ordinal);
        Assert.Contains("Free some space or name another file with --out;", Assert.Throws<WclException>(() => AtomicFile.Write(path, _ => throw full, option: "--out")).Message, StringComparison.Ordinal);
        Assert.Contains("Choose a file that you can write to with --json;", Assert.Throws<WclException>(() =>
            AtomicFile.Write(path, _ => throw new UnauthorizedAccessException("denied"), option: "--json")).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_ToADeviceThatIsFull_SaysSo()
    {
        if (!File.Exists("/dev/full")) Assert.Skip("There is no device that is always full here.");
        string message = Assert.Throws<WclException>(() => AtomicFile.Write("/dev/full", stream => stream.Write("x"u8), option: "--json")).Message;
        Assert.Equal("Could not write '/dev/full': No space left on device : '/dev/full'. Free some space or name another file with --json; what was saved before is intact.", message);
    }

    [Fact]
    public void Write_WhatDoesNotReachTheDisk_IsAnError_AndWhatWasThereStays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The numbers are Linux's.");
        string path = Path.Combine(folder, "x"), other = Path.Combine(folder, "other");
        File.WriteAllText(path, "old");
        File.WriteAllText(other, "");
        // A descriptor that is good for a name alone: fsync fails of it.
        using var named = new FileStream(new SafeFileHandle(Open(other, NameAlone), ownsHandle: true), FileAccess.Write, bufferSize: 0);
        string message = Assert.Throws<WclException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            DiskFlush.Of(named);
        })).Message;
        Assert.Equal($"Could not write '{path}': Bad file descriptor. See that the disk is sound and that it can be written there; what was saved before is intact.", message);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    private const int NameAlone = 0x200000; // O_PATH

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

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
