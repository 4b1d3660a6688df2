namespace WclSharp.Export;

/// <summary>
/// How often numbers fall where, without knowing their range before: equal bins over [-R, R), R a power of two that is doubled, and neighbouring bins
/// put together, when a number falls outside. What was seen takes up more than half of one side, at least 2,048 bins.
/// </summary>
internal sealed class ActivationHistogram
{
    private const int Bins = 8192, Middle = Bins / 2;
    private readonly long[] counts = new long[Bins];
    private float reach = 1f / (1 << 20);

    /// <summary>Numbers seen.</summary>
    public long Count { get; private set; }

    /// <summary>Smallest number seen.</summary>
    public float Least { get; private set; } = float.PositiveInfinity;

    /// <summary>Largest number seen.</summary>
    public float Most { get; private set; } = float.NegativeInfinity;

    /// <summary>Counts numbers.</summary>
    /// <exception cref="WclException">One is not finite.</exception>
    public void Add(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty) return;
        float least = System.Numerics.Tensors.TensorPrimitives.Min(values), most = System.Numerics.Tensors.TensorPrimitives.Max(values);
        if (!float.IsFinite(least) || !float.IsFinite(most)) throw new WclException("The network's activations on the calibration images are not finite; see that the weights are finite.");
        (Least, Most) = (Math.Min(Least, least), Math.Max(Most, most));
        while (least < -reach || most >= reach) Double();
        float binsPerUnit = Middle / reach;
        foreach (float value in values) counts[Middle + (int)MathF.Floor(value * binsPerUnit)]++;
        Count += values.Length;
    }

    /// <summary>The range without the outermost numbers.</summary>
    /// <param name="share">Share of the numbers, 0 to 1, that neither end leaves out; 1 is all of them.</param>
    public ActivationRange Range(double share)
    {
        if (Count == 0) throw new InvalidOperationException("No numbers were counted.");
        if (share >= 1) return new(Least, Most);
        long spare = (long)((1 - share) * Count);
        int first = 0, last = Bins - 1;
        for (long below = counts[0]; below <= spare; below += counts[first]) first++;
        for (long above = counts[^1]; above <= spare; above += counts[last]) last--;
        float width = reach / Middle;
        return new(Math.Max(Least, (first - Middle) * width), Math.Min(Most, (last + 1 - Middle) * width));
    }

    private void Double()
    {
        reach *= 2;
        for (int i = 0; i < Middle / 2; i++)
        {
            // From the middle out: a pair's place was read before.
            counts[Middle + i] = counts[Middle + 2 * i] + counts[Middle + 2 * i + 1];
            counts[Middle - 1 - i] = counts[Middle - 1 - 2 * i] + counts[Middle - 2 - 2 * i];
        }
        counts.AsSpan(0, Middle / 2).Clear();
        counts.AsSpan(Middle + Middle / 2).Clear();
    }
}
