namespace WclSharp.Training;

/// <summary>Training has diverged: a loss or weights are no longer finite or, where a linear probe looks at them, features. The same options do it again.</summary>
public sealed class DivergedException(string message, Exception? inner = null) : WclException(message, inner);
