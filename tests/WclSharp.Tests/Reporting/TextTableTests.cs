using WclSharp.Reporting;

namespace WclSharp.Tests.Reporting;

public class TextTableTests
{
    [Fact]
    public void ShortName_OfALongOne_KeepsBothEnds_AndNoHalfLetters()
    {
        Assert.Equal("short", TextTable.ShortName("short", 10));
        Assert.Equal("exactly 10", TextTable.ShortName("exactly 10", 10));
        Assert.Equal("abcd..wxyz", TextTable.ShortName("abcdefghijklmnopqrstuvwxyz", 10));
        Assert.Equal("abc..xyz", TextTable.ShortName("abc\U0001F600fghijklmnopqrstuv\U0001F600xyz", 10)); // whose two halves would be at the cuts
    }

    [Fact]
    public void Lines_OfALongName_LeaveTheNumbersInSight()
    {
        string[] names = [new('x', 100), "cat"];
        var lines = TextTable.Lines<string>([("class", name => name), ("letters", name => $"{name.Length}")], names, namesFirst: true);
        Assert.All(lines, line => Assert.Equal(40 + 2 + 7, line.Length));
        Assert.Equal(["letters", "100", "3"], lines.Select(line => line[42..].Trim()));
        Assert.Contains(names[0], TextTable.Lines<string>([("letters", name => $"{name.Length}"), ("class", name => name)], names, namesFirst: false)[1], StringComparison.Ordinal);
    }
}
