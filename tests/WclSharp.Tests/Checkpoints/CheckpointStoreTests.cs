using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Checkpoints;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-checkpoints-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>A run that stopped while an epoch was measured saves the epoch's last step anew.</summary>
    [Fact]
    public void Save_OfAStepThatIsSaved_LeavesTheOldOneWhole_UntilTheNewOneIs()
    {
        using var scope = NewDisposeScope();
        var options = MethodDefaults.Fill(new PretrainOptions { Arch = EncoderArch.ResNet18, Width = 1, Stem = EncoderStem.Small, HeadHidden = 4, HeadOutput = 2, ImageSize = 16, Batch = 6, Epochs = 1, LearningRate = 0.1 });
        using var model = new WclModel(options, weakHead: false, new ComputeDevice(CPU, ScalarType.Float32));
        using Sgd optimizer = new(model.Parameters, 1e-4), gone = new(model.Parameters, 1e-4);
        using var method = new SimClr(options);
        var store = new CheckpointStore(folder);
        var weight = model.Encoder.get_parameter("conv1.weight")!;

        SetWeight(1);
        string first = Save(optimizer);
        SetWeight(2);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Save(gone)); // when the network is written
        Assert.Equal(first, store.Last);
        Assert.Equal(4, store.LoadLast(model, optimizer, method).Step);
        Assert.Equal(1, weight.mean().item<float>());

        SetWeight(3);
        string second = Save(optimizer);
        Assert.Equal((first + "-2", second), (second, store.Last));
        Assert.Equal([second], Directory.GetDirectories(folder));
        SetWeight(4);
        store.LoadLast(model, optimizer, method);
        Assert.Equal(3, weight.mean().item<float>());

        string Save(Sgd by) => store.Save(model, by, method, new CheckpointState { Step = 4 }, new Dictionary<string, string>(), best: false);
        void SetWeight(float value)
        {
            using var noGradient = no_grad();
            weight.fill_(value);
        }
    }
}
