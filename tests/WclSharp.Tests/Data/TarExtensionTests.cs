using System.Text;
using WclSharp.Data;
using static WclSharp.Tests.Data.ListedImages;

namespace WclSharp.Tests.Data;

/// <summary>Headers of archives that say more of the entry behind them, and blocks that say more of their own.</summary>
public class TarExtensionTests
{
    private static ImageDataset Read(string path) => ImageDataset.Read(new DatasetOptions { Path = path });

    /// <summary>Records of a pax header, each of 10 to 99 bytes.</summary>
    private static byte[] Pax(params string[] records) => Encoding.UTF8.GetBytes(string.Concat(records.Select(record => $"{record.Length + 4} {record}\n")));

    [Fact]
    public void Read_ASizeInAPaxHeader_IsThatOfTheNextEntry()
    {
        using var folder = new DataFolder();
        var tar = new TarFile().Add("h", Pax($"size={Jpeg.Length}"), type: 'x').Add("a/1.jpg", Jpeg, claim: 0).Add("a/2.jpg", Jpeg);
        using var data = Read(folder.Write("x.tar", tar.ToArray()));
        Assert.Equal(["a/1.jpg", "a/2.jpg"], Names(data));
        Assert.Equal(0, data.BadImages);
    }

    [Fact]
    public void Read_HeaderThatClaimsALongName_IsRefused()
    {
        using var folder = new DataFolder();
        string path = folder.Write("x.tar", new TarFile().Add("a.jpg", Jpeg).Add("././@LongLink", [65, 66], claim: 1L << 31, type: 'L').ToArray());
        Assert.Contains("a name of", Assert.Throws<WclUsageException>(() => Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SparseFiles_AreLeftOutWithAWarning()
    {
        using var folder = new DataFolder();
        // Of GNU's old form with one more block of parts, which the size leaves out.
        byte[] tar = new TarFile().Add("a/1.jpg", Jpeg).Add("a/2.jpg", [.. new byte[512], .. Jpeg], claim: Jpeg.Length, type: 'S').Add("b/3.jpg", Jpeg).ToArray();
        int sparse = 512 + (Jpeg.Length + 511) / 512 * 512;
        tar[sparse + 482] = 1;
        tar.AsSpan(sparse + 148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(tar.AsSpan(sparse, 512).ToArray().Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, sparse + 148);
        using var data = Read(folder.Write("x.tar", tar));
        Assert.Equal(["a/1.jpg", "b/3.jpg"], Names(data));
        Assert.Contains("1 image in", Assert.Single(data.Warnings), StringComparison.Ordinal);
        Assert.Contains("'a/2.jpg' is, and left out", data.Warnings[0], StringComparison.Ordinal);

        using var pax = Read(folder.Write("pax.tar", new TarFile().Add("a/1.jpg", Jpeg)
            .Add("h", Pax("GNU.sparse.major=1", "GNU.sparse.name=a/2.jpg"), type: 'x').Add("a/GNUSparseFile.7/2.jpg", Jpeg).Add("b/3.jpg", Jpeg).ToArray()));
        Assert.Equal(2, pax.Count);
        Assert.Contains("'a/2.jpg' is, and left out", Assert.Single(pax.Warnings), StringComparison.Ordinal);
    }
}
