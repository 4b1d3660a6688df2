using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// What a student pays for other class probabilities than its teacher's: the mean over images of - t^2 sum_y p(y) log q(y), with p = softmax(teacher / t) and
/// q = softmax(student / t) (Chen et al. 2020b, "Big self-supervised models", equation 2). The factor t^2 is Hinton et al.'s (2015, section 2.1): gradients of softened
/// probabilities shrink as 1 / t^2, and with it their share beside the labels' loss is the same at any t.
/// </summary>
internal static class DistillationLoss
{
    /// <summary>Computes the loss.</summary>
    /// <param name="student">Scores of the student, [N, C] float.</param>
    /// <param name="teacher">Scores of the teacher for the same images, [N, C] float; no gradient goes there.</param>
    /// <param name="temperature">t, above 0; above 1 softens the teacher.</param>
    /// <returns>Scalar, at least t^2 times the teacher's entropy. The caller owns it.</returns>
    /// <exception cref="ArgumentException">The shapes differ, or the temperature is not positive.</exception>
    public static Tensor Compute(Tensor student, Tensor teacher, double temperature)
    {
        if (student.dim() != 2 || !student.shape.AsSpan().SequenceEqual(teacher.shape))
            throw new ArgumentException($"Scores of student {ShapeText.Of(student)} and teacher {ShapeText.Of(teacher)} have to be [N, C] alike.");
        LossArguments.RequireTemperature(temperature);
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature, weight = -temperature * temperature;
        var wanted = teacher.detach().mul(sharpness).softmax(1);                          // [N, C]
        var given = student.mul(sharpness).log_softmax(1);                                // [N, C]
        return wanted.mul(given).sum([1L]).mean().mul(weight).MoveToOuterDisposeScope();
    }
}
