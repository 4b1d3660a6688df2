using System.Runtime.InteropServices;
using Iced.Intel;
using WclSharp.Native;
using static Iced.Intel.AssemblerRegisters;

namespace WclSharp.Kernels;

/// <summary>
/// What <see cref="MatrixKernel"/> does, of matrices whose elements are pairs of bfloat16: a product of two pairs is the sum of two products, in
/// float32, by VDPBF16PS, at twice the rate of float32. .NET has no method for that instruction, so the loops are assembled once a process.
/// </summary>
/// <remarks>Sums are rounded to the nearest and numbers too small for float32's usual exponents are zeros (Intel SDM volume 2C, VDPBF16PS).</remarks>
internal static unsafe class PairKernel
{
    private const int Lanes = 16, VectorBytes = 64, PairBytes = 4;

    private static readonly delegate* unmanaged<Arguments*, void> FourByFour, EightByTwo;

    static PairKernel()
    {
        // Not with tile registers, which AmxKernel has, nor where these instructions are no faster than float32's.
        if (!MatrixKernel.IsSupported || !CpuFeatures.HasAvx512Bf16 || !CpuFeatures.IsFasterInBf16 || CpuFeatures.HasAmxBf16) return;
        FourByFour = (delegate* unmanaged<Arguments*, void>)ExecutableMemory.Of(Assemble(rows: 4, vectors: 4));
        EightByTwo = (delegate* unmanaged<Arguments*, void>)ExecutableMemory.Of(Assemble(rows: 8, vectors: 2));
    }

    /// <summary>Whether this processor can and is faster so, and the system lets us.</summary>
    public static bool IsSupported => FourByFour is not null && EightByTwo is not null;

    /// <summary>c = a b, or c += a b. Sums run over <paramref name="inner"/> in order.</summary>
    /// <param name="a">[rows, inner] pairs, any layout.</param>
    /// <param name="aRow">Pairs from one row of <paramref name="a"/> to the next.</param>
    /// <param name="aColumn">Pairs from one column of <paramref name="a"/> to the next.</param>
    /// <param name="b">[inner, columns] pairs, those of a row without gaps.</param>
    /// <param name="bRow">Pairs from one row of <paramref name="b"/> to the next.</param>
    /// <param name="c">[rows, columns] float32, the values of a row without gaps.</param>
    /// <param name="cRow">Values from one row of <paramref name="c"/> to the next.</param>
    /// <param name="rows">A multiple of <see cref="MatrixKernel.RowStep"/>.</param>
    /// <param name="inner">Pairs that a sum is over, at least one.</param>
    /// <param name="columns">A multiple of <see cref="MatrixKernel.ColumnStep"/>.</param>
    /// <param name="add">Whether to add to what <paramref name="c"/> holds.</param>
    public static void Multiply(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int inner, int columns, bool add)
    {
        var arguments = new Arguments(a, aRow * PairBytes, aColumn * PairBytes, bRow * PairBytes, cRow * sizeof(float), inner, add);
        int column = 0;
        for (; column + 4 * Lanes <= columns; column += 4 * Lanes)
        {
            arguments.At(b + column, c + column, rows / 4);
            FourByFour(&arguments);
        }
        for (; column < columns; column += 2 * Lanes)
        {
            arguments.At(b + column, c + column, rows / 8);
            EightByTwo(&arguments);
        }
    }

    /// <summary>
    /// The code of a loop over blocks of so many rows of some vectors' columns. Called as System V's x86-64 convention says, with the arguments' place in RDI.
    /// </summary>
    private static byte[] Assemble(int rows, int vectors)
    {
        var code = new Assembler(64);
        Label nextBlock = code.CreateLabel(), cleared = code.CreateLabel(), nextTerm = code.CreateLabel(), done = code.CreateLabel();
        AssemblerRegister64 argument = rdi, aBlock = rsi, cBlock = rdx, terms = rcx, blocks = rbx, a = rax, aFourth = r12, aRow = r8, aThreeRows = r13, aColumn = r9, b = r10, bRow = r11, cRow = rbp;
        AssemblerRegister64[] saved = [rbx, rbp, r12, r13];
        AssemblerRegisterZMM[] sums = [zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31], right = [zmm0, zmm1, zmm2, zmm3];
        var left = zmm4;

        foreach (var register in saved) code.push(register);
        Read(aBlock, nameof(Arguments.A));
        Read(aRow, nameof(Arguments.ARow));
        Read(aColumn, nameof(Arguments.AColumn));
        Read(bRow, nameof(Arguments.BRow));
        Read(cBlock, nameof(Arguments.C));
        Read(cRow, nameof(Arguments.CRow));
        Read(blocks, nameof(Arguments.Blocks));
        code.lea(aThreeRows, aRow + aRow * 2);
        code.test(blocks, blocks);
        code.jz(done);

        code.Label(ref nextBlock);
        foreach (var sum in sums) code.vpxord(sum, sum, sum);
        code.cmp(Field(nameof(Arguments.Add)), 0);
        code.je(cleared);
        Results((sum, place) => code.vmovups(sum, place));
        code.Label(ref cleared);
        code.mov(a, aBlock);
        if (rows == 8) code.lea(aFourth, a + aRow * 4);
        Read(b, nameof(Arguments.B));
        Read(terms, nameof(Arguments.Inner));

        code.Label(ref nextTerm);
        for (int i = 0; i < vectors; i++) code.vmovups(right[i], __[b + VectorBytes * i]);
        for (int row = 0; row < rows; row++)
        {
            var from = row < 4 ? a : aFourth;
            var place = (row % 4) switch { 0 => __dword_ptr[from], 1 => __dword_ptr[from + aRow], 2 => __dword_ptr[from + aRow * 2], _ => __dword_ptr[from + aThreeRows] };
            code.vpbroadcastd(left, place);
            for (int i = 0; i < vectors; i++) code.vdpbf16ps(sums[row * vectors + i], left, right[i]);
        }
        code.add(a, aColumn);
        if (rows == 8) code.add(aFourth, aColumn);
        code.add(b, bRow);
        code.dec(terms);
        code.jnz(nextTerm);

        Results((sum, place) => code.vmovups(place, sum));
        code.lea(aBlock, aBlock + aRow * 4);
        if (rows == 8) code.lea(aBlock, aBlock + aRow * 4);
        code.mov(cBlock, a);
        code.dec(blocks);
        code.jnz(nextBlock);
        code.Label(ref done);
        foreach (var register in saved.Reverse()) code.pop(register);
        code.vzeroupper();
        code.ret();

        using var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();

        AssemblerMemoryOperand Field(string name) => __qword_ptr[argument + (int)Marshal.OffsetOf<Arguments>(name)];

        void Read(AssemblerRegister64 register, string name) => code.mov(register, Field(name));

        // Leaves the place of the next block's results in a.
        void Results(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
        {
            code.mov(a, cBlock);
            for (int row = 0; row < rows; row++)
            {
                for (int i = 0; i < vectors; i++) move(sums[row * vectors + i], __zmmword_ptr[a + VectorBytes * i]);
                code.add(a, cRow);
            }
        }
    }

    /// <summary>What a loop is called with; distances in bytes.</summary>
    private struct Arguments(float* a, nint aRow, nint aColumn, nint bRow, nint cRow, nint inner, bool add)
    {
        public nint A = (nint)a, B, C;
        public nint ARow = aRow, AColumn = aColumn, BRow = bRow, CRow = cRow, Inner = inner, Blocks, Add = add ? 1 : 0;

        public void At(float* b, float* c, nint blocks) => (B, C, Blocks) = ((nint)b, (nint)c, blocks);
    }
}
