using TorchSharp.Modules;

namespace WclSharp.Optimizers;

/// <summary>What an optimiser updates; <see cref="Optimizer.ParametersOf"/> makes them of modules.</summary>
/// <param name="Name">Its name, which no other parameter of the optimiser has; state in checkpoints is named by it.</param>
/// <param name="Parameter">The parameter, which is updated in place. Not owned.</param>
/// <param name="Decayed">Whether it is decayed by AdamW and LARS, and adapted by LARS (weights are; biases and batch norm are not); SGD decays every parameter.</param>
public sealed record OptimizedParameter(string Name, Parameter Parameter, bool Decayed);
