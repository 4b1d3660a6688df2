namespace WclSharp.Data;

/// <summary>A place that images come from, listed in an order that depends on nothing but its content.</summary>
internal abstract class ImageSource : IDisposable
{
    /// <summary>What the source is, for people.</summary>
    public abstract string Description { get; }

    /// <summary>Channels of every image: 1 where the format has greyscale only, else 3.</summary>
    public virtual int Channels => 3;

    /// <summary>True where an image's class is the first folder of its path.</summary>
    public virtual bool ClassesAreFolders => false;

    /// <summary>Files that images or their classes lie in together; empty where each image is a file.</summary>
    public virtual IReadOnlyList<string> Files => [];

    /// <summary>Number of images, where that is known without listing them.</summary>
    public virtual int? Total => null;

    /// <summary>
    /// Share of its places that the listing under way has come to, 0 to 1, by which the number of images can be estimated where it is not known; 0 where that is not known
    /// either. May be asked on any thread.
    /// </summary>
    public double Share
    {
        get => Volatile.Read(ref share);
        protected set => Volatile.Write(ref share, value);
    }

    private double share;

    /// <summary>Files met in the last listing that are not images.</summary>
    public long Ignored { get; protected set; }

    /// <summary>What a person should know about the source after a listing, a line each; empty when all is well.</summary>
    public virtual IEnumerable<string> Warnings => [];

    /// <summary>Folders that could not be listed, and why, after a listing: nobody knows how many images are in them, so each counts as one that cannot be read.</summary>
    public virtual IReadOnlyList<(string Folder, string Reason)> Unlisted => [];

    /// <summary>What a person should do where there are no images, as the end of a sentence.</summary>
    public virtual string Expected => "an image file or more";

    /// <summary>Lists the images. Bytes come with those only that <paramref name="wanted"/> (asked by position) chooses.</summary>
    /// <remarks>May be called again for another listing. Enumerated by one thread at a time.</remarks>
    public abstract IEnumerable<SourceImage> Images(Func<int, bool> wanted);

    /// <summary>The image file that a name stands for; null where images are no files of their own.</summary>
    public virtual string? FileOf(string name) => null;

    /// <summary>Closes what the source holds open.</summary>
    public virtual void Dispose() { }
}
