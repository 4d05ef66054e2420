import { expect, test } from "vitest";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import { MAX_PENDING_IDENTITIES } from "../../src/server/limits.ts";
import { PendingIdentities } from "../../src/server/pending-identities.ts";

function identity(key: string, cseq = 1): Identity {
  return { key, callId: "call", cseq };
}

test("the last identity of a registration counts until it is dropped", () => {
  const identities = new PendingIdentities();
  expect(identities.read("a")).toBeUndefined();
  identities.set(identity("a", 1));
  identities.set(identity("a", 2));
  expect(identities.read("a")?.cseq).toBe(2);
  identities.delete("a");
  identities.delete("a");
  expect(identities.read("a")).toBeUndefined();
});

test(`${MAX_PENDING_IDENTITIES} are kept, and those set longest ago go first`, () => {
  const identities = new PendingIdentities();
  for (let at = 0; at < MAX_PENDING_IDENTITIES; at += 1) identities.set(identity(String(at)));
  identities.set(identity("0", 7));
  identities.set(identity("more"));
  expect(identities.read("0")?.cseq).toBe(7);
  expect(identities.read("1")).toBeUndefined();
  expect(identities.read("2")).toBeDefined();
  expect(identities.read("more")).toBeDefined();
});

test("a registration is doubted until it is trusted again or gone", () => {
  const identities = new PendingIdentities();
  identities.set(identity("a"));
  identities.doubt("a");
  identities.doubt("b");
  identities.trust("a");
  expect(identities.isDoubted("a")).toBe(false);
  expect(identities.read("a")).toBeDefined();
  expect(identities.isDoubted("b")).toBe(true);
  identities.delete("b");
  expect(identities.isDoubted("b")).toBe(false);
});

test(`${MAX_PENDING_IDENTITIES} doubts are kept`, () => {
  const identities = new PendingIdentities();
  for (let at = 0; at <= MAX_PENDING_IDENTITIES; at += 1) identities.doubt(String(at));
  expect(identities.isDoubted("0")).toBe(false);
  expect(identities.isDoubted("1")).toBe(true);
});
