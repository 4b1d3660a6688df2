namespace WclSharp.Tests.Export;

/// <summary>A folder for the files of a test of export.</summary>
public abstract class ExportFolder : IDisposable
{
    protected string Folder { get; } = Directory.CreateTempSubdirectory("wcl-export-").FullName;

    protected string Out => Path.Combine(Folder, "out.onnx");

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}
