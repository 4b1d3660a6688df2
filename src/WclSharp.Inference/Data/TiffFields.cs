using BitMiracle.LibTiff.Classic;

namespace WclSharp.Data;

/// <summary>Fields of a TIFF's directory.</summary>
internal static class TiffFields
{
    /// <summary>A number, or what the standard says that it is where the file does not.</summary>
    /// <exception cref="BadImageException">There is none.</exception>
    public static int Number(Tiff tiff, TiffTag tag) => tiff.GetFieldDefaulted(tag)?[0].ToInt() ?? throw TiffDecoder.Failed($"the TIFF has no {tag}");

    /// <summary>What the samples are that a pixel has beyond its colours; empty where the file says nothing.</summary>
    public static byte[] ExtraSamples(Tiff tiff) => tiff.GetField(TiffTag.EXTRASAMPLES)?[1].ToByteArray() ?? [];

    /// <summary>What alpha the image has: associated (colours are premultiplied) or unassociated; else unspecified, as of a fourth channel that is infrared.</summary>
    public static ExtraSample Alpha(Tiff tiff) => ExtraSamples(tiff) is [(byte)ExtraSample.ASSOCALPHA or (byte)ExtraSample.UNASSALPHA, ..] extra ? (ExtraSample)extra[0] : ExtraSample.UNSPECIFIED;
}
