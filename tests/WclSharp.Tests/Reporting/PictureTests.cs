using SkiaSharp;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

public sealed class PictureTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pictures-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
