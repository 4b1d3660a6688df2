using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace WclSharp.Native;

/// <summary>
/// Makes a copy of TorchSharp's Linux library that loads on C++ runtimes older than GCC 13's.
/// </summary>
/// <remarks>
/// libLibTorchSharp.so 0.107.0 asks libstdc++ for GLIBCXX_3.4.32 for one symbol only,
/// <c>std::ios_base_library_init()</c>, which makes sure that the standard streams are initialised. Debian 12,
/// Ubuntu 22.04 and RHEL 9 lack that version. Compilers before GCC 13 called <c>std::ios_base::Init::Init()</c>
/// for the same purpose; it takes a <c>this</c> that it never reads, so calling it without one is harmless. The copy
/// names that symbol, and asks for GLIBCXX_3.4 in place of GLIBCXX_3.4.32. Nothing else changes, and the size stays.
/// </remarks>
internal static class TorchSharpRemedy
{
    private const string MissingVersion = "GLIBCXX_3.4.32";
    private const string OldestVersion = "GLIBCXX_3.4";
    private const string MissingSymbol = "_ZSt21ios_base_library_initv";
    private const string ReplacementSymbol = "_ZNSt8ios_base4InitC1Ev";

    // The inputs that this remedy was tried on. Any other file is left alone.
    private static readonly string[] KnownInputs =
    [
        "cf33b1b0bb6bbb9754a768fb5c5d04d9f498603be50e73f55621a0b40ee608b8", // TorchSharp 0.107.0, linux-x64
    ];

    /// <summary>True for a file that this remedy knows to be safe to patch.</summary>
    public static bool Knows(ReadOnlySpan<byte> library) =>
        KnownInputs.Contains(Convert.ToHexStringLower(SHA256.HashData(library)));

    /// <summary>Patches the bytes of a 64-bit little-endian ELF library in place.</summary>
    /// <exception cref="InvalidDataException">The file is not the library that is expected; nothing was written.</exception>
    public static void Patch(Span<byte> elf)
    {
        if (elf.Length < 64 || !elf[..4].SequenceEqual("\u007fELF"u8) || elf[4] != 2 || elf[5] != 1)
            throw new InvalidDataException("The library is not a 64-bit little-endian ELF file.");

        var sections = ReadSections(elf);
        var (dynstr, _) = sections.Single(s => s.Name == ".dynstr");
        var (versions, entries) = sections.Single(s => s.Name == ".gnu.version_r");
        var strings = elf.Slice((int)dynstr.Offset, (int)dynstr.Size);

        int symbol = FindString(strings, MissingSymbol);
        int oldName = FindString(strings, OldestVersion);
        int vernaux = FindVersionEntry(elf, versions, entries, strings);

        // Checked: from here on bytes change.
        var replacement = Encoding.ASCII.GetBytes(ReplacementSymbol.PadRight(MissingSymbol.Length, '\0'));
        replacement.CopyTo(strings[symbol..]);
        BinaryPrimitives.WriteUInt32LittleEndian(elf[vernaux..], ElfHash(OldestVersion));      // vna_hash
        BinaryPrimitives.WriteUInt32LittleEndian(elf[(vernaux + 8)..], (uint)oldName);         // vna_name
    }

    private readonly record struct Section(long Offset, long Size);

    private sealed class SectionTable(List<(string Name, Section Section, int Info)> all)
    {
        public (Section Section, int Info) Single(Func<(string Name, Section Section, int Info), bool> match)
        {
            var found = all.Where(match).ToList();
            return found.Count == 1
                ? (found[0].Section, found[0].Info)
                : throw new InvalidDataException($"The library has {found.Count} sections where one was expected.");
        }
    }

    private static SectionTable ReadSections(ReadOnlySpan<byte> elf)
    {
        long table = BinaryPrimitives.ReadInt64LittleEndian(elf[0x28..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3A..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3C..]);
        int namesIndex = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3E..]);
        var headers = new List<(int Name, Section Section, int Info)>(count);
        for (int i = 0; i < count; i++)
        {
            var header = elf.Slice((int)table + i * size, size);
            headers.Add((
                BinaryPrimitives.ReadInt32LittleEndian(header),
                new Section(BinaryPrimitives.ReadInt64LittleEndian(header[0x18..]), BinaryPrimitives.ReadInt64LittleEndian(header[0x20..])),
                BinaryPrimitives.ReadInt32LittleEndian(header[0x2C..])));
        }

        var namesAt = headers[namesIndex].Section;
        var names = elf.Slice((int)namesAt.Offset, (int)namesAt.Size);
        var result = new List<(string, Section, int)>(count);
        foreach (var (name, section, info) in headers) result.Add((ReadString(names, name), section, info));
        return new SectionTable(result);
    }

    private static int FindVersionEntry(ReadOnlySpan<byte> elf, Section section, int needed, ReadOnlySpan<byte> strings)
    {
        int at = (int)section.Offset;
        for (int i = 0; i < needed; i++)
        {
            int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[(at + 2)..]);
            int aux = at + BinaryPrimitives.ReadInt32LittleEndian(elf[(at + 8)..]);
            for (int j = 0; j < count; j++)
            {
                int name = BinaryPrimitives.ReadInt32LittleEndian(elf[(aux + 8)..]);
                if (ReadString(strings, name) == MissingVersion) return aux;
                aux += BinaryPrimitives.ReadInt32LittleEndian(elf[(aux + 12)..]);
            }
            at += BinaryPrimitives.ReadInt32LittleEndian(elf[(at + 12)..]);
        }

        throw new InvalidDataException($"The library does not ask for {MissingVersion}.");
    }

    private static int FindString(ReadOnlySpan<byte> strings, string value)
    {
        var needle = Encoding.ASCII.GetBytes('\0' + value + '\0');
        int at = strings.IndexOf(needle);
        if (at < 0) throw new InvalidDataException($"The library does not name {value}.");
        if (strings[(at + 1)..].IndexOf(needle) >= 0) throw new InvalidDataException($"The library names {value} twice.");
        return at + 1;
    }

    private static string ReadString(ReadOnlySpan<byte> strings, int at)
    {
        var rest = strings[at..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }

    /// <summary>The hash of System V's ABI, by which the loader compares version names.</summary>
    private static uint ElfHash(string name)
    {
        uint hash = 0;
        foreach (char c in name)
        {
            hash = (hash << 4) + c;
            uint high = hash & 0xF0000000;
            hash = (hash ^ (high >> 24)) & ~high;
        }
        return hash;
    }
}
