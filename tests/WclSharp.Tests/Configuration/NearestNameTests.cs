using WclSharp.Configuration;

namespace WclSharp.Tests.Configuration;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("bacth", "batch", 1)] // a swap is one edit
    [InlineData("lr", "lr", 0)]
    public void Distance_KnownPairs_CountsEdits(string from, string to, int edits)
    {
        Assert.Equal(edits, NearestName.Distance(from, to));
        Assert.Equal(edits, NearestName.Distance(to, from));
    }

    [Fact]
    public void Find_MistypedName_IsTheOneMeant() =>
        Assert.Equal("weight-decay", NearestName.Find("Wieght-Decay", ["width", "weak-keys", "weight-decay"]));
}
