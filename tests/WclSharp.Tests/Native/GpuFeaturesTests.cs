using WclSharp.Native;

namespace WclSharp.Tests.Native;

public class GpuFeaturesTests
{
    // Nothing here has a GPU; where one is, the driver answers.
    [Fact]
    public void WithoutADriver_NothingIsKnown_AndBf16IsTaken()
    {
        Assert.True(GpuFeatures.MajorCapability(index: 1 << 20) is null); // no machine has so many
        Assert.True(GpuFeatures.HasBf16(index: 1 << 20));
    }
}
