using System.Runtime.InteropServices;
using Iced.Intel;
using WclSharp.Native;
using static Iced.Intel.AssemblerRegisters;

namespace WclSharp.Kernels;

/// <summary>
/// Products of bfloat16 matrices in tile registers (AMX): 32 x 32 sums in float32, at seven to fifteen times the rate of float32's (docs/performance.md). .NET has no methods for these
/// instructions, so the loop is assembled once a process.
/// </summary>
/// <remarks>
/// A tile is 16 rows of 64 bytes. On the left these are rows of 32 numbers; on the right, rows of 16 columns' pairs along what is summed over; of results, rows of 16 float32.
/// Sums are rounded to the nearest, and numbers too small for float32's usual exponents are zeros (Intel SDM volume 2, TDPBF16PS).
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
        if (!MatrixKernel.IsSupported || !CpuFeatures.HasAmxBf16) return;
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
    /// <param name="layout">How the matrices lie.</param>
    /// <param name="jobs">The blocks.</param>
    /// <param name="count">How many, at least one; a call sets the tiles up and waits for them, so several are better.</param>
    public static void Multiply(in Layout layout, Job* jobs, int count)
    {
        var arguments = new Arguments { Layout = layout, Jobs = (nint)jobs, Count = count, Configuration = (nint)Configuration };
        Loop(&arguments);
    }

    /// <summary>The code of the loop. Called as System V's x86-64 convention says, with the arguments' place in RDI.</summary>
    private static byte[] Assemble()
    {
        var code = new Assembler(64);
        Label nextJob = code.CreateLabel(), cleared = code.CreateLabel(), start = code.CreateLabel(), nextStep = code.CreateLabel(), done = code.CreateLabel();
        AssemblerRegister64 argument = rdi, job = r12, jobs = r15, step = rcx, steps = rdx, a = r10, b = r11, aStart = rsi, aRow = r8, rowBytes = r9, aSecond = rbx, bSecond = rbp, c = r13, cRow = r14, below = rax;
        AssemblerRegister64[] saved = [rbx, rbp, r12, r13, r14, r15];

        foreach (var register in saved) code.push(register);
        code.mov(job, Of<Arguments>(argument, nameof(Arguments.Configuration)));
        code.ldtilecfg(__[job]);
        code.mov(aRow, Of<Arguments>(argument, nameof(Layout.ARow)));
        code.mov(aSecond, Of<Arguments>(argument, nameof(Layout.ASecond)));
        code.mov(bSecond, Of<Arguments>(argument, nameof(Layout.BSecond)));
        code.mov(cRow, Of<Arguments>(argument, nameof(Layout.CRow)));
        code.mov(job, Of<Arguments>(argument, nameof(Arguments.Jobs)));
        code.mov(jobs, Of<Arguments>(argument, nameof(Arguments.Count)));
        code.mov(rowBytes, TileRowBytes);

        code.Label(ref nextJob);
        code.mov(aStart, Of<Job>(job, nameof(Job.A)));
        code.mov(c, Of<Job>(job, nameof(Job.C)));
        code.mov(step, Of<Job>(job, nameof(Job.Steps)));
        code.mov(steps, Of<Job>(job, nameof(Job.Count)));
        code.mov(below, cRow);
        code.shl(below, 4);
        code.add(below, c);
        code.cmp(Of<Arguments>(argument, nameof(Layout.Add)), 0);
        code.je(cleared);
        code.tileloadd(tmm0, __[c + cRow]);
        code.tileloadd(tmm1, __[c + cRow + TileRowBytes]);
        code.tileloadd(tmm2, __[below + cRow]);
        code.tileloadd(tmm3, __[below + cRow + TileRowBytes]);
        code.jmp(start);
        code.Label(ref cleared);
        foreach (var tile in (AssemblerRegisterTMM[])[tmm0, tmm1, tmm2, tmm3]) code.tilezero(tile);
        code.Label(ref start);
        code.test(steps, steps);
        code.jz(done);

        code.Label(ref nextStep);
        code.mov(a, __qword_ptr[step]);
        code.mov(b, __qword_ptr[step + sizeof(long)]);
        code.add(a, aStart);
        code.add(b, Of<Job>(job, nameof(Job.B)));
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
        code.dec(steps);
        code.jnz(nextStep);

        code.Label(ref done);
        code.tilestored(__[c + cRow], tmm0);
        code.tilestored(__[c + cRow + TileRowBytes], tmm1);
        code.tilestored(__[below + cRow], tmm2);
        code.tilestored(__[below + cRow + TileRowBytes], tmm3);
        code.add(job, sizeof(Job));
        code.dec(jobs);
        code.jnz(nextJob);
        code.tilerelease();
        foreach (var register in saved.Reverse()) code.pop(register);
        code.ret();

        using var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();

        // Layout comes first in the arguments, so that its fields have the same places in both.
        static AssemblerMemoryOperand Of<T>(AssemblerRegister64 start, string name) =>
            __qword_ptr[start + (int)(typeof(T) == typeof(Arguments) && typeof(Layout).GetField(name) is not null ? Marshal.OffsetOf<Layout>(name) : Marshal.OffsetOf<T>(name))];
    }

    /// <summary>How matrices lie. Distances are in bytes, and nothing needs to be aligned.</summary>
    public struct Layout
    {
        /// <summary>Of the left matrix: from row to row, and from its first 16 rows to the next 16.</summary>
        public nint ARow, ASecond;

        /// <summary>Of the right matrix: from the tile of its first 16 columns to that of the next 16.</summary>
        public nint BSecond;

        /// <summary>Of results: from row to row.</summary>
        public nint CRow;

        /// <summary>1 to add to what results hold, else 0.</summary>
        public nint Add;
    }

    /// <summary>A block of results.</summary>
    public struct Job
    {
        /// <summary>The left matrix, to which a step's first distance is added, and the right one, to which its second is.</summary>
        public nint A, B;

        /// <summary>The results.</summary>
        public nint C;

        /// <summary>The steps, and how many; of none, the sum is 0.</summary>
        public nint Steps, Count;
    }

    /// <summary>A step: distances in bytes in the left and in the right matrix.</summary>
    public readonly record struct Step(nint Left, nint Right);

    private struct Arguments
    {
        public Layout Layout;
        public nint Jobs, Count, Configuration;
    }
}
