namespace WclSharp.Training;

/// <summary>Training has diverged: a loss, weights or features are no finite numbers any more. The same options do it again.</summary>
public sealed class DivergedException(string message, Exception? inner = null) : WclException(message, inner);
