using System.Text.Json.Serialization;

namespace WclSharp.Training;

// What options of a run choose among: PretrainOptions.cs.

/// <summary>Contrastive method. See docs/method.md.</summary>
public enum ContrastiveMethod
{
    /// <summary>The paper's: instance loss on one head, weak loss on another, labels swapped between the views.</summary>
    Wcl,

    /// <summary>WCL with both losses on one head.</summary>
    [JsonStringEnumMemberName("wcl-one-head")]
    WclOneHead,

    /// <summary>WCL whose views learn from their own labels.</summary>
    [JsonStringEnumMemberName("wcl-no-swap")]
    WclNoSwap,

    /// <summary>WCL whose weak labels come from a graph over all training images, which meet in batches by it (ours).</summary>
    [JsonStringEnumMemberName("wcl-bank")]
    WclBank,

    /// <summary>The instance loss alone (Chen et al. 2020).</summary>
    SimClr,

    /// <summary>True classes in place of weak labels (Khosla et al. 2020).</summary>
    SupCon,

    /// <summary>SimCLR first, then nearest rows as positives (Zhang 2021).</summary>
    AdpClr,

    /// <summary>Negatives that look like an image's further views leave or become positives (Huynh et al. 2022).</summary>
    FnCancel,

    /// <summary>One view against a memory bank of all images (Wu et al. 2018).</summary>
    InstDisc,
}

/// <summary>Which images of the graph over all training images are alike.</summary>
public enum BankPairs
{
    /// <summary>Those of a connected component of the nearest-neighbour graph.</summary>
    Components,

    /// <summary>Two that are each other's nearest.</summary>
    Mutual,
}

/// <summary>Which images of a batch are negatives of an image in the instance loss of wcl-bank.</summary>
public enum BankNegatives
{
    /// <summary>Those of other groups: what the weak loss pulls together, the instance loss does not push apart.</summary>
    Others,

    /// <summary>All, as in SimCLR.</summary>
    All,
}

/// <summary>How false negative cancellation scores a row against an image's support.</summary>
public enum SupportScore
{
    /// <summary>Largest cosine similarity to the support.</summary>
    Max,

    /// <summary>Mean cosine similarity to the support.</summary>
    Mean,
}

/// <summary>What becomes of a false negative.</summary>
public enum FalseNegativeMode
{
    /// <summary>It leaves the denominator.</summary>
    Elimination,

    /// <summary>It becomes a positive.</summary>
    Attraction,
}

/// <summary>Loss against a memory bank.</summary>
public enum BankLoss
{
    /// <summary>Noise-contrastive estimation with drawn negatives.</summary>
    Nce,

    /// <summary>Softmax over the whole bank.</summary>
    Softmax,
}

/// <summary>Which sides of v_i . v_k the weak loss's gradient flows through.</summary>
public enum WeakKeys
{
    /// <summary>Anchors only, as in the authors' code, which the paper's figures were made with.</summary>
    Detached,

    /// <summary>Both sides, as the paper's formula reads.</summary>
    Full,
}

/// <summary>Local crops beside the two global views of an image. See docs/multi-crop.md.</summary>
public enum MultiCrop
{
    /// <summary>Two global views only.</summary>
    None,

    /// <summary>Local crops of the image itself, in the instance and the weak loss.</summary>
    Standard,

    /// <summary>Local crops of the image's nearest images in the bank of all, in the weak loss.</summary>
    Knn,
}

/// <summary>What the nearest images of KNN multi-crop are found by.</summary>
public enum CropNeighbors
{
    /// <summary>Each image's latest projection in training, at no extra pass (paper, section 3.3).</summary>
    Bank,

    /// <summary>The encoder's features of the images themselves, unaugmented: a forward pass over the data after every epoch.</summary>
    Encoder,
}

/// <summary>Which augmentation recipe is used when.</summary>
public enum AugmentationSchedule
{
    /// <summary>Weak during the warm-up epochs, strong after (paper, section 4.1).</summary>
    Paper,

    /// <summary>Weak throughout: for short runs on small images, which strong crops leave little of.</summary>
    Weak,
}

/// <summary>Where random crops may begin and end.</summary>
public enum CropPlacement
{
    /// <summary>At whole pixels, as torchvision's RandomResizedCrop; a box that does not fit is drawn again.</summary>
    Pixel,

    /// <summary>Anywhere; a side that does not fit is cut to the image. Of a small image, more and larger crops.</summary>
    Subpixel,
}

/// <summary>Network of the ResNet family (He et al. 2016), as torchvision builds it.</summary>
public enum EncoderArch
{
    /// <summary>Blocks of two convolutions, 2, 2, 2 and 2 of them; features of 8 times the width.</summary>
    ResNet18,

    /// <summary>Blocks of two convolutions, 3, 4, 6 and 3 of them; features of 8 times the width.</summary>
    ResNet34,

    /// <summary>Bottlenecks of three convolutions, 3, 4, 6 and 3 of them; features of 32 times the width.</summary>
    ResNet50,

    /// <summary>Bottlenecks of three convolutions, 3, 4, 23 and 3 of them; features of 32 times the width.</summary>
    ResNet101,
}

/// <summary>First layers of the encoder.</summary>
public enum EncoderStem
{
    /// <summary>3 x 3 convolution, stride 1, no pooling: for images of about 32 pixels.</summary>
    Small,

    /// <summary>7 x 7 convolution, stride 2, then 3 x 3 max-pooling: for images of about 224 pixels.</summary>
    ImageNet,
}

/// <summary>What an encoder's convolutions start from.</summary>
public enum ConvInit
{
    /// <summary>torchvision's ResNet: normal, variance 2 / fan-out (He et al. 2015).</summary>
    Torchvision,

    /// <summary>PyTorch's <c>Conv2d</c>: uniform, variance 1 / (3 fan-in).</summary>
    /// <remarks>
    /// Batch norm makes a convolution's scale irrelevant to its output, but a step turns small weights further: these are
    /// 2.4 times smaller, so that the same learning rate works like six times as much, early on.
    /// </remarks>
    PyTorch,
}

/// <summary>Optimiser of the encoder and heads.</summary>
public enum OptimizerKind
{
    /// <summary>Stochastic gradient descent with momentum and L2 decay.</summary>
    Sgd,

    /// <summary>Layer-wise adaptive rates, for large batches (You, Gitman and Ginsburg 2017).</summary>
    Lars,

    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019).</summary>
    AdamW,
}

/// <summary>Number format of convolutions and matrix products; weights, statistics and losses stay float32.</summary>
public enum ComputePrecision
{
    /// <summary>bfloat16 on a GPU that has it (NVIDIA's from Ampere on), and on a processor that is faster in it than in float32, as <see cref="Bf16Fast"/> where that is to be had; float32 elsewhere.</summary>
    Auto,

    /// <summary>float32; GPUs do not round its products to TF32.</summary>
    Fp32,

    /// <summary>bfloat16; float32 on a GPU that has no convolutions in it, with a warning.</summary>
    Bf16,

    /// <summary>
    /// As <see cref="Bf16"/>, with the tiles of Winograd's convolutions rounded to bfloat16 too, in pretraining on a processor that multiplies pairs of bfloat16 twice as fast: a third
    /// faster; over six seeds kNN was within their noise (docs/performance.md). Elsewhere it is <see cref="Bf16"/>.
    /// </summary>
    [JsonStringEnumMemberName("bf16-fast")]
    Bf16Fast,
}
