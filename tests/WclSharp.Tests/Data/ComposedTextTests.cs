using WclSharp.Data;

namespace WclSharp.Tests.Data;

public sealed class ComposedTextTests
{
    [Fact]
    public void Of_EveryLetterThatUnicodePutsTogether_IsWhatUnicodeHas()
    {
        string[][] rows = [.. File.ReadLines(FixtureFiles.ComposedLetters).Select(line => line.Split('\t'))];
        Assert.Equal(928, rows.Length);
        Assert.All(rows, row => Assert.Equal((row[1], row[1], $"a{row[1]}z"), (ComposedText.Of(row[0]), ComposedText.Of(row[1]), ComposedText.Of($"a{row[0]}z"))));
    }

    [Theory]
    [InlineData("\u0627\u0654\u062D\u0645\u062F", "\u0623\u062D\u0645\u062F")]
    [InlineData("\u0995\u09C7\u09BE", "\u0995\u09CB")]
    [InlineData("\u1100\u1161\u11A8\u1112\u1175", "\uAC01\uD788")]
    [InlineData("q\u0301\u0308", "q\u0301\u0308")]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    public void Of_Words(string apart, string together) => Assert.Equal(together, ComposedText.Of(apart));
}
