using System.Security.Cryptography;

namespace WclSharp.Data;

/// <summary>What a file is known again by.</summary>
internal static class FileHash
{
    /// <summary>SHA-256 of its content, in hexadecimal digits.</summary>
    public static string Of(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
