using WclSharp.Encoders;
using WclSharp.FineTuning;

namespace WclSharp.Samples;

/// <summary>A classifier from ten labels of each class, and what it takes a photograph for.</summary>
internal static class ClassifyWithFewLabels
{
    public static int Run(string run, string photo)
    {
        var result = FineTune.Run(new FineTuneOptions { Run = run, LabelsPerClass = [10], Draws = 1, Scratch = false });
        Console.WriteLine($"{100 * result.Rows[0].FinetuneMean:0.0} % of {result.TestImages} test images are classified rightly.");

        using var classifier = ImageClassifier.Load(result.ClassifierFile);
        foreach (var each in classifier.Classify(photo).Take(3)) Console.WriteLine($"{100 * each.Probability,5:0.0} % {each.Class}");
        return 0;
    }
}
