using System.Buffers.Binary;
using System.Text;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>A Python name in a pickle, such as <c>torch.FloatStorage</c>. Nothing is imported or called.</summary>
internal sealed record PickleGlobal(string Module, string Name);

/// <summary>A call in a pickle: the name and its arguments, not carried out.</summary>
internal sealed record PickleCall(PickleGlobal Function, object?[] Arguments);

/// <summary>A value that no state dict is made of, such as a set, or an integer of any size. Nothing is known of it but what it is called.</summary>
internal sealed record PickleOther(string What);

/// <summary>A reference to something outside of the pickle; PyTorch's storages are such.</summary>
internal sealed record PicklePersistentId(object? Id);

/// <summary>
/// Reads the subset of Python's pickle format (protocols 2 to 5) that state dicts, and what training scripts put beside them, are written in: numbers, strings, tuples, lists,
/// dictionaries, sets, references to storages, names and calls of these. Names and calls stay data: nothing is imported, called or filled, so that no file makes anything run.
/// Every other instruction is refused.
/// </summary>
/// <param name="data">The pickle.</param>
internal ref struct PickleReader(ReadOnlySpan<byte> data)
{
    // Each makes an object of some tens of bytes at most beside its text; a large model's state has some hundred thousand.
    private const int MostInstructions = 4_000_000;

    private static readonly object Mark = new();
    private readonly ReadOnlySpan<byte> data = data;
    private readonly List<object?> stack = [];
    private readonly Dictionary<long, object?> memo = [];
    private readonly List<PicklePersistentId> identifiers = [];
    private int position;

    /// <summary>Bytes that were read: where the next pickle begins.</summary>
    public readonly int Position => position;

    /// <summary>Every reference to something outside of the pickle that was met, also in what is let go of.</summary>
    public readonly IReadOnlyList<PicklePersistentId> Identifiers => identifiers;

    /// <summary>
    /// Reads the one object of the pickle: null, bool, long, double, string, byte[], object?[] (a tuple), List, Dictionary with those entries whose key is text, or one of this file's records.
    /// </summary>
    /// <exception cref="FormatException">The pickle is damaged, or holds what state dicts do not need.</exception>
    public object? Read()
    {
        for (int instructions = 0; ; instructions++)
        {
            if (instructions == MostInstructions) throw Damaged(FormattableString.Invariant($"it has more than {MostInstructions:N0} instructions"));
            byte code = Bytes(1)[0];
            switch (code)
            {
                case 0x80: Bytes(1); break;                                                          // PROTO
                case 0x95: Bytes(8); break;                                                          // FRAME
                case (byte)'.': return stack.Count == 1 ? Pop() : throw Damaged("it ends too early"); // STOP
                case (byte)'N': stack.Add(null); break;
                case 0x88: stack.Add(true); break;
                case 0x89: stack.Add(false); break;
                case (byte)'K': stack.Add((long)Bytes(1)[0]); break;                                 // BININT1
                case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2))); break;
                case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); break;
                case 0x8A: stack.Add(Long(Bytes(Bytes(1)[0]))); break;                               // LONG1
                case 0x8B: stack.Add(Long(Bytes(Length(4)))); break;                                 // LONG4
                case (byte)'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Bytes(8))); break;
                case 0x8C: stack.Add(Text(Bytes(1)[0])); break;                                      // SHORT_BINUNICODE
                case (byte)'X': stack.Add(Text(Length(4))); break;                                   // BINUNICODE
                case (byte)'T': stack.Add(Text(Length(4))); break;                                   // BINSTRING
                case (byte)'U': stack.Add(Text(Bytes(1)[0])); break;                                 // SHORT_BINSTRING
                case (byte)'C': stack.Add(Bytes(Bytes(1)[0]).ToArray()); break;                      // SHORT_BINBYTES
                case (byte)'B': stack.Add(Bytes(Length(4)).ToArray()); break;                        // BINBYTES
                case 0x8D: stack.Add(Text(LongLength())); break;                                     // BINUNICODE8
                case 0x8E or 0x96: stack.Add(Bytes(LongLength()).ToArray()); break;                  // BINBYTES8, BYTEARRAY8
                case (byte)'(': stack.Add(Mark); break;
                case (byte)')': stack.Add(Array.Empty<object?>()); break;
                case 0x85: stack.Add(Last(1)); break;                                                // TUPLE1
                case 0x86: stack.Add(Last(2)); break;
                case 0x87: stack.Add(Last(3)); break;
                case (byte)'t': stack.Add(SinceMark()); break;
                case (byte)']': stack.Add(new List<object?>()); break;
                case (byte)'a': Append([Pop()]); break;
                case (byte)'e': Append(SinceMark()); break;
                case (byte)'}': stack.Add(new Dictionary<string, object?>()); break;
                case (byte)'s': Set(Last(2)); break;
                case (byte)'u': Set(SinceMark()); break;
                case 0x8F: stack.Add(Set()); break;                                                  // EMPTY_SET
                case 0x90: Fill(SinceMark()); break;                                                 // ADDITEMS
                case 0x91: SinceMark(); stack.Add(Set()); break;                                     // FROZENSET
                case (byte)'q': memo[Bytes(1)[0]] = Peek(); break;                                   // BINPUT
                case (byte)'r': memo[BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4))] = Peek(); break;
                case 0x94: memo[memo.Count] = Peek(); break;                                         // MEMOIZE
                case (byte)'h': stack.Add(Recall(Bytes(1)[0])); break;                               // BINGET
                case (byte)'j': stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4)))); break;
                case (byte)'c': stack.Add(new PickleGlobal(Line(), Line())); break;                  // GLOBAL
                case 0x93:                                                                           // STACK_GLOBAL
                    object?[] names = Last(2);
                    stack.Add(names is [string module, string name] ? new PickleGlobal(module, name) : throw Damaged("a name is no text"));
                    break;
                case (byte)'R' or 0x81: stack.Add(Call(Last(2))); break;                             // REDUCE, NEWOBJ
                case 0x92: Pop(); stack.Add(Call(Last(2))); break;                                   // NEWOBJ_EX, without the arguments by name
                case (byte)'b':                                                                      // BUILD
                    Pop(); // the attributes of a dictionary or of another object, which carry no tensors that are wanted
                    if (Peek() is not (Dictionary<string, object?> or PickleCall or PickleOther)) throw Damaged("attributes are set on what has none");
                    break;
                case (byte)'Q': stack.Add(Identifier(Pop())); break;                                 // BINPERSID
                default: throw Damaged($"it has the instruction 0x{code:X2}, which state dicts do not need");
            }
        }
    }

    private static object Call(object?[] call) => call switch
    {
        [PickleGlobal function, object?[] { Length: 0 }] when function == PyTorchNames.OrderedDict => new Dictionary<string, object?>(),
        [PickleGlobal function, object?[] arguments] => new PickleCall(function, arguments),
        [PickleCall or PickleOther, object?[]] => new PickleOther("what a call of a call gives"),
        _ => throw Damaged("a call has no name"),
    };

    private readonly object Identifier(object? id)
    {
        // Before version 1.6 a module's class was written so, with its source code.
        if (id is object?[] and ["module", PickleGlobal type, ..]) return type;
        var identifier = new PicklePersistentId(id);
        identifiers.Add(identifier);
        return identifier;
    }

    private static PickleOther Set() => new("a set");

    private ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > data.Length - position) throw Damaged("it is cut short");
        var bytes = data.Slice(position, count);
        position += count;
        return bytes;
    }

    private int Length(int size)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(Bytes(size));
        return length <= int.MaxValue ? (int)length : throw Damaged("it is cut short");
    }

    private int LongLength()
    {
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));
        return length <= int.MaxValue ? (int)length : throw Damaged("it is cut short");
    }

    private string Text(int length) => Encoding.UTF8.GetString(Bytes(length));

    private string Line()
    {
        int length = data[position..].IndexOf((byte)'\n');
        if (length < 0) throw Damaged("it is cut short");
        string text = Text(length);
        position++;
        return text;
    }

    private static object Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8) return new PickleOther("an integer of more than 8 bytes");
        long value = 0;
        for (int i = 0; i < bytes.Length; i++) value |= (long)bytes[i] << (8 * i);
        return bytes.Length is 0 or 8 || bytes[^1] < 0x80 ? value : value - (1L << (8 * bytes.Length));
    }

    private readonly object? Peek() => stack.Count > 0 && !ReferenceEquals(stack[^1], Mark) ? stack[^1] : throw Damaged("its stack is empty");

    private readonly object? Pop()
    {
        object? top = Peek();
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private readonly object?[] Last(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--) items[i] = Pop();
        return items;
    }

    private readonly object?[] SinceMark()
    {
        int mark = stack.LastIndexOf(Mark);
        if (mark < 0) throw Damaged("a mark is missing");
        object?[] items = [.. stack.Skip(mark + 1)];
        stack.RemoveRange(mark, stack.Count - mark);
        return items;
    }

    private readonly void Append(object?[] items)
    {
        if (Peek() is List<object?> list) list.AddRange(items);
        else Fill(items);
    }

    /// <summary>Lets go of what an object of another kind is filled with.</summary>
    private readonly void Fill(object?[] items)
    {
        if (Peek() is not (PickleCall or PickleOther)) throw Damaged($"there is nothing to put {items.Length} items into");
    }

    private readonly void Set(object?[] pairs)
    {
        if (pairs.Length % 2 != 0) throw Damaged("a key has no value");
        if (Peek() is not Dictionary<string, object?> dictionary)
        {
            Fill(pairs); // such as a defaultdict
            return;
        }

        for (int i = 0; i < pairs.Length; i += 2)
        {
            // Numbers as keys are an optimiser's. .NET's hashes of text have a secret in them, those of numbers can be made to collide.
            if (pairs[i] is string key) dictionary[key] = pairs[i + 1];
            else if (pairs[i] is List<object?> or Dictionary<string, object?>) throw Damaged("a key is a list or a dictionary");
        }
    }

    private readonly object? Recall(long place) => memo.TryGetValue(place, out object? item) ? item : throw Damaged("it recalls what it never stored");

    private static FormatException Damaged(string why) => new(why);
}
