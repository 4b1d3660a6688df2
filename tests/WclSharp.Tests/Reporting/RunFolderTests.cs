using System.Text.Json;
using WclSharp.Reporting;
using WclSharp.Tests.Configuration;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

public sealed class RunFolderTests : IDisposable
{
    private static readonly DateTime Started = new(2026, 1, 2, 3, 4, 5);
    private readonly string root = Directory.CreateTempSubdirectory("wcl run ").FullName; // with a space, as homes can have

    private string Out => Path.Combine(root, "run");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void Create_NewFolder_HasItsPlaces()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);

        Assert.True(Directory.Exists(run.CheckpointFolder));
        Assert.True(Directory.Exists(run.PlotFolder));
    }

    [Fact]
    public void Create_FolderThatIsNotEmpty_NamesResumeAndOut()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, "notes.txt"), "mine");

        var error = Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: false, Started));

        Assert.Equal($"The folder {Out} is not empty and holds no run; name a new folder with --out.", error.Message);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Out, "notes.txt")));

        File.WriteAllText(RunFolder.ConfigOf(Out), "{}");
        Assert.Contains("go on with the run in it with --resume", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: false, Started)).Message);
    }

    [Fact]
    public void Create_File_IsRefused()
    {
        File.WriteAllText(Out, "");

        Assert.Contains("is a file", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: false, Started)).Message);
    }

    [Fact]
    public void Create_PlaceThatCannotBeWritten_NamesOut()
    {
        File.WriteAllText(Out, "");

        // Below a file no folder can be made, whoever runs the test.
        var error = Assert.Throws<WclUsageException>(() => RunFolder.Create(Path.Combine(Out, "below"), resume: false, Started));

        Assert.Contains("--out", error.Message);
    }

    [Fact]
    public void Create_ResumeWithoutARun_IsRefused()
    {
        Assert.Contains("--out", Assert.Throws<WclUsageException>(() => RunFolder.Create(null, resume: true, Started)).Message);
        Assert.Contains("no run to resume", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: true, Started)).Message);
        Assert.False(Directory.Exists(Out));
    }

    [Fact]
    public void Create_RunThatNeverStarted_LeavesNothingAndCanBeTriedAgain()
    {
        RunFolder.Create(Out, resume: false, Started).Dispose();
        Assert.False(Directory.Exists(Out));

        using (var failed = RunFolder.Create(Out, resume: false, Started))
        {
            failed.Log("too many images are bad");
            File.WriteAllText(failed.BadImagesPath, "path,reason\n");
        }

        Assert.True(File.Exists(Path.Combine(Out, "bad_images.csv")));
        using var again = RunFolder.Create(Out, resume: false, Started);
    }

    [Theory]
    [InlineData("bad_images.csv"), InlineData("config.json")]
    public void Create_WhatAKilledProcessLeftAtOnce_IsTakenAway(string file)
    {
        Directory.CreateDirectory(Path.Combine(Out, "checkpoints"));
        foreach (string left in (string[])["run.lock", "train.log", file + ".x1y2z3a4.tmp"]) File.WriteAllText(Path.Combine(Out, left), "");
        using (var run = RunFolder.Create(Out, resume: false, Started)) run.WriteConfig(new PretrainOptions());
        Assert.Equal(["config.json", "train.log"], Directory.GetFiles(Out).Select(Path.GetFileName).Order());

        string others = Path.Combine(Out, "embedded.npy.x1y2z3a4.tmp"); // of a command at work, or a file of somebody
        foreach (string left in (string[])[Path.Combine(Out, "checkpoints", "last.json.x1y2z3a4.tmp"), others]) File.WriteAllText(left, "");
        RunFolder.Create(Out, resume: true, Started).Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Out, "checkpoints")));
        Assert.True(File.Exists(others));
        File.Delete(Path.Combine(Out, "config.json"));
        Assert.Contains("is not empty", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: false, Started)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_FolderThatAnotherRunWritesTo_IsRefused()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        run.WriteConfig(new PretrainOptions());

        Assert.Contains("another process", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: true, Started)).Message);
    }

    [Fact]
    public void Create_FolderThatAnotherRunStartsIn_AsksAboutItsProcess()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);

        Assert.Contains("Is another process training in it?", Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: false, Started)).Message);
    }

    [Fact]
    public void Create_RunThatCannotBeWritten_AsksAboutNoProcess()
    {
        using (var run = RunFolder.Create(Out, resume: false, Started)) run.WriteConfig(new PretrainOptions());
        string log = Path.Combine(Out, "train.log");
        File.Delete(log);
        Directory.CreateDirectory(log); // cannot be written, whoever asks

        string message = Assert.Throws<WclUsageException>(() => RunFolder.Create(Out, resume: true, Started)).Message;
        Assert.Contains("Make it writable", message);
        Assert.DoesNotContain("process", message);
    }

    [Fact]
    public void ReadConfig_WhatWasWritten_IsEqual()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        run.WriteConfig(ConfigFileTests.Everything);

        Assert.Equal(ConfigFileTests.Everything with { Out = run.FullPath }, run.ReadConfig());
    }

    [Fact]
    public void WriteConfig_RelativePath_IsMadeAbsolute()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        run.WriteConfig(new PretrainOptions { Data = "images" });

        Assert.Equal(Path.GetFullPath("images"), run.ReadConfig().Data);
    }

    [Fact]
    public void AppendMetrics_Line_HasTheDocumentedKeysAndNoNulls()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        run.AppendMetrics(new EpochMetrics { Epoch = 1, InstanceLoss = 2.5, LargestComponent = 0.25, ImagesPerSecond = 10 });

        Assert.Equal("{\"epoch\":1,\"instance_loss\":2.5,\"images_per_second\":10,\"largest_component\":0.25}\n", File.ReadAllText(run.MetricsPath));
    }

    [Fact]
    public void AppendMetrics_LossThatIsNotFinite_IsKept()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        run.AppendMetrics(new EpochMetrics { Epoch = 1, InstanceLoss = double.NaN });

        Assert.True(double.IsNaN(Assert.Single(run.ReadMetrics()).InstanceLoss!.Value));
    }

    [Fact]
    public void TruncateMetrics_PastTheCheckpoint_DropsLaterEpochsAndATornLine()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        for (int epoch = 0; epoch <= 4; epoch++) run.AppendMetrics(new EpochMetrics { Epoch = epoch, Lr = epoch / 3.0 });
        File.AppendAllText(run.MetricsPath, "{\"epoch\":5,\"lr\":0.");

        run.TruncateMetrics(2);
        run.AppendMetrics(new EpochMetrics { Epoch = 3 });

        Assert.Equal([0, 1, 2, 3], run.ReadMetrics().Select(metrics => metrics.Epoch));
        Assert.Equal(2 / 3.0, run.ReadMetrics()[2].Lr);
    }

    [Fact]
    public void ReadMetrics_DamagedLine_IsNamed()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        File.WriteAllText(run.MetricsPath, "{\"epoch\":0}\nrubbish\n");

        Assert.EndsWith("line 2 is damaged: rubbish; put it right, or delete the line.", Assert.Throws<WclUsageException>(run.ReadMetrics).Message);

        File.Delete(run.MetricsPath);
        Directory.CreateDirectory(run.MetricsPath); // cannot be read, whoever asks
        Assert.Contains($"{run.MetricsPath} cannot be read", Assert.Throws<WclUsageException>(run.ReadMetrics).Message);
    }

    [Fact]
    public void WriteSummary_LastOfEveryMetric_AndVersions()
    {
        using var run = RunFolder.Create(Out, resume: false, Started);
        EpochMetrics[] metrics =
        [
            new() { Epoch = 0, Knn = 0.5 },
            new() { Epoch = 1, Knn = 0.6, InstanceLoss = 3, Purity = 0.4 },
            new() { Epoch = 2, InstanceLoss = 2 },
        ];
        run.WriteSummary(new RunSummary { Status = "finished", Method = "wcl", Seed = 3, Versions = SoftwareVersions.Current }.WithMetrics(metrics));

        using var json = JsonDocument.Parse(File.ReadAllText(run.SummaryPath));
        var summary = json.RootElement;
        Assert.Equal(2, summary.GetProperty("epoch").GetInt32());
        Assert.Equal(0.5, summary.GetProperty("knn_before").GetDouble());
        Assert.Equal(0.6, summary.GetProperty("knn").GetDouble());
        Assert.Equal(2, summary.GetProperty("instance_loss").GetDouble());
        Assert.Equal(0.4, summary.GetProperty("purity").GetDouble());
        Assert.Equal("0.107.0", summary.GetProperty("versions").GetProperty("torch_sharp").GetString());
        Assert.False(summary.TryGetProperty("weak_loss", out _));
    }

    [Fact]
    public void WithMetrics_EveryMetricThatThereIs_IsInTheSummary()
    {
        var metrics = new EpochMetrics { Epoch = 1 };
        var names = typeof(EpochMetrics).GetProperties().Where(property => property.PropertyType == typeof(double?)).ToList();
        for (int i = 0; i < names.Count; i++) names[i].SetValue(metrics, i + 0.5);

        var summary = new RunSummary { Status = "finished", Method = "wcl", Seed = 3 }.WithMetrics([metrics]);

        Assert.True(names.Count > 20);
        for (int i = 0; i < names.Count; i++) Assert.Equal(i + 0.5, typeof(RunSummary).GetProperty(names[i].Name)?.GetValue(summary));

        var before = summary.WithMetrics([new EpochMetrics { Epoch = 0, Knn = 0.25, KnnBalancedAccuracy = 0.125 }, metrics]);
        Assert.Equal((0.25, 0.125), (before.KnnBefore, before.KnnBalancedAccuracyBefore));
    }

    [Fact]
    public void Log_Line_CarriesTheTime()
    {
        using (var run = RunFolder.Create(Out, resume: false, Started)) run.Log("hello");

        Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  hello\r?\n$", File.ReadAllText(Path.Combine(Out, "train.log")));
    }
}
