using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using WclSharp.Comparisons;
using WclSharp.Distillation;
using WclSharp.FineTuning;
using WclSharp.Inference;
using WclSharp.Reporting;

namespace WclSharp.Tests.Reporting;

/// <summary>Results that are written as JSON keep their keys and the keys' order: others' programs read these files, and an earlier version's are read on.</summary>
public class ResultJsonTests
{
    [Fact]
    public void DivergedRun_KeepsItsKeys() => Keeps("""{"method":"wcl","seed":3,"folder":"runs/wcl-seed3","message":"The loss is NaN."}""", ComparisonJson.Default.DivergedRun);

    [Fact]
    public void VersionsOfASummary_KeepTheirKeys() => Keeps("""
        {"status":"finished","method":"wcl","seed":0,"epoch":1,"epochs":2,"train_images":60,"test_images":20,"bad_images":1,"versions":{"wcl_sharp":"0.1.0","torch_sharp":"0.107.0","libtorch":"2.7.1","dotnet":"10.0.0","os":"Linux"}}
        """, RunJson.Default.RunSummary);

    [Fact]
    public void ClassesOfADistillation_KeepTheirKeys() => Keeps("""
        {"folder":"d","classifier_file":"c","train_images":60,"test_images":20,"teacher_accuracy":0.5,"student_accuracy":0.25,"teacher_balanced_accuracy":0.5,"student_balanced_accuracy":0.25,"student_classes":[{"class":"cat","images":3,"labelled":2,"correct":1,"labelled_predicted":2}],"accuracy_difference":-0.25,"accuracy_difference_ci95_low":-0.5,"accuracy_difference_ci95_high":0,"agreement":0.5,"teacher_parameters":11,"student_parameters":7,"epochs":2,"loss":1.5,"seconds":3}
        """, DistillJson.Default.DistillResult);

    [Fact]
    public void ClassifierOfAStudy_KeepsItsKeys() => Keeps("""{"labels":40,"accuracy":0.5,"classes":[{"class":"cat","images":3,"labelled":2,"correct":1,"labelled_predicted":2}]}""", FineTuneJson.Default.SavedClassifier);

    // As a web service writes them.
    [Fact]
    public void AnswersOfInference_KeepTheirKeys()
    {
        Keeps("""{"row":7,"name":"a.png","label":"cat","cosine":0.5}""", Web<SearchHit>());
        Keeps("""{"class":"cat","probability":0.5}""", Web<ClassProbability>());
    }

    private static JsonTypeInfo<T> Web<T>() => (JsonTypeInfo<T>)JsonSerializerOptions.Web.GetTypeInfo(typeof(T));

    private static void Keeps<T>(string text, JsonTypeInfo<T> type) => Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize(text, type), type!));
}
