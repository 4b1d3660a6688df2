using System.Runtime.InteropServices;
using Iced.Intel;
using WclSharp.Native;
using static Iced.Intel.AssemblerRegisters;

namespace WclSharp.Kernels;

/// <summary>
/// Products of bfloat16 matrices in tile registers (AMX): 32 x 32 sums in float32, at sixteen times the rate of float32's. .NET has no methods for these
/// instructions, so the loop is assembled once a process.
/// </summary>
/// <remarks>
/// A tile is 16 rows of 64 bytes. On the left these are rows of 32 numbers; on the right, rows of 16 columns' pairs along what is summed over; of results, rows of 16 float32.
/// Sums are rounded to the nearest, and numbers too small for float32's usual exponents are zeros (Intel SDM volume 2A, TDPBF16PS).
/// </remarks>
internal static unsafe class AmxKernel
{
    /// <summary>Rows, and columns, of a block of results.</summary>
    public const int Block = 32;

    /// <summary>Terms of every sum that a step adds.</summary>
    public const int Depth = 32;

    /// <summary>Bytes of a tile.</summary>
    public const int TileBytes = TileRows * TileRowBytes;

    private const int TileRows = 16, TileRowBytes = 64, Tiles = 8, ConfigurationBytes = 64;

    private static readonly delegate* unmanaged<Arguments*, void> Loop;
    private static readonly byte* Configuration;

    static AmxKernel()
    {
        if (!MatrixKernel.IsSupported || !TileRegisters.AreGranted) return;
        Configuration = (byte*)NativeMemory.AlignedAlloc(ConfigurationBytes, ConfigurationBytes); // until the process ends
        new Span<byte>(Configuration, ConfigurationBytes).Clear();
        Configuration[0] = 1; // the palette of eight tiles
        for (int tile = 0; tile < Tiles; tile++)
        {
            Configuration[16 + 2 * tile] = TileRowBytes;
            Configuration[48 + tile] = TileRows;
        }
        Loop = (delegate* unmanaged<Arguments*, void>)ExecutableMemory.Of(Assemble());
    }

    /// <summary>Whether this processor can, and the system lets us.</summary>
    public static bool IsSupported => Loop is not null;

    /// <summary>Blocks of sums, one after the other: c = Σ a b, or c += Σ a b, over steps in order.</summary>
    /// <param name="arguments">Where everything lies.</param>
    public static void Multiply(ref Arguments arguments)
    {
        arguments.Configuration = (nint)Configuration;
        fixed (Arguments* place = &arguments) Loop(place);
    }

    /// <summary>The code of the loop. Called as System V's x86-64 convention says, with the arguments' place in RDI.</summary>
    private static byte[] Assemble()
    {
        var code = new Assembler(64);
        Label nextBlock = code.CreateLabel(), cleared = code.CreateLabel(), start = code.CreateLabel(), nextStep = code.CreateLabel(), done = code.CreateLabel();
        AssemblerRegister64 argument = rdi, steps = rsi, count = rdx, a = r10, b = r11, aRow = r8, rowBytes = r9, aSecond = rbx, bSecond = rbp, aBlock = r12, c = r13, cRow = r14, blocks = r15, step = rcx, temporary = rax;
        AssemblerRegister64[] saved = [rbx, rbp, r12, r13, r14, r15];

        foreach (var register in saved) code.push(register);
        Read(temporary, nameof(Arguments.Configuration));
        code.ldtilecfg(__[temporary]);
        Read(aBlock, nameof(Arguments.A));
        Read(aRow, nameof(Arguments.ARow));
        Read(aSecond, nameof(Arguments.ASecond));
        Read(bSecond, nameof(Arguments.BSecond));
        Read(steps, nameof(Arguments.Steps));
        Read(c, nameof(Arguments.C));
        Read(cRow, nameof(Arguments.CRow));
        Read(blocks, nameof(Arguments.Blocks));
        code.mov(rowBytes, TileRowBytes);

        code.Label(ref nextBlock);
        code.cmp(Field(nameof(Arguments.Add)), 0);
        code.je(cleared);
        code.tileloadd(tmm0, __[c + cRow]);
        code.tileloadd(tmm1, __[c + cRow + TileRowBytes]);
        Below();
        code.tileloadd(tmm2, __[temporary + cRow]);
        code.tileloadd(tmm3, __[temporary + cRow + TileRowBytes]);
        code.jmp(start);
        code.Label(ref cleared);
        foreach (var tile in (AssemblerRegisterTMM[])[tmm0, tmm1, tmm2, tmm3]) code.tilezero(tile);
        code.Label(ref start);
        code.mov(step, steps);
        Read(count, nameof(Arguments.Count));

        code.Label(ref nextStep);
        code.mov(a, __qword_ptr[step]);
        code.mov(b, __qword_ptr[step + sizeof(long)]);
        code.add(a, aBlock);
        code.add(b, Field(nameof(Arguments.B)));
        code.tileloadd(tmm4, __[a + aRow]);
        code.tileloadd(tmm6, __[b + rowBytes]);
        code.add(b, bSecond);
        code.tdpbf16ps(tmm0, tmm4, tmm6);
        code.tileloadd(tmm7, __[b + rowBytes]);
        code.add(a, aSecond);
        code.tdpbf16ps(tmm1, tmm4, tmm7);
        code.tileloadd(tmm5, __[a + aRow]);
        code.tdpbf16ps(tmm2, tmm5, tmm6);
        code.add(step, 2 * sizeof(long));
        code.tdpbf16ps(tmm3, tmm5, tmm7);
        code.dec(count);
        code.jnz(nextStep);

        code.tilestored(__[c + cRow], tmm0);
        code.tilestored(__[c + cRow + TileRowBytes], tmm1);
        Below();
        code.tilestored(__[temporary + cRow], tmm2);
        code.tilestored(__[temporary + cRow + TileRowBytes], tmm3);
        code.add(aBlock, Field(nameof(Arguments.ABlock)));
        code.add(c, Field(nameof(Arguments.CBlock)));
        code.dec(blocks);
        code.jnz(nextBlock);
        code.Label(ref done);
        code.tilerelease();
        foreach (var register in saved.Reverse()) code.pop(register);
        code.ret();

        using var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();

        AssemblerMemoryOperand Field(string name) => __qword_ptr[argument + (int)Marshal.OffsetOf<Arguments>(name)];

        void Read(AssemblerRegister64 register, string name) => code.mov(register, Field(name));

        // The place of the results' lower half.
        void Below()
        {
            code.mov(temporary, cRow);
            code.shl(temporary, 4);
            code.add(temporary, c);
        }
    }

    /// <summary>Where the matrices lie. Distances are in bytes, and nothing needs to be aligned.</summary>
    public struct Arguments
    {
        /// <summary>Left matrix, to which a step's first number is added; from row to row; from its first 16 rows to the next 16.</summary>
        public nint A, ARow, ASecond;

        /// <summary>Right matrix, to which a step's second number is added; from the tile of its first 16 columns to that of the next 16.</summary>
        public nint B, BSecond;

        /// <summary>Two distances a step; how many steps, at least one.</summary>
        public nint Steps, Count;

        /// <summary>Results, and from row to row.</summary>
        public nint C, CRow;

        /// <summary>How many blocks of results, at least one; from block to block of the left matrix and of the results.</summary>
        public nint Blocks, ABlock, CBlock;

        /// <summary>1 to add to what results hold, else 0.</summary>
        public nint Add;

        /// <summary>Set by <see cref="Multiply"/>.</summary>
        internal nint Configuration;
    }
}
