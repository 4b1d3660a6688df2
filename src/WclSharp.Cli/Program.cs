using TorchSharp;
using WclSharp.Native;

Console.WriteLine(TorchRuntime.State);
using var x = torch.rand(3, 3);
Console.WriteLine(x.ToString(TensorStringStyle.Numpy));
