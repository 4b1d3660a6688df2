namespace WclSharp.Data;

/// <summary>Brings the members of a group together in a shuffled order, so that they share a batch.</summary>
/// <remarks>
/// Where a group comes must not hang on its size: by its first member large groups would come first, and small ones would be left out with the last, incomplete batch.
/// So its place is that of one image chosen beforehand, its lowest-numbered one. A group that would fill a batch comes in parts, of which each further one
/// has the place of the next-lowest member: images that are all alike are no negatives of each other.
/// </remarks>
internal static class GroupedOrder
{
    /// <summary>The groups in random order, each with its members as the order has them. Where every image is its own group, that is the order itself.</summary>
    /// <param name="order">A permutation of 0 .. N - 1.</param>
    /// <param name="groups">[N] group of each image, 0 .. N - 1.</param>
    /// <param name="most">Members that come together, at least 1; a larger group is cut into parts of so many.</param>
    public static int[] Arrange(int[] order, int[] groups, int most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        int n = order.Length;
        var size = new int[n]; // of a group
        foreach (int group in groups) size[group]++;
        var firstPart = new int[n];
        int parts = 0;
        for (int group = 0; group < n; group++)
        {
            firstPart[group] = parts;
            parts += (int)(((long)size[group] + most - 1) / most);
        }

        var seen = new int[n]; // members of a group so far
        var leads = new int[n]; // 1 + the part whose place an image decides; 0 for none
        for (int image = 0; image < n; image++)
        {
            int group = groups[image], member = seen[group]++;
            if ((long)member * most < size[group]) leads[image] = 1 + firstPart[group] + member;
        }

        var start = new int[parts]; // of a part in the result
        int next = 0;
        Array.Clear(seen);
        foreach (int image in order)
        {
            if (leads[image] == 0) continue;
            int part = leads[image] - 1, group = groups[image];
            start[part] = next;
            next += Math.Min(most, size[group] - ((part - firstPart[group]) * most));
        }

        var arranged = new int[n];
        foreach (int image in order)
        {
            int group = groups[image], member = seen[group]++;
            arranged[start[firstPart[group] + (member / most)] + (member % most)] = image;
        }

        return arranged;
    }
}
