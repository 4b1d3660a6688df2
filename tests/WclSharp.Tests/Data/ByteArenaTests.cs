using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class ByteArenaTests
{
    /// <summary>A block has 1 MiB, and a string two bytes more than its own for its length.</summary>
    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(3)]
    public void Add_WhereABlockEnds_KeepsTheStringWhole(int lessThanTheRoom)
    {
        const int Room = 12, Largest = ushort.MaxValue - 1;
        int[] lengths = [.. Enumerable.Repeat(Largest, 15), Largest - Room, Room - lessThanTheRoom, 0, 300, 5];
        var arena = new ByteArena();
        foreach (var (i, length) in lengths.Index()) arena.Add(new string((char)('a' + i), length));
        Assert.Equal(lengths.Length, arena.Count);
        foreach (var (i, length) in lengths.Index()) Assert.Equal(new string((char)('a' + i), length), arena.GetString(i));
    }
}
