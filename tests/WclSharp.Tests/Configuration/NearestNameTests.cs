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

    [Theory]
    [InlineData("foo", null, "loss", "step", "data")]
    [InlineData("foo", null, "wcl", "simclr")]
    [InlineData("--test-fraction", null, "--augmentation", "--test", "--batch")]
    [InlineData("--bacth", "--batch", "--width", "--batch")]
    [InlineData("eval", "evaluate", "embed", "evaluate")] // begun
    [InlineData("e", null, "embed", "evaluate")]
    [InlineData("--neighbours", "--neighbors", "--neighbors")]
    public void Find_WhatIsFar_IsNotOffered(string typed, string? offered, params string[] known)
    {
        Assert.Equal(offered, NearestName.Find(typed, known));
        Assert.Equal(offered is null ? "." : $"; did you mean {offered}?", NearestName.Question(typed, known));
    }

    [Fact]
    public void Find_MistypedName_IsTheOneMeant() =>
        Assert.Equal("weight-decay", NearestName.Find("Wieght-Decay", ["width", "weak-keys", "weight-decay"]));
}
