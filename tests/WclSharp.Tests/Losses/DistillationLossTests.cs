using WclSharp.Losses;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

public sealed class DistillationLossTests
{
    private static double Slow(double[][] student, double[][] teacher, double t)
    {
        double total = 0;
        for (int i = 0; i < student.Length; i++)
        {
            double ofTeacher = teacher[i].Sum(score => Math.Exp(score / t)), ofStudent = student[i].Sum(score => Math.Exp(score / t));
            for (int y = 0; y < student[i].Length; y++)
                total -= Math.Exp(teacher[i][y] / t) / ofTeacher * Math.Log(Math.Exp(student[i][y] / t) / ofStudent);
        }

        return t * t * total / student.Length;
    }

    [Theory, InlineData(1.0), InlineData(0.1), InlineData(4.0)]
    public void Loss_EqualsTheSlowLoop(double temperature)
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (Rows(5, 4, 1), Rows(5, 4, 2));
        Assert.Equal(Slow(student, teacher, temperature), DistillationLoss.Compute(ToTensor(student), ToTensor(teacher), temperature).item<double>(), 10);
    }

    [Fact]
    public void Gradient_EqualsFiniteDifferences_AndIsZeroWhereTheStudentSaysTheSame()
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (ToTensor(Rows(3, 4, 3)), ToTensor(Rows(3, 4, 4)));
        CheckGradient(student, x => DistillationLoss.Compute(x, teacher, 0.5));

        var same = teacher.add(7).requires_grad_(); // a constant on all scores changes no probability
        DistillationLoss.Compute(same, teacher, 0.5).backward();
        Assert.InRange(same.grad!.abs().max().item<double>(), 0, 1e-12);
    }

    [Fact]
    public void Gradient_KeepsItsSize_WhateverTheTemperature()
    {
        using var scope = NewDisposeScope();
        var teacher = ToTensor(Rows(5, 4, 6));
        double Size(double temperature)
        {
            var student = ToTensor(Rows(5, 4, 5)).requires_grad_();
            DistillationLoss.Compute(student, teacher, temperature).backward();
            return student.grad!.norm().item<double>();
        }

        // Far above the scores it comes to (student - teacher) / (N C) of centred scores (Hinton et al. 2015, equation 4); without the factor it would be a hundredth from 10 to 100.
        Assert.Equal(1, Size(100) / Size(10), 0.1);
        Assert.InRange(Size(4) / Size(1), 0.5, 2);
    }

    [Fact]
    public void Teacher_GetsNoGradient()
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (ToTensor(Rows(3, 4, 3)).requires_grad_(), ToTensor(Rows(3, 4, 4)).requires_grad_());
        DistillationLoss.Compute(student, teacher, 1).backward();
        Assert.Null(teacher.grad);
        Assert.NotNull(student.grad);
    }

    [Fact]
    public void Arguments_ThatDoNotFit_AreRefused()
    {
        using var scope = NewDisposeScope();
        Assert.Contains("[3, 4] and teacher [3, 5]", Assert.Throws<ArgumentException>(() => DistillationLoss.Compute(zeros(3, 4), zeros(3, 5), 1)).Message, StringComparison.Ordinal);
        Assert.Contains("Temperature 0", Assert.Throws<ArgumentException>(() => DistillationLoss.Compute(zeros(3, 4), zeros(3, 4), 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (ToTensor(Rows(3, 4, 3)), ToTensor(Rows(3, 4, 4)));
        CheckLeavesOne(() => DistillationLoss.Compute(student, teacher, 2));
    }
}
