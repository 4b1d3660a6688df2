using TorchSharp;
using WclSharp.Data;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Augmentation;

/// <summary>
/// The parameters of a batch as the device wants them: one row of floats per sample, in the order that the samples are worked
/// on, and the index lists. Held on the host too, so that sizes of slices are known without asking the device.
/// </summary>
/// <param name="count">N, number of samples; each is added once.</param>
/// <param name="outputSize">S, side of the views in pixels.</param>
/// <param name="images">I, number of images, of which N is a multiple: sample i is a view of image i modulo I. Null for N.</param>
internal sealed class BatchPlan(int count, int outputSize, int? images = null)
{
    /// <summary>Rounds of brightness, contrast and saturation.</summary>
    public const int Rounds = 3;

    // Columns of the parameters.
    public const int RowMap = 0, ColumnMap = RowMap + AxisMap.Length, BlendRounds = ColumnMap + AxisMap.Length;
    public const int HueShift = BlendRounds + Rounds * ColourJitter.BlendLength, BlurSigma = HueShift + 1, Columns = BlurSigma + 1;

    private readonly float[] parameters = new float[count * Columns];
    private readonly int[] sources = new int[count];
    private readonly (AxisMap Rows, AxisMap Columns)[] maps = new (AxisMap, AxisMap)[count];
    private readonly int[] huePlaces = new int[count]; // rounds before the hue shift; NoJitter without one
    private readonly List<int> transposed = [], grey = [], blurred = []; // positions, ascending
    private int added;

    private const int NoJitter = -1;

    private readonly int imageCount = images ?? count;

    /// <summary>N.</summary>
    public int Count => count;

    /// <summary>Whether the working order differs from the caller's.</summary>
    public bool IsReordered { get; private set; }

    /// <summary>Whether the images are worked on once each in their order.</summary>
    public bool TakesImagesInOrder => !IsReordered && imageCount == count;

    /// <summary>Whether any sample's hue moves.</summary>
    public bool HasHue { get; private set; }

    /// <summary>Whether any sample's brightness, contrast or saturation changes.</summary>
    public bool HasBlend { get; private set; }

    /// <summary>Adds a sample that is only resampled.</summary>
    public void Add(int source, AxisMap rows, AxisMap columns)
    {
        var row = parameters.AsSpan(added * Columns, Columns);
        rows.Write(row[RowMap..]);
        columns.Write(row[ColumnMap..]);
        maps[added] = (rows, columns);
        huePlaces[added] = NoJitter;
        IsReordered |= source != added;
        sources[added++] = source;
    }

    /// <summary>Adds all samples of a batch: those with the hue shift late in their order first, those without jitter last.</summary>
    public void AddSorted(ReadOnlySpan<ViewParameters> batch)
    {
        for (int place = Rounds; place >= NoJitter; place--)
            for (int i = 0; i < batch.Length; i++)
                if (HuePlace(batch[i]) == place) Add(i, batch[i], place);
    }

    /// <summary>Sends parameters [N, <see cref="Columns"/>] float32 and index lists int64 to the device.</summary>
    public (Tensor Parameters, Tensor Indices) ToDevice(Device device)
    {
        var indices = new long[2 * count + transposed.Count + grey.Count + blurred.Count];
        for (int i = 0; i < count; i++)
        {
            indices[i] = ImageAt(i);
            indices[count + sources[i]] = i;
        }
        int end = 2 * count;
        foreach (int position in (IEnumerable<int>)[.. transposed, .. grey, .. blurred]) indices[end++] = position;
        return (Upload.To(device, tensor(parameters, [count, Columns])), Upload.To(device, indices));
    }

    /// <summary>Which image is seen at a position.</summary>
    public int ImageAt(int position) => sources[position] % imageCount;

    /// <summary>What is seen at a position, by axis.</summary>
    public (AxisMap Rows, AxisMap Columns) MapsOf(int position) => maps[position];

    /// <summary>The image that is seen at each position, [N].</summary>
    public Tensor Images(Tensor indices) => indices.narrow(0, 0, count);

    /// <summary>The position of each of the caller's samples, [N].</summary>
    public Tensor Restore(Tensor indices) => indices.narrow(0, count, count);

    /// <summary>Rows, within [from, from + length), whose axes change places; null for none.</summary>
    public Tensor? Transposed(Tensor indices, int from, int length) => Listed(indices, 2 * count, transposed, from, length);

    /// <summary>Rows, within [from, from + length), that lose their colour; null for none.</summary>
    public Tensor? Grayscale(Tensor indices, int from, int length) => Listed(indices, 2 * count + transposed.Count, grey, from, length);

    /// <summary>Rows, within [from, from + length), that are blurred; null for none.</summary>
    public Tensor? Blurred(Tensor indices, int from, int length) => Listed(indices, 2 * count + transposed.Count + grey.Count, blurred, from, length);

    /// <summary>How many of [from, from + length) are jittered: the first so many.</summary>
    public int Jittered(int from, int length) => HueLaterThan(NoJitter, from, length);

    /// <summary>How many of [from, from + length) shift the hue after round <paramref name="round"/>: the first so many.</summary>
    public int HueLaterThan(int round, int from, int length)
    {
        int rows = 0;
        while (rows < length && huePlaces[from + rows] > round) rows++;
        return rows;
    }

    /// <summary>Smallest part of the source that covers all that [from, from + length) see.</summary>
    public (int Top, int Bottom, int Left, int Right) Cover(int from, int length)
    {
        int top = int.MaxValue, bottom = 0, left = int.MaxValue, right = 0;
        foreach (var (rows, columns) in maps.AsSpan(from, length))
        {
            top = Math.Min(top, rows.Start);
            bottom = Math.Max(bottom, rows.Start + rows.Extent);
            left = Math.Min(left, columns.Start);
            right = Math.Max(right, columns.Start + columns.Extent);
        }
        return (top, bottom, left, right);
    }

    /// <summary>Column at which the parameters of a blend round start.</summary>
    public static int Round(int round) => BlendRounds + round * ColourJitter.BlendLength;

    private static int HuePlace(in ViewParameters view)
    {
        if (!view.Jitter) return NoJitter;
        int place = 0;
        while (ViewParameters.OperationAt(view.JitterOrder, place) != JitterOperation.Hue) place++;
        return place;
    }

    private static Tensor? Listed(Tensor indices, int offset, List<int> positions, int from, int length)
    {
        int first = FirstFrom(from), end = FirstFrom(from + length);
        if (end == first) return null;
        using Scalar start = from;
        return indices.narrow(0, offset + first, end - first).sub(start);

        int FirstFrom(int position)
        {
            int found = positions.BinarySearch(position);
            return found < 0 ? ~found : found;
        }
    }

    private (AxisMap Rows, AxisMap Columns) MapsOf(in ViewParameters view)
    {
        var box = view.Crop;
        // A quarter turn counterclockwise is a flip of the columns and then the change of axes, one clockwise a flip of the rows and then that, half a turn both flips.
        bool flipRows = view.VerticalFlip ^ view.QuarterTurns is 2 or 3, flipColumns = view.Flip ^ view.QuarterTurns is 1 or 2;
        return box.Image is { } image
            ? (AxisMap.SubpixelCrop(box.Top, box.Height, image.Height, outputSize, flipRows), AxisMap.SubpixelCrop(box.Left, box.Width, image.Width, outputSize, flipColumns))
            : (AxisMap.Crop((int)box.Top, (int)box.Height, outputSize, flipRows), AxisMap.Crop((int)box.Left, (int)box.Width, outputSize, flipColumns));
    }

    private void Add(int source, in ViewParameters view, int huePlace)
    {
        int position = added;
        var (rows, columns) = MapsOf(view);
        Add(source, rows, columns);
        huePlaces[position] = huePlace;
        if (view.QuarterTurns is 1 or 3) transposed.Add(position);
        if (view.Grayscale) grey.Add(position);
        if (view.BlurSigmaPixels > 0) blurred.Add(position);

        var row = parameters.AsSpan(position * Columns, Columns);
        row[BlurSigma] = view.BlurSigmaPixels;
        if (!view.Jitter) return;
        row[HueShift] = view.HueShift;
        HasHue |= view.HueShift != 0;
        for (int place = 0, round = 0; place < Rounds + 1; place++)
        {
            var operation = ViewParameters.OperationAt(view.JitterOrder, place);
            if (operation == JitterOperation.Hue) continue;
            float factor = view.FactorOf(operation);
            HasBlend |= factor != 1;
            ColourJitter.WriteBlend(row.Slice(Round(round++), ColourJitter.BlendLength), operation, factor);
        }
    }
}
