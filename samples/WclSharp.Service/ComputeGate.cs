namespace WclSharp.Service;

/// <summary>
/// Reads an image from a request, lets as many computations run at a time as there are cores, and answers with what they found: more at a time would only make each other slower. A request whose
/// body is no image gets status 400 and the reason, one that sends its image too slowly 408, and what else the server refuses, as too long a body, its status and the reason; where too many are there already, each with an image in memory, 503 and the reason.
/// A client that holds many connections open can keep others out: a service that strangers reach needs a proxy in front that limits them by address.
/// </summary>
/// <param name="atOnce">Computations at a time.</param>
/// <param name="most">Requests at a time, those that wait or still send their image included.</param>
/// <param name="longest">How long sending an image may take.</param>
internal sealed class ComputeGate(int atOnce, int most, TimeSpan longest)
{
    private const long FirstRoom = 16 << 20; // bytes, of a request that says that it has as many

    private int held;
    private readonly SemaphoreSlim free = new(atOnce);

    /// <param name="request">Its body is the image.</param>
    /// <param name="embed">What the network makes of it.</param>
    /// <param name="answer">The answer from that.</param>
    public async Task<IResult> Answer<TFound, TAnswer>(HttpRequest request, Func<ReadOnlyMemory<byte>, TFound> embed, Func<TFound, TAnswer> answer)
    {
        var aborted = request.HttpContext.RequestAborted;
        try
        {
            if (Interlocked.Increment(ref held) > most) return Busy("Too many requests are there now; try again later.");
            using var image = new MemoryStream((int)Math.Min(request.ContentLength ?? 0, FirstRoom)); // the server refuses what is too long while it is read
            // The read is cancelled and not its token: the server can still leave the rest of the body aside.
            using (var deadline = new CancellationTokenSource(longest))
            using (deadline.Token.Register(request.BodyReader.CancelPendingRead))
                await request.BodyReader.CopyToAsync(image, aborted);

            await free.WaitAsync(aborted);
            try
            {
                return Results.Ok(answer(embed(image.GetBuffer().AsMemory(0, (int)image.Length))));
            }
            finally
            {
                free.Release();
            }
        }
        catch (UnreadableImageException e)
        {
            return e.IsTransient ? Busy("There is not enough memory for it now; try again later.") : Results.BadRequest(e.Message);
        }
        catch (BadHttpRequestException e)
        {
            return Results.Json(e.Message, ServiceJson.Default.String, statusCode: e.StatusCode);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return Results.Json(FormattableString.Invariant($"The image did not come within {longest.TotalSeconds} seconds."), ServiceJson.Default.String, statusCode: StatusCodes.Status408RequestTimeout);
        }
        finally
        {
            Interlocked.Decrement(ref held);
        }

        IResult Busy(string reason)
        {
            request.HttpContext.Response.Headers.RetryAfter = "1";
            return Results.Json(reason, ServiceJson.Default.String, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
