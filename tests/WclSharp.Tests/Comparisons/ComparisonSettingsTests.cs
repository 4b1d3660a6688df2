using System.Text.Json.Nodes;
using WclSharp.Comparisons;

namespace WclSharp.Tests.Comparisons;

public class ComparisonSettingsTests
{
    private static (string, string, JsonObject) Run(string method, int seed, string options) =>
        (method, $"{method}-seed{seed}", JsonNode.Parse($"{{ \"method\": \"{method}\", \"seed\": {seed}, {options} }}")!.AsObject());

    [Fact]
    public void Of_TellsWhatIsCommonFromWhatDiffersByMethodOrRun()
    {
        var settings = ComparisonSettings.Of(
        [
            Run("wcl", 0, "\"epochs\": 2, \"multi_crop\": \"none\", \"precision\": \"bf16\""),
            Run("wcl-knn", 0, "\"epochs\": 2, \"multi_crop\": \"knn\", \"precision\": \"bf16\", \"local_size\": 8"),
            Run("wcl", 1, "\"epochs\": 2, \"multi_crop\": \"none\", \"precision\": \"fp32\""),
        ]);

        Assert.Equal("{\"epochs\":2}", settings.Common.ToJsonString());
        Assert.Equal("{\"multi_crop\":{\"wcl\":\"none\",\"wcl-knn\":\"knn\"},"
            + "\"precision\":{\"wcl-seed0\":\"bf16\",\"wcl-seed1\":\"fp32\",\"wcl-knn\":\"bf16\"},"
            + "\"local_size\":{\"wcl\":null,\"wcl-knn\":8}}", settings.Differing.ToJsonString());
    }
}
