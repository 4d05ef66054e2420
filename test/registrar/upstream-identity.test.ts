import { describe, expect, test } from "vitest";
import {
  castsDoubt,
  fromTagOf,
  type IdentityEvent,
  identityAfter,
} from "../../src/registrar/upstream-identity.ts";

describe("after a forwarded REGISTER that committed nothing", () => {
  test.each<[IdentityEvent, string, number]>([
    ["unchanged", "call", 8],
    ["challenged", "call", 8],
    ["timeout", "call", 8],
    ["refused", "fresh", 1],
    ["unstored", "fresh", 1],
    ["unlisted", "fresh", 1],
  ])("%s: the next one is %s %i", (event, callId, cseq) => {
    const identity = { key: "a", callId: "call", cseq: 7 };
    expect(identityAfter(identity, event, "fresh")).toEqual({ key: "a", callId, cseq });
  });

  test.each<[IdentityEvent, boolean, boolean]>([
    ["unchanged", false, false],
    ["challenged", false, false],
    ["refused", false, false],
    ["unstored", true, true],
    ["unlisted", true, true],
    ["timeout", true, false],
  ])("%s: casts doubt when it is proven: %s, when it is not: %s", (event, proven, unproven) => {
    expect([castsDoubt(event, true), castsDoubt(event, false)]).toEqual([proven, unproven]);
  });
});

test("a From tag is the first 72 bits of the Call-ID in base64url", () => {
  expect(fromTagOf("0123456789abcdefghijklmn")).toBe("0123456789ab");
});
