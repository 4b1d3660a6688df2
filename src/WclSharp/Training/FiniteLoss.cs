using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>A loss that is not finite must not reach the weights. On a GPU the look costs a wait, so it is taken at every 20th step and at a part's last.</summary>
internal static class FiniteLoss
{
    private const int LookEvery = 20;

    /// <summary>Looks at a loss where it is time to.</summary>
    /// <param name="loss">Scalar.</param>
    /// <param name="step">The step's number.</param>
    /// <param name="last">Whether what was learnt is used after this step: saved, measured.</param>
    /// <param name="problem">Says of a value that is not finite what to do.</param>
    /// <exception cref="DivergedException">It is not finite.</exception>
    public static void Require(Tensor loss, long step, bool last, Func<double, string> problem)
    {
        if (loss.device.type != DeviceType.CPU && step % LookEvery != 0 && !last) return;
        using var number = loss.ToScalar();
        double value = number.ToDouble();
        if (!double.IsFinite(value)) throw new DivergedException(problem(value));
    }

    /// <summary>Whether all weights and statistics of networks are finite numbers. Waits for the device.</summary>
    public static bool AreFinite(IEnumerable<nn.Module> networks)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] finite = [.. networks.SelectMany(network => network.state_dict().Values).Where(tensor => tensor.is_floating_point()).Select(tensor => tensor.isfinite().all())];
        return stack(finite).all().item<bool>();
    }
}
