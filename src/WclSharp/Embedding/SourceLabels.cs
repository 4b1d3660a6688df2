using System.Text;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Embedding;

/// <summary>The class of each image of a source: by a list of <c>path,label</c>, by its folder, or what the source says.</summary>
internal sealed class SourceLabels
{
    private readonly string? file;
    private readonly LabelList? list;
    private readonly FolderClasses? folders;

    /// <param name="file">The list; null for none.</param>
    /// <param name="source">The source.</param>
    /// <param name="listing">What is known of it.</param>
    /// <param name="progress">Told how far the first labelled image is looked for; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">The list cannot be read, or has no image of the source.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public SourceLabels(string? file, ImageSource source, SourceListing listing, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        (this.file, folders, list) = (file, listing.Folders, file is null ? null : LabelList.Read(file));
        if (list is null) return;
        // Said before the work, which may take hours; mostly the first image is one of the list.
        string? first = null;
        int passed = 0;
        foreach (var image in source.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            if (++passed % 4096 == 0) progress.Working("Looking for labels", passed, listing.Total);
            first ??= image.Name;
            if (Of(image.Name, null) is not null) return;
        }
        if (first is not null) throw list.NoneOf(file!, first);
    }

    /// <summary>Class of an image; null for none.</summary>
    /// <param name="name">Its name in the source.</param>
    /// <param name="own">What the source says.</param>
    public string? Of(string name, string? own)
    {
        if (list is null && folders is null) return own;
        byte[] path = Encoding.UTF8.GetBytes(name);
        if (list is not null) return list.Find(path, folders);
        return folders!.ClassOf(path) is { IsEmpty: false } label ? ComposedText.Of(Encoding.UTF8.GetString(label)) : null;
    }

    /// <summary>What a person should know of the list, once the class of every image was asked for.</summary>
    public IEnumerable<string> Warnings() => list is null ? [] : new[] { list.HeaderWarning(file!), list.OthersWarning(file!) }.OfType<string>();
}
