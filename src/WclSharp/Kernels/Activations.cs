namespace WclSharp.Kernels;

/// <summary>What follows batch norm: max(floor, x).</summary>
internal interface IActivation
{
    /// <summary>The least output.</summary>
    static abstract float Floor { get; }
}

/// <summary>max(0, x).</summary>
internal readonly struct Relu : IActivation
{
    public static float Floor => 0;
}

/// <summary>x.</summary>
internal readonly struct Identity : IActivation
{
    public static float Floor => float.NegativeInfinity;
}
