using WclSharp.Evaluation;
using WclSharp.Tests.Data;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Evaluation;

public class RunDataTests
{
    private const int Images = 40, Limit = 10;

    [Fact]
    public void Read_LabelsOfImagesOutsideTheRunsLimit_AreWarnedOf()
    {
        using var folder = Photos();
        var trained = new PretrainOptions { Data = folder["photos"], ImageSize = 16, Limit = Limit };
        var asked = RunData.Asked(trained, null, null, folder.Write("labels.csv", string.Concat(Enumerable.Range(0, Images).Select(i => $"{i:00}.jpg,{(i % 2 == 0 ? "even" : "odd")}\n"))));
        Assert.Equal([$"30 of the 40 labels in '{asked.Labels}' are of images outside --limit 10, which are not read; name the images with --data PATH, and without --limit, to use all labels."],
            Warnings(trained, asked).Where(warning => warning.Contains("--limit", StringComparison.Ordinal)));
        // The run's own list, and the images by their place: nothing to say.
        Assert.DoesNotContain(Warnings(trained with { Labels = asked.Labels }, asked), warning => warning.Contains("--limit", StringComparison.Ordinal));
        Assert.DoesNotContain(Warnings(trained, RunData.Asked(trained, folder["photos"], null, asked.Labels)), warning => warning.Contains("--limit", StringComparison.Ordinal));
    }

    [Fact]
    public void NoLabels_WhoGaveLabels_IsNotToldTo()
    {
        using var folder = Photos();
        var trained = new PretrainOptions { Data = folder["photos"], ImageSize = 16, Limit = Limit };
        HashSet<string> read;
        using (var data = RunData.Read(trained, RunData.Asked(trained, null, null, null), null, CancellationToken.None))
        {
            read = [.. Enumerable.Range(0, data.All.Count).Select(data.All.NameOf)];
            Assert.EndsWith("classes of these with --labels.", RunData.NoLabels(trained, trained, data, "look at").Message, StringComparison.Ordinal);
        }
        string[] others = [.. Enumerable.Range(0, Images).Select(i => $"{i:00}.jpg").Where(name => !read.Contains(name))];
        var asked = RunData.Asked(trained, null, null, folder.Write("labels.csv", string.Concat(others.Select(name => $"{name},cat\n"))));
        using var unlabelled = RunData.Read(trained, asked, null, CancellationToken.None);
        Assert.Equal("There are no labelled images to look at within --limit 10; name the images with --data PATH, and without --limit.", RunData.NoLabels(trained, asked, unlabelled, "look at").Message);

        asked = asked with { Labels = folder.Write("one.csv", $"{read.First()},cat\n") };
        using var untested = RunData.Read(trained, asked, null, CancellationToken.None);
        Assert.EndsWith("name some with --test.", RunData.NoLabels(trained, asked, untested, "look at").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NoLabels_ImagesOfOneFolder_AreSaidToBeOfOneClass_AndNothingIsSaidOfFewTests()
    {
        using var folder = new DataFolder();
        byte[] jpeg = ImageFiles.Jpeg();
        for (int i = 0; i < 12; i++) folder.Write($"one/cat/{i}.jpg", jpeg);
        for (int i = 0; i < 3; i++) folder.Write($"tests/cat/{i}.jpg", ImageFiles.Jpeg(20 + i, 20));
        var trained = new PretrainOptions { Data = folder["one"], ImageSize = 16 };
        var asked = trained with { Test = folder["tests"] };
        Assert.Empty(Warnings(trained, asked));
        using var data = RunData.Read(trained, asked, null, CancellationToken.None);
        Assert.Equal($"All images of '{asked.Data}' are in one folder, so that they are of one class at most, and two are needed to look at; name images in a folder for each class with --data, or classes of these with --labels.",
            RunData.NoLabels(trained, asked, data, "look at").Message);

        folder.Write("one/dog/12.jpg", jpeg);
        folder.Write("flat/1.jpg", jpeg);
        using var flat = RunData.Read(trained, asked with { Test = folder["flat"] }, null, CancellationToken.None);
        Assert.StartsWith($"No image of --test {folder["flat"]} has a label;", RunData.NoLabels(trained, asked with { Test = folder["flat"] }, flat, "look at").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TestImagesOfNoClassThatCanBeTold_AreRefused()
    {
        using var folder = new DataFolder();
        byte[] jpeg = ImageFiles.Jpeg();
        foreach (string name in (string[])["photos/cat/1", "photos/cat/2", "photos/dog/3", "photos/dog/4", "tests/emu/5", "tests/yak/6"]) folder.Write($"{name}.jpg", jpeg);
        var trained = new PretrainOptions { Data = folder["photos"], ImageSize = 16 };
        var asked = trained with { Test = folder["tests"] };
        Assert.Equal("None of the test images' classes (emu, yak) is among the known ones (cat, dog); name images of the known classes with --test.",
            Assert.Throws<WclUsageException>(() => RunData.Read(trained, asked, null, CancellationToken.None)).Message);
        folder.Write("tests/dog/7.jpg", jpeg);
        Assert.Contains(Warnings(trained, asked), warning => warning.StartsWith("2 of the 3 labelled test images count as wrong: no labelled training image is of their 2 classes (emu, yak),", StringComparison.Ordinal));
        using var data = RunData.Read(trained, asked, null, CancellationToken.None);
        Assert.Equal(["cat", "dog", "emu", "yak"], data.HeldOut!.ClassNames);
    }

    [Fact]
    public void Read_TestFolderNamedByMacOs_IsOfTheClassThatWasTyped()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 4; i++) folder.Write($"photos/{i}.jpg", ImageFiles.Jpeg(20 + i, 20));
        folder.Write("tests/A\u0308pfel/5.jpg", ImageFiles.Jpeg(30, 20));
        var trained = new PretrainOptions { Data = folder["photos"], ImageSize = 16, Labels = folder.Write("labels.csv", "0.jpg,\u00C4pfel\n1.jpg,\u00C4pfel\n2.jpg,Birnen\n3.jpg,Birnen\n") };
        using var data = RunData.Read(trained, trained with { Test = folder["tests"] }, null, CancellationToken.None);
        Assert.Equal(["Birnen", "\u00C4pfel"], data.HeldOut!.ClassNames);
        Assert.Equal([1], data.HeldOut.Labels.ToArray());
        Assert.DoesNotContain(data.TestWarnings, warning => warning.Contains("count as wrong", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_WhereNothingIsTested_TellsNothingOfTests()
    {
        using var folder = new DataFolder();
        byte[] jpeg = ImageFiles.Jpeg();
        for (int i = 0; i < Images; i++) folder.Write($"photos/{(i % 2 == 0 ? "even" : "odd")}/{i:00}.jpg", jpeg);
        var trained = new PretrainOptions { Data = folder["photos"], ImageSize = 16 };
        Assert.Equal(2, Warnings(trained, trained).Count(warning => warning.Contains("too few", StringComparison.Ordinal) || warning.Contains("pixel for pixel", StringComparison.Ordinal)));
        Assert.Empty(Warnings(trained, trained, tests: false));
    }

    [Fact]
    public void Read_WhatHasMoved_IsToldWithItsOption()
    {
        using var folder = Photos();
        string labels = folder.Write("labels.csv", "00.jpg,a\n01.jpg,b\n02.jpg,a\n");
        var trained = new PretrainOptions { Data = folder["photos"], Labels = labels, ImageSize = 16 };
        File.Move(labels, labels + ".old");
        Assert.Equal($"The run's list of classes is not at '{labels}' any more, where its config.json has it; name the new place with --labels FILE.", Refusal());
        Directory.Move(folder["photos"], folder["moved"]);
        Assert.Equal($"The run's images are not at '{folder["photos"]}' any more, where its config.json has them; name the new place with --data PATH --labels {labels}.", Refusal());

        Assert.EndsWith("with --data PATH.", Refusal("mine.csv"), StringComparison.Ordinal); // a list of one's own is named already

        string Refusal(string? list = null) => Assert.Throws<WclUsageException>(() => Warnings(trained, RunData.Asked(trained, null, null, list))).Message;
    }

    [Fact]
    public void Read_OtherDataOfARunWithAList_SaysThatItsFoldersAreTheClasses()
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 8; i++) folder.Write($"photos/site {i % 2}/{i}.jpg", ImageFiles.Jpeg(20 + i, 20));
        var trained = new PretrainOptions { Data = folder["photos"], Labels = folder.Write("labels.csv", "site 0/0.jpg,fox\nsite 1/1.jpg,deer\n"), ImageSize = 16 };
        string warning = $"With --data the run's list of classes, '{trained.Labels}', is not used: the classes are those of the folders (site 0, site 1).";
        Assert.Contains(Warnings(trained, RunData.Asked(trained, folder["photos"], null, null)), each => each.StartsWith(warning, StringComparison.Ordinal));
        Assert.DoesNotContain(Warnings(trained, RunData.Asked(trained, folder["photos"], null, trained.Labels)), each => each.Contains("is not used", StringComparison.Ordinal));
    }

    /// <summary>Of a million images a thousand may have a label: only these are decoded, and are split and told as among all.</summary>
    [Theory]
    [InlineData("photos", "labels.csv", 1)]
    [InlineData("photos", "with-folder.csv", 1)] // paths that begin with the folder that all are in
    [InlineData("rows.csv", null, 1)]
    [InlineData("photos", "labels.csv", 40)]     // a limit
    public void Read_LabelledAlone_ReadsNoOthers_AndHoldsTheSameOut(string data, string? labels, int limit)
    {
        using var folder = new DataFolder();
        for (int i = 0; i < 60; i++) folder.Write($"photos/all/{i:00}.jpg", ImageFiles.Jpeg(20 + i, 20));
        for (int i = 60; i < 70; i++) folder.Write($"photos/all/{i:00}.jpg", "no image"u8.ToArray()); // without a class, so that nobody finds out
        int[] labelled = [.. Enumerable.Range(0, 60).Where(i => i % 3 == 1)];
        folder.Write("labels.csv", string.Concat(labelled.Select(i => $"{i:00}.jpg,{(i % 2 == 0 ? "even" : "odd")}\n")));
        folder.Write("with-folder.csv", string.Concat(labelled.Select(i => $"all/{i:00}.jpg,{(i % 2 == 0 ? "even" : "odd")}\n")));
        folder.Write("rows.csv", string.Concat(Enumerable.Range(0, 70).Select(i => $"photos/all/{i:00}.jpg,{(!labelled.Contains(i) ? "" : i % 2 == 0 ? "even" : "odd")}\n")));
        var trained = new PretrainOptions { Data = folder[data], Labels = labels is null ? null : folder[labels], ImageSize = 16, Limit = limit > 1 ? limit : null, MaxBad = 1 };
        using var all = RunData.Read(trained, trained, null, CancellationToken.None);
        using var alone = RunData.Read(trained, trained, null, CancellationToken.None, new() { LabelledAlone = true });

        Assert.InRange(all.BadImages, 1, 10);
        Assert.Equal(0, alone.BadImages);
        Assert.Equal(all.All.LabelledCount, alone.All.Count);
        Assert.Equal((limit > 1 ? limit : 70) - alone.All.Count, alone.All.PassedOver); // what a limit leaves out is not passed over
        Assert.InRange(all.All.LabelledCount, limit > 1 ? 10 : 20, limit > 1 ? 19 : 20);
        Assert.Equal(all.HeldOut!.Fingerprint, alone.HeldOut!.Fingerprint);
        Assert.Equal(all.LabelledFingerprint, alone.LabelledFingerprint);
        Assert.Equal(all.HeldOut.Count, all.HeldOut.LabelledCount); // those without a class are all trained on
        Assert.True(all.Train.Count > alone.Train.Count);
    }

    [Fact]
    public void Read_LabelledAlone_WhereNothingIsLabelled_SaysSo_AndNotThatThereIsNothing()
    {
        using var folder = Photos();
        string paths = folder.Write("paths.csv", string.Concat(Enumerable.Range(0, Images).Select(i => $"photos/{i:00}.jpg\n")));
        string all = folder.Write("all.csv", string.Concat(Enumerable.Range(0, Images).Select(i => $"{i:00}.jpg,{i % 2}\n")));
        string tests = folder.Write("tests.csv", string.Concat(Enumerable.Range(0, 15).Select(i => $"photos/{i:00}.jpg,{i % 2}\n")));
        string few = folder.Write("few.csv", string.Concat(Enumerable.Range(0, 15).Select(i => $"{i:00}.jpg,{i % 2}\n")));
        string Refusal(PretrainOptions trained, PretrainOptions asked)
        {
            using var data = RunData.Read(trained, asked, null, CancellationToken.None, new() { LabelledAlone = true });
            Assert.True(!data.Train.HasLabels || data.HeldOut is null);
            return RunData.NoLabels(trained, asked, data, "vote").Message;
        }

        var list = new PretrainOptions { Data = paths, ImageSize = 16 };
        Assert.StartsWith("There are no labelled images to vote; name them with", Refusal(list, list), StringComparison.Ordinal);
        var run = new PretrainOptions { Data = folder["photos"], ImageSize = 16, Labels = few };
        Assert.StartsWith($"All labelled images of '{run.Data}' are test images", Refusal(run, run with { Test = tests }), StringComparison.Ordinal);
        var limited = new PretrainOptions { Data = folder["photos"], ImageSize = 16, Limit = 2 };
        using var within = RunData.Read(limited, limited, null, CancellationToken.None);
        int[] drawn = [.. Enumerable.Range(0, 2).Select(i => int.Parse(Path.GetFileNameWithoutExtension(within.All.NameOf(i)), System.Globalization.CultureInfo.InvariantCulture))];
        File.WriteAllLines(all, Enumerable.Range(0, Images).Except(drawn).Select(i => $"{i:00}.jpg,{i % 2}"));
        Assert.StartsWith("There are no labelled images to vote within --limit 2", Refusal(limited, limited with { Labels = all }), StringComparison.Ordinal);
    }

    /// <summary>Images of the run that a list tests with are known as such, though no label names them.</summary>
    [Fact]
    public void Read_LabelledAlone_StillTellsOfTestsThatTheRunLearntFrom()
    {
        using var folder = Photos();
        string labels = folder.Write("labels.csv", string.Concat(Enumerable.Range(0, 20).Select(i => $"{i:00}.jpg,{i % 2}\n")));
        string tests = folder.Write("tests.csv", string.Concat(Enumerable.Range(30, 5).Select(i => $"photos/{i:00}.jpg,{i % 2}\n")));
        var trained = new PretrainOptions { Data = folder["photos"], Labels = labels, ImageSize = 16 };
        List<string> warnings = [];
        using var data = RunData.Read(trained, RunData.Asked(trained, null, tests, null), SmallRun.Noted(warnings), CancellationToken.None, new() { LabelledAlone = true });
        Assert.Equal((20, 5), (data.Train.Count, data.LeftOut));
        Assert.Contains(warnings, warning => warning.StartsWith("5 of the images of --test", StringComparison.Ordinal));
        Assert.Contains(warnings, warning => warning == "Excluded from training, since --test names them: 5 of 40 images.");
    }

    private static DataFolder Photos()
    {
        var folder = new DataFolder();
        byte[] jpeg = ImageFiles.Jpeg();
        for (int i = 0; i < Images; i++) folder.Write($"photos/{i:00}.jpg", jpeg);
        return folder;
    }

    private static List<string> Warnings(PretrainOptions trained, PretrainOptions asked, bool tests = true)
    {
        List<string> warnings = [];
        using var data = RunData.Read(trained, asked, SmallRun.Noted(warnings), CancellationToken.None, new() { Tests = tests });
        return warnings;
    }
}
