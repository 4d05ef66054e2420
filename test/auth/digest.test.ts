import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  computeHa1,
  computeResponse,
  computeSessionHa1,
  DIGEST_ALGORITHMS,
  DIGEST_LENGTH,
  type DigestAlgorithm,
  fingerprintOf,
  parseAlgorithm,
  probeAlgorithm,
} from "../../src/auth/digest.ts";

/** Bytes of a UTF-8 text, one character for each. */
const bytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

const MUFASA = { username: "Mufasa", realm: "http-auth@example.org", password: "Circle of Life" };
const RFC_7616 = {
  method: "GET",
  uri: "/dir/index.html",
  nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
  counted: { nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" },
};

describe("the examples of the standards come out", () => {
  test.each([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ] as const)("RFC 7616 section 3.9.1 with %s", (algorithm, response) => {
    const ha1 = computeHa1(algorithm, MUFASA);
    expect(computeResponse(ha1, { algorithm, ...RFC_7616 })).toBe(response);
  });

  test("RFC 7616 section 3.9.2 with SHA-512-256, as erratum 4897 corrects it", () => {
    const algorithm = "SHA-512-256";
    const ha1 = computeHa1(algorithm, {
      username: bytes("J\u00e4s\u00f8n Doe"),
      realm: "api@example.org",
      password: "Secret, or not?",
    });
    const response = computeResponse(ha1, {
      algorithm,
      method: "GET",
      uri: "/doe.json",
      nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
      counted: { nc: "00000001", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v" },
    });
    expect(response).toBe("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
  });

  test("RFC 2617 section 3.5, and the same without qop as RFC 2069 has it", () => {
    const algorithm = "MD5";
    const ha1 = computeHa1(algorithm, {
      username: "Mufasa",
      realm: "testrealm@host.com",
      password: "Circle Of Life",
    });
    const parts = {
      algorithm,
      method: "GET",
      uri: "/dir/index.html",
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    } as const;
    const counted = { nc: "00000001", cnonce: "0a4f113b" };
    expect(computeResponse(ha1, { ...parts, counted })).toBe("6629fae49393a05397450978507c4ef1");
    expect(computeResponse(ha1, { ...parts, counted: undefined })).toBe(
      "670fd8c2df070c60b045671b8b24ff02",
    );
  });
});

const HASHES: Readonly<Record<DigestAlgorithm, string>> = {
  MD5: "md5",
  "SHA-256": "sha256",
  "SHA-512-256": "sha512-256",
};

test("any user, realm and password are hashed as the bytes they are", () => {
  const text = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.constantFrom(...DIGEST_ALGORITHMS), text, text, text, (algorithm, ...texts) => {
      const [username, realm, password] = texts;
      const expected = createHash(HASHES[algorithm])
        .update(`${username}:${realm}:${password}`, "latin1")
        .digest("hex");
      const ha1 = computeHa1(algorithm, { username, realm, password });
      expect(ha1).toBe(expected);
      expect(ha1).toHaveLength(DIGEST_LENGTH[algorithm]);
    }),
  );
});

test("a session key is bound to nonce and client nonce", () => {
  const expected = createHash("md5").update("h:n:c").digest("hex");
  expect(computeSessionHa1("MD5", "h", { nonce: "n", cnonce: "c" })).toBe(expected);
});

test("a fingerprint tells texts apart that differ in one byte", () => {
  expect(fingerprintOf("a\xe9")).toBe(fingerprintOf("a\xe9"));
  expect(fingerprintOf("a\xe9")).not.toBe(fingerprintOf("a\xe8"));
});

test.each([
  ["md5", "MD5"],
  ["Sha-256", "SHA-256"],
  ["SHA-512-256", "SHA-512-256"],
  ["MD5-sess", undefined],
  ["SHA-1", undefined],
  ["", undefined],
  ["constructor", undefined],
])("the algorithm called %j is %s", (name, algorithm) => {
  expect(parseAlgorithm(name)).toBe(algorithm);
});

test("every algorithm can be computed here", () => {
  for (const algorithm of DIGEST_ALGORITHMS) expect(() => probeAlgorithm(algorithm)).not.toThrow();
});
