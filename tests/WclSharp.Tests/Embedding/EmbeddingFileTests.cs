using WclSharp.Embedding;
using WclSharp.Tests.Files;

namespace WclSharp.Tests.Embedding;

public sealed class EmbeddingFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-embedding-file-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(1 << 17)] // more than a buffer holds
    [InlineData(1)]
    public void Write_BeyondTheLimitOfAFile_SaysSo_AndLeavesNothing(int bytes)
    {
        FarPosition.SkipUnlessRefused(folder);
        string path = Path.Combine(folder, "large");
        using (var file = new FarFile(path, bytes))
        {
            Assert.Equal($"Could not write '{path}': it is larger than files may be there. Raise the limit on the size of files (ulimit -f), or name a file on another disk with --out; what was there before is intact.",
                Assert.Throws<WclException>(() =>
                {
                    file.Add("a", null, [1]);
                    file.Complete();
                }).Message);
        }
        Assert.Empty(Directory.GetFiles(folder));
    }

    /// <summary>Two files, of which the first is written to where no file may reach.</summary>
    private sealed class FarFile : EmbeddingFile
    {
        private readonly int bytes;
        private readonly FileStream far;

        public FarFile(string path, int bytes)
        {
            this.bytes = bytes;
            far = Open(path + ".list");
            Open(path);
            far.Position = FarPosition.Value;
        }

        protected override void AddRow(string name, string? label, ReadOnlySpan<float> features) => far.Write(new byte[bytes]);

        protected override void Finish() { }
    }
}
