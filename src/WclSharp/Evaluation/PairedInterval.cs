namespace WclSharp.Evaluation;

/// <summary>
/// How much more of the same images one classifier gets right than another, with its 95 % confidence interval (Agresti and Min 2005): only images that one of the two alone gets
/// right count, so that it is narrower than two intervals side by side. Half an image is added to each of the four counts, without which two that never differ would have no interval.
/// </summary>
/// <param name="Difference">The first's share less the second's, -1 to 1.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
internal readonly record struct PairedInterval(double Difference, double Low, double High)
{
    /// <param name="firstAlone">Images that the first alone gets right.</param>
    /// <param name="secondAlone">Images that the second alone gets right.</param>
    /// <param name="images">All images, 1 or more.</param>
    public static PairedInterval Of(int firstAlone, int secondAlone, int images)
    {
        double difference = firstAlone - secondAlone, all = images + 2;
        double half = WilsonInterval.Quantile * Math.Sqrt(firstAlone + secondAlone + 1 - difference * difference / all) / all;
        return new(difference / images, Math.Max(-1, difference / all - half), Math.Min(1, difference / all + half));
    }
}
