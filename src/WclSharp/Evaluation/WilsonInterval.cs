namespace WclSharp.Evaluation;

/// <summary>
/// 95 % confidence interval of a share of images by Wilson's score (Wilson 1927): the shares that the one observed is within 1.96 of their own standard errors of. It says how far
/// other images of the same kind might lead, and nothing of another training.
/// </summary>
/// <param name="Low">Lower end, 0 to 1.</param>
/// <param name="High">Upper end, 0 to 1.</param>
public readonly record struct WilsonInterval(double Low, double High)
{
    /// <summary>The normal distribution's 0.975 quantile.</summary>
    public const double Quantile = 1.959963984540054;

    /// <summary>Of a share of so many images; 0 to 1 where there are none. The intervals that <c>wcl</c> prints beside accuracies are these.</summary>
    /// <param name="share">The share, such as an accuracy, 0 to 1.</param>
    /// <param name="images">Images that it is a share of.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not 0 to 1.</exception>
    public static WilsonInterval Of(double share, long images)
    {
        if (share is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "A share is 0 to 1.");
        if (images < 1) return new(0, 1);
        double a = Quantile * Quantile / images;
        double middle = share + a / 2, half = Math.Sqrt(a * (share * (1 - share) + a / 4));
        return new(share > 0 ? Math.Max(0, (middle - half) / (1 + a)) : 0, share < 1 ? Math.Min(1, (middle + half) / (1 + a)) : 1); // of none and of all exactly so
    }
}
