using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;

namespace WclSharp.Benchmarks.Data;

/// <summary>
/// The measurement behind docs/decoders.md: images per second of each decoder on two threads, and what each one makes of
/// unusual files.
/// </summary>
internal static class DecoderComparison
{
    private const int Side = 256, Threads = 2, Rounds = 5;

    /// <summary>Prints both tables as Markdown.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, "decoders TAR [FOLDER-OF-ODD-FILES]", least: 1, most: 2);
        string tar = given.ExistingFile(0);
        string? oddFiles = given.Has(1) ? given[1] : null;
        if (oddFiles is not null && !Directory.Exists(oddFiles)) throw given.Wrong($"There is no folder '{oddFiles}'");
        var files = ReadTar(tar);
        if (files.Count == 0) throw new WclUsageException($"'{tar}' holds no files.");
        (string Name, Func<IComparedDecoder> Make)[] candidates =
            [("WclSharp", () => new LibraryDecoder()), ("NetVips", () => new NetVipsDecoder()), ("SkiaSharp", () => new SkiaSharpDecoder()), ("OpenCvSharp", () => new OpenCvDecoder())];

        var decoders = new List<(string Name, IComparedDecoder Decoder)>();
        foreach (var (name, make) in candidates)
        {
            try
            {
                var decoder = make();
                DecodeAll(decoder, files);
                decoders.Add((name, decoder));
            }
            catch (Exception e) when (e is TypeInitializationException or DllNotFoundException)
            {
                Console.WriteLine($"{name} does not load: {e.GetBaseException().Message.ReplaceLineEndings(" ")}");
            }
        }

        // In turn, so that whatever else the machine does meets all of them.
        var rates = decoders.ToDictionary(d => d.Name, _ => new List<double>());
        for (int round = 0; round < Rounds; round++)
            foreach (var (name, decoder) in decoders) rates[name].Add(DecodeAll(decoder, files));

        Console.WriteLine($"{files.Count} images, shorter side {Side}, {Threads} threads, median of {Rounds} rounds in turn after one to warm up");
        Console.WriteLine("| decoder | images/s | spread |\n| --- | --- | --- |");
        foreach (var (name, all) in rates)
        {
            all.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {all[Rounds / 2]:F0} | {all[0]:F0} to {all[^1]:F0} |"));
        }

        if (oddFiles is not null) PrintOddFiles(oddFiles, decoders);
    }

    private static void PrintOddFiles(string folder, List<(string Name, IComparedDecoder Decoder)> decoders)
    {
        Console.WriteLine($"\n| file | {string.Join(" | ", decoders.Select(d => d.Name))} |\n| --- |{string.Concat(decoders.Select(_ => " --- |"))}");
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(file);
            Console.WriteLine($"| {Path.GetFileName(file)} | {string.Join(" | ", decoders.Select(d => Describe(d.Decoder, bytes)))} |");
        }
    }

    /// <summary>Size, then the colours of the four corners.</summary>
    private static string Describe(IComparedDecoder decoder, byte[] file)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            var (height, width, rgb) = decoder.Decode(file, 10_000);
            string Corner(int y, int x) => Convert.ToHexString(rgb, (y * width + x) * 3, 3);
            return $"{width}x{height} {Corner(2, 2)} {Corner(2, width - 3)} {Corner(height - 3, 2)} {Corner(height - 3, width - 3)}" +
                (clock.ElapsedMilliseconds > 500 ? $" ({clock.ElapsedMilliseconds} ms)" : "");
        }
        catch (Exception e)
        {
            string message = e.Message.ReplaceLineEndings(" ");
            return "refused: " + message[..Math.Min(60, message.Length)];
        }
    }

    private static double DecodeAll(IComparedDecoder decoder, List<byte[]> files)
    {
        var clock = Stopwatch.StartNew();
        Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = Threads }, file => decoder.Decode(file, Side));
        return files.Count / clock.Elapsed.TotalSeconds;
    }

    private static List<byte[]> ReadTar(string path)
    {
        var files = new List<byte[]>();
        using var reader = new TarReader(File.OpenRead(path));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is null) continue;
            var bytes = new byte[entry.Length];
            entry.DataStream.ReadExactly(bytes);
            files.Add(bytes);
        }
        return files;
    }
}
