import { expect, test } from "vitest";
import { parseCredentialFile } from "../../src/auth/credential-file.ts";

const MD5 = "0123456789ABCDEF0123456789abcdef";
const SHA = MD5 + MD5;

test("lines of htdigest are read, with or without algorithm, comments and empty lines left out", () => {
  const text =
    `# users\r\nalice:sip.test:${MD5}\r\n\n  bob@sip.test:10.0.0.1:5060:${SHA}:sha-256\n` +
    `carol:the realm:${SHA}:SHA-512-256`;
  expect(parseCredentialFile(text)).toEqual([
    { username: "alice", realm: "sip.test", algorithm: "MD5", ha1: MD5.toLowerCase() },
    {
      username: "bob@sip.test",
      realm: "10.0.0.1:5060",
      algorithm: "SHA-256",
      ha1: SHA.toLowerCase(),
    },
    { username: "carol", realm: "the realm", algorithm: "SHA-512-256", ha1: SHA.toLowerCase() },
  ]);
  expect(parseCredentialFile("")).toEqual([]);
});

test.each([
  ["alice", "must be user:realm:ha1 or user:realm:ha1:algorithm"],
  [`alice:${MD5}`, "must be user:realm:ha1 or user:realm:ha1:algorithm"],
  [`:r:${MD5}`, "must be user:realm:ha1 or user:realm:ha1:algorithm"],
  ["alice:r:password", "must be user:realm:ha1 or user:realm:ha1:algorithm"],
  [`alice:r:${MD5}0`, "ha1 of MD5 must have 32 hexadecimal digits"],
  [`alice:r:${SHA}`, "ha1 of MD5 must have 32 hexadecimal digits"],
  [`alice:r:${MD5}:SHA-256`, "ha1 of SHA-256 must have 64 hexadecimal digits"],
  [`alice:r:${MD5}:SHA-1`, "the algorithm must be MD5, SHA-256 or SHA-512-256"],
  [`a\tb:r:${MD5}`, "user and realm must not hold control characters"],
  [`${"a".repeat(257)}:r:${MD5}`, "user and realm must not be longer than 256 bytes"],
])("%j is refused with its line number", (line, rule) => {
  const text = `alice:r:${MD5}\n${line}\n`;
  expect(parseCredentialFile(text)).toEqual({ line: 2, rule });
});
