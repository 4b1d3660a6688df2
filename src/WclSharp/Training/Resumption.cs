using WclSharp.Checkpoints;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Reporting;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// Goes on with what an earlier process left of a run. It refuses other images, which would make another run, and warns of another device, version or number of threads, which round differently.
/// </summary>
/// <remarks>The table in <see cref="PretrainingRun"/> says what an earlier process can have left.</remarks>
/// <param name="folder">Folder of the run.</param>
/// <param name="checkpoints">Its checkpoints.</param>
/// <param name="warn">Told what a person should know, a line each.</param>
internal sealed class Resumption(RunFolder folder, CheckpointStore checkpoints, Action<string> warn)
{
    private const string PartsWays = "sums are rounded differently, and after a few hundred steps the weights will differ as much as between two seeds.";

    /// <summary>Refuses a run that has trained and whose checkpoints are gone. Starting anew, as a run that has saved nothing does, would lose what it measured. Its encoder, or a line of its second epoch, shows that it has trained.</summary>
    /// <exception cref="WclUsageException">It is such a run.</exception>
    public void RequireNothingLost()
    {
        if (checkpoints.Last is not null) return;
        // The first epoch's line shows nothing: it comes before the checkpoint, and the process may have been killed between the two.
        if (File.Exists(RunFolder.EncoderOf(folder.FullPath)) || folder.ReadMetrics().Any(metrics => metrics.Epoch > 1))
            throw new WclUsageException($"The run in {folder.FullPath} has trained, but its checkpoints are gone from {folder.CheckpointFolder}; put them back, or start anew with another --out.");
    }

    /// <summary>Goes on from the last checkpoint. Drops the lines of the epochs after it, which come again, so that no epoch has two.</summary>
    /// <param name="model">Takes the weights.</param>
    /// <param name="optimizer">Takes its state.</param>
    /// <param name="method">Takes its state.</param>
    /// <param name="trainer">Set to the step that comes next.</param>
    /// <param name="data">The images of now.</param>
    /// <param name="compute">The device of now.</param>
    /// <returns>What the checkpoint says; null where there is none, so that the run starts anew.</returns>
    /// <exception cref="WclUsageException">The checkpoint is damaged, or of other images.</exception>
    public CheckpointState? Restore(WclModel model, Optimizer optimizer, Method method, Trainer trainer, PretrainingData data, ComputeDevice compute)
    {
        if (checkpoints.Last is not { } last)
        {
            warn($"There is no checkpoint in {folder.CheckpointFolder}, so the run starts anew.");
            folder.TruncateMetrics(-1);
            return null;
        }
        if (!checkpoints.IsLastNamed) warn($"No last.json names a checkpoint; the run goes on from the newest, '{last}'.");
        var state = checkpoints.LoadLast(model, optimizer, method);
        RequireSameImages(state, data);
        WarnOfOtherRounding(state, compute);
        trainer.Restore(state.Step, state.Seconds, state.Sums, state.SummedSteps);
        folder.TruncateMetrics(state.Epoch);
        WarnOfLostLines(state.Epoch);
        folder.Log($"resumed at step {state.Step} of {trainer.TotalSteps}");
        return state;
    }

    private static void RequireSameImages(CheckpointState state, PretrainingData data)
    {
        if (state.DatasetFingerprint != data.Train.Fingerprint)
            throw new WclUsageException($"The images or their classes are not those that the run was started with (fingerprint {Short(data.Train.Fingerprint)}, not {Short(state.DatasetFingerprint)}); put them back, or start anew with another --out.");
        if (state.TestFingerprint != data.HeldOut?.Fingerprint)
            throw new WclUsageException("The test images or their classes are not those that the run was started with, so that its accuracies could not be compared; put them back, or start anew with another --out.");
    }

    private static string Short(string fingerprint) => fingerprint[..Math.Min(12, fingerprint.Length)];

    private void WarnOfOtherRounding(CheckpointState state, ComputeDevice compute)
    {
        if (state.Device is not null && (state.Device, state.DeviceName) != (compute.Kind, compute.Model))
            warn($"The run was computed on {state.DeviceName} and goes on on {compute.Name}: {PartsWays}");
        else if (!compute.IsGpu && state.Threads != get_num_threads())
            warn($"The run was started with {state.Threads} thread{(state.Threads == 1 ? "" : "s")} and goes on with {get_num_threads()}: {PartsWays}");
        if (state.Version is not null && state.Version != SoftwareVersions.Library)
            warn($"The run was computed by WclSharp {state.Version} and goes on with {SoftwareVersions.Library}: where their arithmetic differs, {PartsWays}");
    }

    private void WarnOfLostLines(int epochs)
    {
        int[] lost = [.. Enumerable.Range(1, epochs).Except(folder.ReadMetrics().Select(metrics => metrics.Epoch))];
        if (lost.Length > 0)
            warn(FormattableString.Invariant($"metrics.jsonl lacks the line{(lost.Length == 1 ? $" of epoch {lost[0]}: its" : FormattableString.Invariant($"s of {lost.Length:N0} of the {epochs:N0} finished epochs, {lost[0]} the first: their"))} measurements are lost; training is not affected."));
    }
}
