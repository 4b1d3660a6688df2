namespace WclSharp.Checkpoints;

/// <summary>What a checkpoint holds beside tensors: <c>state.json</c>.</summary>
internal sealed record CheckpointState
{
    /// <summary>Version of the layout.</summary>
    public int Format { get; init; } = CheckpointStore.Format;

    /// <summary>Last epoch with a line in <c>metrics.jsonl</c>. Where all steps of the next one are done too, the run measures that epoch when it goes on.</summary>
    public int Epoch { get; init; }

    /// <summary>Steps taken since the start of the run.</summary>
    public long Step { get; init; }

    /// <summary>Seconds of training since the start of the run.</summary>
    public double Seconds { get; init; }

    /// <summary>Sums of the running epoch.</summary>
    public double[] Sums { get; init; } = [];

    /// <summary>Steps in <see cref="Sums"/>.</summary>
    public int SummedSteps { get; init; }

    /// <summary>Best kNN accuracy so far.</summary>
    public double? BestKnn { get; init; }

    /// <summary>Data set that the run was started with.</summary>
    public string DatasetFingerprint { get; init; } = "";

    /// <summary>Of these, those with a class, and what they are; null in checkpoints that do not say.</summary>
    public string? LabelledFingerprint { get; init; }

    /// <summary>Images that it tests with; null for none.</summary>
    public string? TestFingerprint { get; init; }

    /// <summary>What computed, cpu or cuda; null in checkpoints that do not say.</summary>
    public string? Device { get; init; }

    /// <summary>Name of the processor or GPU.</summary>
    public string? DeviceName { get; init; }

    /// <summary>Threads that computed; other counts round sums differently.</summary>
    public int Threads { get; init; }

    /// <summary>Version of WclSharp that computed, others of which may round sums differently; null in checkpoints that do not say.</summary>
    public string? Version { get; init; }

    /// <summary>Largest peak of resident memory of the run's processes until then, MiB; null in checkpoints that do not say.</summary>
    public double? PeakMemoryMib { get; init; }

    /// <summary>SHA-256 of the files beside this one.</summary>
    public Dictionary<string, string> Files { get; init; } = [];
}
