import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  credentialRealms,
  digestParams,
  givenDigests,
  isRightResponse,
  nonceCount,
} from "../../src/auth/verify-digest.ts";
import { message, requestOf } from "../support/messages.ts";
import { authorizationFor, credentialOf, type PhoneDigest, REALM } from "./fixtures.ts";

const CHALLENGE = new Map([
  ["realm", REALM],
  ["nonce", "n1"],
  ["algorithm", "SHA-256"],
]);
const OFFERED = ["SHA-256", "MD5"] as const;

function registerWith(...lines: string[]) {
  return requestOf(
    message(
      "REGISTER sip:sip.test SIP/2.0",
      "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-1",
      "From: <sip:alice@sip.test>;tag=1",
      "To: <sip:alice@sip.test>",
      "Call-ID: 1",
      "CSeq: 1 REGISTER",
      ...lines,
    ),
  );
}

function given(parts: PhoneDigest): ReturnType<typeof givenDigests> {
  return givenDigests(registerWith(authorizationFor(CHALLENGE, parts)), REALM, OFFERED);
}

describe("the credentials of a request", () => {
  test("are those for the realm, whatever else stands beside them", () => {
    const elsewhere = new Map([...CHALLENGE, ["realm", "elsewhere"]]);
    const request = registerWith(
      "Authorization: Basic dGVzdDp0ZXN0",
      authorizationFor(elsewhere),
      "Authorization: broken",
      authorizationFor(CHALLENGE),
    );
    expect(givenDigests(request, REALM, OFFERED)).toMatchObject([
      { username: "alice", realm: REALM, nonce: "n1", algorithm: "SHA-256" },
    ]);
  });

  test("are none where there is no header, or one of another algorithm", () => {
    expect(givenDigests(registerWith(), REALM, OFFERED)).toEqual([]);
    expect(given({ params: { algorithm: "MD5-sess" } })).toEqual([]);
    expect(givenDigests(registerWith(authorizationFor(CHALLENGE)), REALM, ["MD5"])).toEqual([]);
  });

  test("have MD5 where they name no algorithm", () => {
    expect(given({ algorithm: "MD5", params: { algorithm: undefined } })).toMatchObject([
      { algorithm: "MD5" },
    ]);
  });

  test.each([
    ["no user", { username: undefined }],
    ["an empty user", { username: '""' }],
    ["a user longer than any", { username: `"${"a".repeat(257)}"` }],
    ["no nonce", { nonce: undefined }],
    ["no uri", { uri: undefined }],
    ["no response", { response: undefined }],
    ["a response of another length", { response: `"${"0".repeat(32)}"` }],
    ["auth-int, which is not offered", { qop: "auth-int" }],
    ["qop without nonce count", { nc: undefined }],
    ["qop without client nonce", { cnonce: undefined }],
    ["a nonce count of nothing", { nc: "00000000" }],
    ["a nonce count that is no number", { nc: "0000000g" }],
    ["a nonce count beyond 32 bits", { nc: "000000001" }],
  ])("are malformed with %s", (_, params) => {
    expect(given({ params })).toBe("malformed");
  });

  test("are told by their realms, those for proxies too", () => {
    const elsewhere = authorizationFor(new Map([...CHALLENGE, ["realm", "elsewhere"]]));
    const request = registerWith(
      authorizationFor(CHALLENGE),
      `Proxy-${elsewhere}`,
      "Authorization: x",
    );
    expect(credentialRealms(request)).toEqual([REALM, "", "elsewhere"]);
  });

  test("are at most eight", () => {
    const lines = Array.from({ length: 9 }, () => authorizationFor(CHALLENGE));
    expect(givenDigests(registerWith(...lines), REALM, OFFERED)).toHaveLength(8);
  });
});

function isRight(parts: PhoneDigest, user = "alice", method = "REGISTER"): boolean {
  const [digest] = given(parts);
  if (digest === undefined || typeof digest === "string") throw new Error("no credentials");
  const { ha1 } = credentialOf(user, digest.algorithm);
  return isRightResponse(digest, method, ha1);
}

describe("a response is right", () => {
  test.each<[string, PhoneDigest]>([
    ["with qop", {}],
    ["with a later nonce count", { nc: 0xabcdef }],
    ["without qop", { isPlain: true }],
    ["with MD5", { algorithm: "MD5" }],
    ["with a quoted qop, as some phones send it", { params: { qop: '"auth"' } }],
  ])("%s", (_, parts) => {
    expect(isRight(parts)).toBe(true);
  });

  test.each<[string, PhoneDigest]>([
    ["with another password", { password: "wrong" }],
    ["with another user's password", { params: { username: '"bob"' }, username: "bob" }],
    ["with another nonce", { params: { nonce: '"n2"' } }],
    ["with another count", { params: { nc: "00000002" } }],
    ["with another client nonce", { params: { cnonce: '"tea"' } }],
    ["with another uri", { params: { uri: '"sip:elsewhere"' } }],
    ["with qop taken away", { params: { qop: undefined } }],
    ["with qop added", { isPlain: true, params: { qop: "auth", nc: "1", cnonce: "x" } }],
    ["with any other text", { params: { response: `"${"z".repeat(64)}"` } }],
  ])("but not %s", (_, parts) => {
    expect(isRight(parts)).toBe(false);
  });

  test("but not for another method or user, nor for a user that is not known", () => {
    expect(isRight({}, "alice", "INVITE")).toBe(false);
    expect(isRight({}, "bob")).toBe(false);
    const [digest] = given({});
    if (digest === undefined || typeof digest === "string") throw new Error("no credentials");
    expect(isRightResponse(digest, "REGISTER", undefined)).toBe(false);
  });

  test("and not for whoever hashes the place holder of unknown users", () => {
    const zeros = "0".repeat(64);
    const [digest] = given({});
    if (digest === undefined || typeof digest === "string") throw new Error("no credentials");
    expect(isRightResponse({ ...digest, response: zeros }, "REGISTER", undefined)).toBe(false);
  });
});

test("a nonce count is a hexadecimal number, and one without qop", () => {
  expect(nonceCount("0000001f")).toBe(31);
  expect(nonceCount("FFFFFFFF")).toBe(0xffffffff);
  expect(nonceCount(undefined)).toBe(1);
});

test("no Authorization header crashes the reader", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("Digest ", "realm", "=", '"', "sip.test", ",", " ", "\\", "nonce")),
      (pieces) => {
        const text = pieces.join("");
        const params = digestParams(text);
        expect(params === undefined || params.size > 0).toBe(true);
        expect(() =>
          givenDigests(registerWith(`Authorization: ${text}`), REALM, OFFERED),
        ).not.toThrow();
      },
    ),
  );
});
