import { expect, test } from "vitest";
import { challengeLines } from "../../src/auth/challenge.ts";

const GIVEN = { realm: "sip.test", nonce: "n", hasQop: true, isStale: false } as const;

test("a challenge has a line for each algorithm, in the order that is wanted", () => {
  expect(challengeLines({ ...GIVEN, algorithms: ["SHA-256", "MD5"] })).toBe(
    'WWW-Authenticate: Digest realm="sip.test", nonce="n", algorithm=SHA-256, qop="auth"\r\n' +
      'WWW-Authenticate: Digest realm="sip.test", nonce="n", algorithm=MD5, qop="auth"\r\n',
  );
});

test("it says when only the nonce was too old, and leaves qop out where it is told to", () => {
  const challenge = { ...GIVEN, hasQop: false, isStale: true, algorithms: ["MD5"] } as const;
  expect(challengeLines(challenge)).toBe(
    'WWW-Authenticate: Digest realm="sip.test", nonce="n", algorithm=MD5, stale=true\r\n',
  );
});

test("a realm cannot break out of its quotes", () => {
  const challenge = { ...GIVEN, realm: 'a"\r\nX: y\\', algorithms: ["MD5"] } as const;
  expect(challengeLines(challenge)).toContain('realm="a\\" X: y\\\\", nonce=');
});
