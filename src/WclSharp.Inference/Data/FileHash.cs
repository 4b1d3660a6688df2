using System.Security.Cryptography;

namespace WclSharp.Data;

/// <summary>What a file is known again by.</summary>
internal static class FileHash
{
    /// <summary>SHA-256 of its content, in hexadecimal digits.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string Of(string path)
    {
        if (path.Length == 0) throw new FileNotFoundException("its path is empty");
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
