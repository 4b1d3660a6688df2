namespace WclSharp.Augmentation;

/// <summary>
/// Side and area of the local crops of multi-crop, by the side of the global ones (WCL paper, section 4: 96 pixels, 0.05 to 0.2 of the
/// area at 224). At 32 pixels they are 16 pixels of 0.1 to 0.4 of the area: a smaller share of so small an image shows nothing.
/// </summary>
/// <remarks>
/// In between, everything is linear in the global side S, and the local side is rounded to a multiple of 8, as the network's strides are. Below 32
/// the local side is S / 2, above 224 it is 96 / 224 of S; the shares stay. Global crops take 0.2 of the area at least where there are local ones.
/// </remarks>
/// <param name="SizePixels">Side of the square local views.</param>
/// <param name="ScaleMin">Smallest share of the image's area.</param>
/// <param name="ScaleMax">Largest share of the image's area.</param>
internal sealed record LocalCrops(int SizePixels, double ScaleMin, double ScaleMax)
{
    /// <summary>Smallest share of the area that global crops take beside local ones.</summary>
    public const double GlobalScaleMin = 0.2;

    /// <summary>Views of an image that are numbered before its local crops: the two global ones.</summary>
    public const int FirstView = 2;

    private const int Small = 32, Large = 224, Multiple = 8;

    /// <summary>The local crops that go with global ones of a side.</summary>
    /// <param name="imageSize">S, pixels, 8 or more.</param>
    public static LocalCrops For(int imageSize)
    {
        double way = Math.Clamp((imageSize - Small) / (double)(Large - Small), 0, 1);
        double side = imageSize < Small ? imageSize / 2.0
            : imageSize > Large ? imageSize * 96.0 / Large
            : Between(16, 96);
        int size = Multiple * (int)Math.Round(side / Multiple, MidpointRounding.AwayFromZero);
        return new(Math.Clamp(size, Multiple, imageSize), Share(0.1, 0.05), Share(0.4, 0.2));

        double Between(double small, double large) => small + way * (large - small);

        double Share(double small, double large) => Math.Round(Between(small, large), 3);
    }

    /// <summary>How a local crop is made: as a global one, but for the crop, and without blur where it is small.</summary>
    /// <param name="recipe">The global crops' recipe.</param>
    public AugmentationRecipe Recipe(AugmentationRecipe recipe) => recipe with
    {
        ScaleMin = ScaleMin,
        ScaleMax = ScaleMax,
        BlurProbability = SizePixels > AugmentationRecipe.LargestSmallImage ? recipe.BlurProbability : 0,
    };

    /// <summary>The number of a local crop among an image's views, so that no two views share random numbers.</summary>
    /// <param name="crop">m, from 0.</param>
    public static int ViewOf(int crop) => FirstView + crop;
}
