namespace WclSharp.Service;

/// <summary>
/// Reads an image from a request, lets as many computations run at a time as there are cores, and answers with what they found: more at a time would only make each other slower. A request whose
/// body is no image gets status 400 and the reason; where too many wait already, each with an image in memory, 503.
/// </summary>
/// <param name="atOnce">Computations at a time.</param>
/// <param name="most">Requests at a time, those that wait included.</param>
internal sealed class ComputeGate(int atOnce, int most)
{
    private int held;
    private readonly SemaphoreSlim free = new(atOnce);

    public async Task<IResult> Answer<T>(HttpRequest request, Func<ReadOnlyMemory<byte>, T> compute)
    {
        try
        {
            if (Interlocked.Increment(ref held) > most) return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            using var image = new MemoryStream();
            await request.Body.CopyToAsync(image, request.HttpContext.RequestAborted);
            return await Compute(image.GetBuffer().AsMemory(0, (int)image.Length), compute, request.HttpContext.RequestAborted);
        }
        finally
        {
            Interlocked.Decrement(ref held);
        }
    }

    private async Task<IResult> Compute<T>(ReadOnlyMemory<byte> image, Func<ReadOnlyMemory<byte>, T> compute, CancellationToken cancellation)
    {
        await free.WaitAsync(cancellation);
        try
        {
            return Results.Ok(compute(image));
        }
        catch (WclUsageException e)
        {
            return Results.BadRequest(e.Message);
        }
        finally
        {
            free.Release();
        }
    }
}
