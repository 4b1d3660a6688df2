namespace WclSharp.Inference;

/// <summary>How an index stores the numbers of a vector.</summary>
public enum IndexFormat
{
    /// <summary>Four bytes a number; cosines are exact up to float32's rounding.</summary>
    Float32,

    /// <summary>IEEE half precision, two bytes a number.</summary>
    Fp16,

    /// <summary>One byte a number, with a scale for each row.</summary>
    Int8,
}
