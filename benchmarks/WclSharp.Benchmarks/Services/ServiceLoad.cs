using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace WclSharp.Benchmarks.Services;

/// <summary>Posts an image to a service again and again over some connections, and says how long answers take.</summary>
internal static class ServiceLoad
{
    private const string Usage = "service URL IMAGE [N [CONNECTIONS]]";
    private const int WarmUp = 20;

    /// <param name="arguments">Address that takes the image, the image file, number of requests (1,000), and connections that send them one after the other (4).</param>
    /// <exception cref="WclUsageException">The call is wrong.</exception>
    /// <exception cref="WclException">Nothing answers, or an answer is no success.</exception>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 2, most: 4);
        if (!Uri.TryCreate(given[0], UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw given.Wrong($"'{given[0]}' is no address");
        byte[] body = File.ReadAllBytes(given.ExistingFile(1));
        int requests = given.Count(2, "N") ?? 1000, connections = given.Count(3, "CONNECTIONS") ?? 4;
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections });
        if (!Answers(client, url)) throw new WclException($"Nothing answers at {url}; start the service first.");
        try
        {
            Send(client, url, body, WarmUp, connections);
            Measure(client, url, body, requests, connections);
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is HttpRequestException or TaskCanceledException)
        {
            throw new WclException($"The service at {url} does not answer any more: {e.InnerExceptions[0].Message}", e);
        }
    }

    private static void Measure(HttpClient client, Uri url, byte[] body, int requests, int connections)
    {
        long start = Stopwatch.GetTimestamp();
        var (seconds, failures, sample) = Send(client, url, body, requests, connections);
        double all = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.Sort(seconds);
        double Percentile(double share) => 1000 * seconds[Math.Min(seconds.Length - 1, (int)(share * seconds.Length))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{requests:N0} requests of {body.Length:N0} bytes over {connections} connections: {requests / all:0.0} a second, p50 {Percentile(0.5):0.0} ms, p99 {Percentile(0.99):0.0} ms, {failures} failed"));
        Console.WriteLine(sample.Length > 300 ? sample[..300] + " ..." : sample);
        if (failures > 0) throw new WclException($"{failures:N0} of {requests:N0} answers are no success.");
    }

    /// <summary>Waits up to twenty seconds for a service that is just starting.</summary>
    private static bool Answers(HttpClient client, Uri url)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            try
            {
                using var answer = client.GetAsync(new Uri(url, "/health")).GetAwaiter().GetResult();
                return true;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                Thread.Sleep(200);
            }
        }

        return false;
    }

    private static (double[] Seconds, int Failures, string Sample) Send(HttpClient client, Uri url, byte[] body, int requests, int connections)
    {
        var seconds = new ConcurrentBag<double>();
        int left = requests, failures = 0;
        string sample = "";
        async Task Work()
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                long start = Stopwatch.GetTimestamp();
                using var answer = await client.PostAsync(url, new ByteArrayContent(body));
                sample = await answer.Content.ReadAsStringAsync();
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                if (!answer.IsSuccessStatusCode) Interlocked.Increment(ref failures);
            }
        }

        Task.WaitAll([.. Enumerable.Range(0, connections).Select(_ => Task.Run(Work))]);
        return ([.. seconds], failures, sample);
    }
}
