using System.Runtime.CompilerServices;

namespace WclSharp.Randomness;

/// <summary>What a stream of random numbers is for. Two purposes never share a number.</summary>
internal enum RandomPurpose : uint
{
    Split = 1,
    Subset = 2,
    Shuffle = 3,
    Augmentation = 4,
    Initialisation = 5,
    Evaluation = 6,
    CropSource = 7,
    LabelDraw = 8,
    FineTuning = 9,
    Clusters = 10,
    MemoryBank = 11,
}

/// <summary>
/// A counter-based generator (Philox 4x32 with ten rounds; Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011): the number is a function of (seed, purpose, epoch, sample, view, draw), so that neither thread count nor
/// batch split nor resuming changes it.
/// </summary>
/// <param name="seed">The run's seed.</param>
/// <param name="purpose">What the numbers are for.</param>
internal readonly struct CounterRandom(long seed, RandomPurpose purpose)
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    // The purpose goes into the key's upper word; seeds that differ by a multiple of 2^32 still differ by the mix.
    private readonly uint key0 = (uint)seed;
    private readonly uint key1 = (uint)((ulong)seed >> 32) * 0x85EBCA6B ^ ((uint)purpose * 0xC2B2AE35);

    /// <summary>Four 32-bit words for one counter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (uint A, uint B, uint C, uint D) Words(uint epoch, uint sample, uint view, uint draw)
    {
        uint c0 = epoch, c1 = sample, c2 = view, c3 = draw, k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)Multiplier0 * c0, p1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>Four uniform numbers in [0, 1) for one counter, 24 bits each, exact in float32.</summary>
    public (float A, float B, float C, float D) Uniforms(uint epoch, uint sample, uint view, uint draw)
    {
        var (a, b, c, d) = Words(epoch, sample, view, draw);
        return (ToUnit(a), ToUnit(b), ToUnit(c), ToUnit(d));
    }

    /// <summary>A random order of 0 .. count - 1 (Fisher-Yates), a function of the seed, the purpose and the epoch.</summary>
    public int[] Permutation(int count, int epoch = 0)
    {
        var order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        for (int i = count - 1; i > 0; i--)
        {
            var (high, low, _, _) = Words((uint)epoch, (uint)i, 0, 0);
            int j = (int)Math.BigMul((ulong)high << 32 | low, (ulong)(i + 1), out _); // unbiased to 2^-33
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }

    private static float ToUnit(uint word) => (word >> 8) * (1f / (1 << 24));
}
