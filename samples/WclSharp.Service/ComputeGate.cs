namespace WclSharp.Service;

/// <summary>
/// Reads an image from a request, lets as many computations run at a time as there are cores, and answers with what they found: more at a time would only make each other slower. A request whose
/// body is no image gets status 400 and the reason.
/// </summary>
/// <param name="atOnce">Computations at a time.</param>
internal sealed class ComputeGate(int atOnce)
{
    private readonly SemaphoreSlim free = new(atOnce);

    public async Task<IResult> Answer<T>(HttpRequest request, Func<ReadOnlyMemory<byte>, T> compute)
    {
        using var image = new MemoryStream();
        await request.Body.CopyToAsync(image, request.HttpContext.RequestAborted);
        await free.WaitAsync(request.HttpContext.RequestAborted);
        try
        {
            return Results.Ok(compute(image.GetBuffer().AsMemory(0, (int)image.Length)));
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
