using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class GrowingArrayTests
{
    [Fact]
    public void Add_MoreThanABlock_KeepsEveryValueAtItsPlace()
    {
        const int Count = 200_000; // in blocks of 65,536
        var array = new GrowingArray<long>();
        foreach (int sign in (int[])[1, -1])
        {
            for (int i = 0; i < Count; i++) array.Add(sign * 7L * i);
            Assert.Equal(Count, array.Count);
            long[] all = array.ToArray();
            Assert.Equal(Count, all.Length);
            for (int i = 0; i < Count; i++)
                if (array[i] != sign * 7L * i || all[i] != sign * 7L * i) Assert.Fail($"{i}: {array[i]} and {all[i]}");
            array.Clear(); // the blocks are filled again
            Assert.Empty(array.ToArray());
        }
    }
}
