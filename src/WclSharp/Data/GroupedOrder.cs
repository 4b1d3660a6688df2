namespace WclSharp.Data;

/// <summary>Brings the members of a group together in a shuffled order, so that they share a batch.</summary>
internal static class GroupedOrder
{
    /// <summary>The groups in the order of their first members, each with its members as the order has them.</summary>
    /// <param name="order">A permutation of 0 .. N - 1.</param>
    /// <param name="groups">[N] group of each image, 0 .. N - 1.</param>
    public static int[] Arrange(int[] order, int[] groups)
    {
        int n = order.Length;
        var rank = new int[n]; // of a group: where it comes
        Array.Fill(rank, -1);
        var size = new int[n];
        int seen = 0;
        foreach (int image in order)
        {
            int group = groups[image];
            if (rank[group] < 0) rank[group] = seen++;
            size[rank[group]]++;
        }

        for (int r = 0, start = 0; r < seen; r++) (size[r], start) = (start, start + size[r]);
        var arranged = new int[n];
        foreach (int image in order) arranged[size[rank[groups[image]]]++] = image;
        return arranged;
    }
}
