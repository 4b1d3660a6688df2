using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using WclSharp.Evaluation;

namespace WclSharp.Reporting;

/// <summary>Draws a confusion matrix: a row for each class, its images spread over what they are predicted as, in % of the row; grey where there are none.</summary>
internal static class ConfusionPlot
{
    private const int Margin = 190, Cell = 52, LargestSide = 1400, MostNumbered = 25, LongestName = 24, ColourBarWidth = 110, LeastSide = 600; // for the title
    private const float TextSize = 13, LeastTextSize = 7;
    private static readonly Color Unknown = Color.FromHex("#C8C8C8"); // no shade of blue

    /// <summary>Writes the picture as PNG; an old one is replaced.</summary>
    /// <returns>What to tell a person of names that it could not show; null where there are none.</returns>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static string? Write(string path, ConfusionMatrix matrix, string title)
    {
        int classes = matrix.ClassNames.Count;
        var (whole, typeface) = PictureNames.InOneFont(matrix.ClassNames);
        string[] names = [.. whole.Select(name => TextTable.ShortName(name, LongestName))];
        var shares = new double[classes, classes];
        for (int row = 0; row < classes; row++)
        {
            double images = matrix.Counts[row].Sum();
            for (int column = 0; column < classes; column++) shares[row, column] = matrix.Counts[row][column] / images; // NaN without images
        }

        string[] rows = [.. names.Select((name, c) => string.Create(CultureInfo.InvariantCulture, $"{name} ({matrix.Counts[c].Sum():N0})"))];
        int longest = rows.Max(name => name.Length), side = Math.Clamp(Margin + Cell * classes + 7 * longest, LeastSide, LargestSide);
        using var plot = PlotLook.New();
        var heat = plot.Add.Heatmap(shares);
        heat.Colormap = new ScottPlot.Colormaps.Blues().Reversed();
        heat.ManualRange = new ScottPlot.Range(0, 1);
        heat.NaNCellColor = Unknown; // or such a class would look like one that was never right
        if (classes <= MostNumbered) AddNumbers(plot, shares);
        else AddColourBar(plot, heat);
        // Without room for every name, every so many is named.
        int every = (classes + MostNumbered * 2 - 1) / (MostNumbered * 2);
        NumericManual across = new(), down = new();
        for (int c = 0; c < classes; c += every)
        {
            across.AddMajor(c, names[c]);
            down.AddMajor(classes - 1 - c, rows[c]);
        }

        plot.Axes.Bottom.TickGenerator = across;
        plot.Axes.Left.TickGenerator = down;
        plot.Axes.Bottom.TickLabelStyle.FontName = plot.Axes.Left.TickLabelStyle.FontName = PlotFont.NameOf(typeface);
        if (names.Max(name => name.Length) > 4 || classes > MostNumbered)
        {
            plot.Axes.Bottom.TickLabelStyle.Rotation = -45;
            plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.MiddleRight;
        }

        plot.HideGrid();
        AddNoImages(plot, shares, Math.Min(TextSize, 0.75f * (side - Margin - 7 * longest) / classes));
        PlotLook.Label(plot, title, "predicted class, % of the row", "true class (images)", titleSize: 16);
        plot.Axes.SetLimits(-0.5, classes - 0.5, -0.5, classes - 0.5);
        plot.Axes.Bottom.MinimumSize = RoomFor(names.Max(name => name.Length));
        plot.Axes.Left.MinimumSize = RoomFor(longest);
        PlotLook.Write(plot, path, classes <= MostNumbered ? side : side + ColourBarWidth, side);
        return PictureNames.Warning(matrix.ClassNames, whole);
    }

    private static float RoomFor(int letters) => Math.Clamp(40 + 8 * letters, 60, 220);

    private static void AddNumbers(Plot plot, double[,] shares)
    {
        int classes = shares.GetLength(0);
        for (int row = 0; row < classes; row++)
        {
            for (int column = 0; column < classes; column++)
            {
                double percent = 100 * shares[row, column];
                if (!(percent >= 0.5)) continue; // NaN is none
                var text = plot.Add.Text(percent.ToString("0", CultureInfo.InvariantCulture), column, classes - 1 - row);
                text.LabelAlignment = Alignment.MiddleCenter;
                text.LabelFontSize = TextSize;
                text.LabelFontColor = percent > 50 ? Colors.White : Colors.Black;
            }
        }
    }

    private static void AddColourBar(Plot plot, ScottPlot.Plottables.Heatmap heat)
    {
        var ticks = new NumericManual();
        for (int percent = 0; percent <= 100; percent += 20) ticks.AddMajor(percent / 100.0, string.Create(CultureInfo.InvariantCulture, $"{percent}%"));
        plot.Add.ColorBar(heat).Axis.TickGenerator = ticks;
    }

    /// <summary>Says in grey rows why they are, where there is room.</summary>
    private static void AddNoImages(Plot plot, double[,] shares, float size)
    {
        int classes = shares.GetLength(0);
        if (size < LeastTextSize) return;
        for (int row = 0; row < classes; row++)
        {
            if (!double.IsNaN(shares[row, 0])) continue;
            var text = plot.Add.Text("no images", (classes - 1) / 2.0, classes - 1 - row);
            text.LabelAlignment = Alignment.MiddleCenter;
            text.LabelFontSize = size;
        }
    }
}
