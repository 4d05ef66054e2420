import { array, assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import type { LocationStore } from "../../src/ports.ts";
import { FORGET_FLOOR_AFTER_MS } from "../../src/server/limits.ts";
import { type OutgoingModules, OutgoingPolicy } from "../../src/server/outgoing-policy.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { POLICY } from "../support/world.ts";

const short = { ...POLICY, rule: "short", outgoingExpiresSec: 300 };
const long = { ...POLICY, rule: "long", outgoingExpiresSec: 7200 };

const START_MS = 1_700_000_000_000;

function modules(
  store: LocationStore = new MemoryStore(),
  { uri = "sip:main.test", nowMs = START_MS } = {},
): OutgoingModules {
  const uris = new Map([
    ["", uri],
    ["berlin", "sip:berlin.test"],
  ]);
  return { store, nowMs: () => nowMs, uris };
}

describe("the lifetime that is asked of the main registrar", () => {
  test("is as it is set while the main registrar has said nothing", () => {
    const outgoing = new OutgoingPolicy([short, long], modules());
    expect(outgoing.applyTo(short)).toBe(short);
    expect(outgoing.longestSec).toBe(7200);
  });

  test("is raised where less is set, and nowhere else", () => {
    const outgoing = new OutgoingPolicy([short, long], modules());
    expect(outgoing.raise("", 1800)).toBe(true);
    expect(outgoing.applyTo(short)).toEqual({ ...short, outgoingExpiresSec: 1800 });
    expect(outgoing.applyTo(long)).toBe(long);
    expect(outgoing.longestSec).toBe(7200);
  });

  test("makes no new policy for each REGISTER", () => {
    const outgoing = new OutgoingPolicy([short], modules());
    outgoing.raise("", 1800);
    const raised = outgoing.applyTo(short);
    expect(outgoing.applyTo(short)).toBe(raised);
    outgoing.raise("", 3600);
    expect(outgoing.applyTo(short)).toMatchObject({ rule: "short", outgoingExpiresSec: 3600 });
  });

  test("never falls, whatever the main registrar says later, and only news is news", () => {
    assert(
      property(array(integer({ min: 1, max: 86_400 }), { minLength: 1 }), (demands) => {
        const outgoing = new OutgoingPolicy([short, long], modules());
        let floorSec = 0;
        for (const demand of demands) {
          expect(outgoing.raise("", demand)).toBe(demand > floorSec);
          floorSec = Math.max(floorSec, demand);
          expect(outgoing.applyTo(short).outgoingExpiresSec).toBe(Math.max(300, floorSec));
          expect(outgoing.longestSec).toBe(Math.max(7200, floorSec));
        }
      }),
    );
  });
});

describe("after a restart", () => {
  const berlin = { ...short, upstream: "berlin" };

  /** What the next process asks for with the short policy, and at the other main registrar. */
  function asked(next: OutgoingModules): readonly number[] {
    const outgoing = new OutgoingPolicy([short, long], next);
    outgoing.start();
    return [short, berlin].map((policy) => outgoing.applyTo(policy).outgoingExpiresSec);
  }

  test("each main registrar is still asked for what it wants, at once", () => {
    const store = new MemoryStore();
    const before = new OutgoingPolicy([short, long], modules(store));
    before.raise("", 1800);
    before.raise("berlin", 900);
    before.raise("", 9000);
    expect(asked(modules(store))).toEqual([9000, 900]);
    const outgoing = new OutgoingPolicy([short, long], modules(store));
    outgoing.start();
    expect(outgoing.longestSec).toBe(9000);
    expect(outgoing.raise("berlin", 900)).toBe(false);
  });

  test("what is old, or was said by another main registrar, is learnt anew", () => {
    const store = new MemoryStore();
    new OutgoingPolicy([short, long], modules(store)).raise("", 1800);
    expect(asked(modules(store, { uri: "sip:other.test" }))).toEqual([300, 300]);
    const nowMs = START_MS + FORGET_FLOOR_AFTER_MS;
    expect(asked(modules(store, { nowMs: nowMs - 1 }))).toEqual([1800, 300]);
    expect(asked(modules(store, { nowMs }))).toEqual([300, 300]);
  });

  test.each(["x", "1800", "-1 2 sip:main.test", `1800 ${START_MS}`])(
    "a stored %j is passed over",
    (value) => {
      const store = new MemoryStore();
      const commit = { committed: () => undefined, failed: () => undefined };
      store.writeMeta("min_expires:", value, commit);
      expect(asked(modules(store))).toEqual([300, 300]);
    },
  );
});
