namespace WclSharp.Evaluation;

/// <summary>Mean of a few values, and the half-width of its 95 % confidence interval by Student's t distribution.</summary>
/// <param name="Mean">Mean.</param>
/// <param name="HalfWidth">t s / sqrt(n), with s the sample deviation (n - 1) and t the 0.975 quantile for n - 1 degrees of freedom; null for one value, and for several that are all the same, as few shares of few images often are: of their spread they say nothing, and an interval of no width would claim that there is none.</param>
internal sealed record StudentInterval(double Mean, double? HalfWidth)
{
    public const double Confidence = 0.95;
    private const double Same = 1e-9; // differences of shares of images are equal but for rounding; one image of a million is more

    /// <summary>Mean and half-width of the values that are there; null where none is.</summary>
    public static StudentInterval? Of(IEnumerable<double?> values)
    {
        double[] known = [.. values.OfType<double>()];
        if (known.Length == 0) return null;
        double mean = known.Average();
        if (known.Length == 1 || known.Max() - known.Min() < Same) return new(mean, null);
        double variance = known.Sum(value => (value - mean) * (value - mean)) / (known.Length - 1);
        return new(mean, Quantile(known.Length - 1) * Math.Sqrt(variance / known.Length));
    }

    /// <summary>The t with P(|T| &lt; t) = 0.95, by bisection over the angle arctan(t / sqrt(df)), in which the probability rises.</summary>
    /// <param name="degreesOfFreedom">1 or more.</param>
    public static double Quantile(int degreesOfFreedom)
    {
        double low = 0, high = Math.PI / 2;
        for (int i = 0; i < 100; i++)
        {
            double middle = (low + high) / 2;
            if (Probability(middle, degreesOfFreedom) < Confidence) low = middle;
            else high = middle;
        }

        return Math.Tan(low) * Math.Sqrt(degreesOfFreedom);
    }

    /// <summary>P(|T| &lt; sqrt(df) tan(angle)): for whole degrees of freedom a finite sum (Abramowitz and Stegun, 26.7.3 and 26.7.4).</summary>
    private static double Probability(double angle, int degreesOfFreedom)
    {
        double cosine = Math.Cos(angle), square = cosine * cosine;
        bool odd = degreesOfFreedom % 2 == 1;
        double term = odd ? cosine : 1, sum = degreesOfFreedom == 1 ? 0 : term;
        for (int power = odd ? 3 : 2; power <= degreesOfFreedom - 2; power += 2)
        {
            term *= square * (power - 1) / power;
            sum += term;
        }

        return odd ? 2 / Math.PI * (angle + Math.Sin(angle) * sum) : Math.Sin(angle) * sum;
    }
}
