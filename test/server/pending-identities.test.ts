import { expect, test } from "vitest";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import { MAX_PENDING_IDENTITIES } from "../../src/server/limits.ts";
import { PendingIdentities } from "../../src/server/pending-identities.ts";
import { TimerQueue } from "../../src/server/timer-queue.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildBinding, put } from "../store/fixtures.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NO_TIMER = { cancel: () => undefined };

function pending(): PendingIdentities {
  return new PendingIdentities({ store: new MemoryStore(), timers: { start: () => NO_TIMER } });
}

function identity(key: string, cseq = 1): Identity {
  return { key, callId: "call", cseq };
}

test("the last identity of a registration counts until it is dropped", () => {
  const identities = pending();
  expect(identities.read("a")).toBeUndefined();
  identities.set(identity("a", 1));
  identities.set(identity("a", 2));
  expect(identities.read("a")?.cseq).toBe(2);
  identities.delete("a");
  identities.delete("a");
  expect(identities.read("a")).toBeUndefined();
});

test(`${MAX_PENDING_IDENTITIES} are kept, and those set longest ago go first`, () => {
  const identities = pending();
  for (let at = 0; at < MAX_PENDING_IDENTITIES; at += 1) identities.set(identity(String(at)));
  identities.set(identity("0", 7));
  identities.set(identity("more"));
  expect(identities.read("0")?.cseq).toBe(7);
  expect(identities.read("1")).toBeUndefined();
  expect(identities.read("2")).toBeDefined();
  expect(identities.read("more")).toBeDefined();
});

test("a registration is doubted until it is trusted again or gone", () => {
  const identities = pending();
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
  const identities = pending();
  for (let at = 0; at <= MAX_PENDING_IDENTITIES; at += 1) identities.doubt(String(at));
  expect(identities.isDoubted("0")).toBe(false);
  expect(identities.isDoubted("1")).toBe(true);
});

const fail = (err: unknown): never => {
  throw err;
};

/** A store that can fail, and what the processes on it hold for doubtful. */
async function onDisk(): Promise<{
  clock: VirtualClock;
  store: FaultyStore;
  restart: () => PendingIdentities;
}> {
  const clock = new VirtualClock();
  const store = new FaultyStore(clock);
  await put(store.inner, "alice@sip.test", buildBinding("a"), buildBinding("b"));
  const restart = (): PendingIdentities => {
    const identities = new PendingIdentities({ store, timers: new TimerQueue(clock, fail) });
    identities.start();
    return identities;
  };
  return { clock, store, restart };
}

test("a doubt outlives the process until the registration is trusted again, or gone", async () => {
  const { clock, store, restart } = await onDisk();
  const first = restart();
  for (const ctid of ["a", "b", "gone"]) first.doubt(ctid);
  clock.advance(100);
  const second = restart();
  expect(["a", "b", "gone"].map(second.isDoubted)).toEqual([true, true, false]);
  second.trust("a");
  second.delete("b");
  clock.advance(100);
  expect(restart().isDoubted("a")).toBe(false);
  expect([...store.metaOf("doubt:")]).toEqual([]);
});

test("what cannot be stored of doubts is stored later, as it stands then", async () => {
  const { clock, store, restart } = await onDisk();
  const first = restart();
  first.doubt("a");
  clock.advance(100);
  store.isFailing = true;
  first.trust("a");
  first.doubt("b");
  clock.advance(12_000);
  expect(restart().isDoubted("b")).toBe(false);
  store.isFailing = false;
  clock.advance(6000);
  const second = restart();
  expect(["a", "b"].map(second.isDoubted)).toEqual([false, true]);
});
