using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>Checks that the losses share.</summary>
internal static class LossArguments
{
    private static readonly Scalar Nothing = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    /// <exception cref="ArgumentException">The shapes differ or are not [N, D] with N of 2 or more.</exception>
    public static void RequireSameShape(Tensor a, Tensor b)
    {
        if (a.dim() != 2 || !a.shape.AsSpan().SequenceEqual(b.shape))
            throw new ArgumentException($"Both views need the same shape [N, D], not {ShapeText.Of(a)} and {ShapeText.Of(b)}.");
        if (a.size(0) < 2) throw new ArgumentException($"A contrastive loss needs 2 rows or more, not {a.size(0)}.");
    }

    /// <summary>Takes each row's product with itself out of its softmax, in place: a product does not read its output again.</summary>
    /// <remarks>
    /// Behind autograd's back, which would copy the whole gradient to clear this diagonal: a softmax's gradient is zero
    /// where the logit is minus infinity anyway.
    /// </remarks>
    /// <param name="ownBlock">[n, n] view of the logits whose diagonal holds v_i . v_i / t.</param>
    public static void MaskSelf(Tensor ownBlock)
    {
        using var scope = NewDisposeScope();
        ownBlock.detach().diagonal().fill_(Nothing);
    }

    /// <summary>Takes products out of their softmax, in place and behind autograd's back as <see cref="MaskSelf"/>.</summary>
    /// <param name="logits">[n, N].</param>
    /// <param name="which">[n, N] bool, true for what goes.</param>
    public static void Mask(Tensor logits, Tensor which)
    {
        using var scope = NewDisposeScope();
        logits.detach().masked_fill_(which, Nothing);
    }
}
