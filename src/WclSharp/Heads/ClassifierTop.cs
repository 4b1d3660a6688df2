using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Heads;

/// <summary>
/// What makes a classifier of an encoder: scores W x + b of the features (<c>fc</c>, torchvision's name), or of what the instance
/// head's first layer makes of them (SimCLRv2; Chen et al. 2020, section 3).
/// </summary>
internal sealed class ClassifierTop : nn.Module<Tensor, Tensor>
{
    private readonly FirstHeadLayer? head;
    private readonly DenseLayer fc;

    /// <param name="features">Width of the encoder's features.</param>
    /// <param name="hidden">Width of the head's first layer; null for none.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="random">Draws the initial weights.</param>
    public ClassifierTop(int features, int? hidden, int classes, ParameterInitializer random) : base(nameof(ClassifierTop))
    {
        if (hidden is { } width) head = new FirstHeadLayer(features, width, random);
        fc = new DenseLayer(hidden ?? features, classes, random);
        RegisterComponents();
    }

    /// <summary>The head's first layer; null without.</summary>
    public nn.Module? Head => head;

    /// <summary>The layer that makes the scores.</summary>
    public nn.Module Scores => fc;

    /// <summary>Lets all scores start equal, so that the first steps do not pull on a trained encoder at random.</summary>
    public void StartEven()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var parameter in fc.parameters()) parameter.zero_();
    }

    /// <summary>Scores.</summary>
    /// <param name="x">Features, [N, F] float32.</param>
    /// <returns>[N, C] float32, before softmax. The caller owns it.</returns>
    public override Tensor forward(Tensor x)
    {
        if (head is null) return fc.call(x);
        using var hidden = head.call(x);
        return fc.call(hidden);
    }

    /// <summary>Linear layer, batch norm, ReLU, named as in <see cref="ProjectionHead"/>.</summary>
    private sealed class FirstHeadLayer : nn.Module<Tensor, Tensor>
    {
        private readonly DenseLayer linear1;
        private readonly BatchNormalization bn1;

        public FirstHeadLayer(int features, int hidden, ParameterInitializer random) : base(nameof(FirstHeadLayer))
        {
            linear1 = new DenseLayer(features, hidden, random);
            bn1 = new BatchNormalization(hidden);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return nn.functional.relu(bn1.call(linear1.call(x)), inplace: true).MoveToOuterDisposeScope();
        }
    }
}
