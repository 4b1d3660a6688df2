using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace WclSharp.Benchmarks.Services;

/// <summary>Posts an image to a service again and again over some connections, and says how long answers take.</summary>
internal static class ServiceLoad
{
    private const int WarmUp = 20;

    /// <param name="url">Address that takes the image.</param>
    /// <param name="image">Image file.</param>
    /// <param name="rest">Number of requests (1,000), and connections that send them one after the other (4).</param>
    /// <returns>0; 1 where an answer is not a success.</returns>
    public static int Run(string url, string image, string[] rest)
    {
        int Number(int place, int usual) => rest.Length > place ? int.Parse(rest[place], CultureInfo.InvariantCulture) : usual;
        int requests = Number(0, 1000), connections = Number(1, 4);
        byte[] body = File.ReadAllBytes(image);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections });
        if (!Answers(client, url))
        {
            Console.Error.WriteLine($"Nothing answers at {url}; start the service first.");
            return 1;
        }

        Send(client, url, body, WarmUp, connections);

        long start = Stopwatch.GetTimestamp();
        var (seconds, failures, sample) = Send(client, url, body, requests, connections);
        double all = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.Sort(seconds);
        double Percentile(double share) => 1000 * seconds[Math.Min(seconds.Length - 1, (int)(share * seconds.Length))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{requests:N0} requests of {body.Length:N0} bytes over {connections} connections: {requests / all:0.0} a second, p50 {Percentile(0.5):0.0} ms, p99 {Percentile(0.99):0.0} ms, {failures} failed"));
        Console.WriteLine(sample.Length > 300 ? sample[..300] + " ..." : sample);
        return failures == 0 ? 0 : 1;
    }

    /// <summary>Waits up to twenty seconds for a service that is just starting.</summary>
    private static bool Answers(HttpClient client, string url)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            try
            {
                using var answer = client.GetAsync(new Uri(new Uri(url), "/health")).GetAwaiter().GetResult();
                return true;
            }
            catch (HttpRequestException)
            {
                Thread.Sleep(200);
            }
        }

        return false;
    }

    private static (double[] Seconds, int Failures, string Sample) Send(HttpClient client, string url, byte[] body, int requests, int connections)
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
