using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>An exception in a backward function of ours would end this process if it reached libtorch.</summary>
public class BackwardErrorsTests
{
    [Fact]
    public void Run_AFunctionThatFails_ThrowsItsException_AndTheNextPassIsAsEver()
    {
        using var scope = NewDisposeScope();
        using var x = randn([6, 4], generator: new Generator(1)).requires_grad_();
        var loss = UnitRows.Of(UnitRows.Of(x)).mul(x).sum();
        loss.backward(retain_graph: true);
        var first = x.grad!.clone();
        // What the functions saved is gone after one pass, so a second cannot be made.
        Assert.Contains("has gone through this graph before", Assert.Throws<InvalidOperationException>(() => BackwardErrors.Run(() => loss.backward())).Message, StringComparison.Ordinal);

        x.grad = null;
        BackwardErrors.Run(() => UnitRows.Of(UnitRows.Of(x)).mul(x).sum().backward());
        Assert.Equal(first.data<float>().ToArray(), x.grad!.data<float>().ToArray());
        AutogradMemory.FreeReturned();
    }

    [Fact]
    public void Run_ForASecondDerivative_SaysThatThereIsNone()
    {
        using var scope = NewDisposeScope();
        using var x = randn([6, 4], generator: new Generator(1)).requires_grad_();
        var sum = UnitRows.Of(x).mul(x).sum();
        Assert.Contains("create_graph", Assert.Throws<NotSupportedException>(() => BackwardErrors.Run(() => autograd.grad([sum], [x], create_graph: true))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hold_OutsideRun_WritesTheErrorBeforeItGoesOn()
    {
        using var noGradient = no_grad(); // as within a backward pass
        var (before, written) = (Console.Error, new StringWriter());
        Console.SetError(written);
        try
        {
            Assert.Throws<InvalidOperationException>(() => BackwardErrors.Hold(() => throw new InvalidOperationException("the buffer is gone")));
        }
        finally
        {
            Console.SetError(before);
        }

        Assert.Contains("a backward pass failed", written.ToString(), StringComparison.Ordinal);
        Assert.Contains("the buffer is gone", written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OtherExceptions_AreNotHeldBack() =>
        Assert.Throws<InvalidOperationException>(() => BackwardErrors.Run(() => throw new InvalidOperationException()));
}
