import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_COUNTED_NONCES, RETRANSMISSION_MS } from "../../src/server/limits.ts";
import { NonceCounts } from "../../src/server/nonce-counts.ts";

const START_MS = 1_000_000;
const LIFETIME_MS = 300_000;

const nonceAt = (issuedAtMs: number, key = "n") => ({ key, issuedAtMs, salt: "s", place: "p" });

/** A nonce made when the counts started, used once with count 1 by request "a". */
function used(): NonceCounts {
  const counts = new NonceCounts(LIFETIME_MS, START_MS);
  expect(counts.use(nonceAt(START_MS), 1, "a", START_MS)).toBe("fresh");
  return counts;
}

describe("a nonce", () => {
  test("is good for every count above the last, once", () => {
    const counts = used();
    const uses = [2, 2, 7, 3, 8].map((count, at) =>
      counts.use(nonceAt(START_MS), count, `r${at}`, START_MS + 1),
    );
    expect(uses).toEqual(["fresh", "spent", "fresh", "spent", "fresh"]);
  });

  test("is repeated by the same request with the same count, for as long as retransmissions last", () => {
    const counts = used();
    const use = (fingerprint: string, afterMs: number): string =>
      counts.use(nonceAt(START_MS), 1, fingerprint, START_MS + afterMs);
    expect(use("a", 1)).toBe("repeated");
    expect(use("b", 1)).toBe("spent");
    expect(use("a", RETRANSMISSION_MS - 1)).toBe("repeated");
    expect(use("a", RETRANSMISSION_MS)).toBe("spent");
  });

  test("is spent when its lifetime is over, but for retransmissions", () => {
    const counts = used();
    const endMs = START_MS + LIFETIME_MS;
    expect(counts.use(nonceAt(START_MS), 2, "b", endMs)).toBe("fresh");
    expect(counts.use(nonceAt(START_MS), 3, "c", endMs + 1)).toBe("spent");
    expect(counts.use(nonceAt(START_MS), 2, "b", endMs + 1)).toBe("repeated");
  });

  test("is spent when it comes from before the counts, or from the future", () => {
    const counts = new NonceCounts(LIFETIME_MS, START_MS);
    expect(counts.use(nonceAt(START_MS - 1), 1, "a", START_MS)).toBe("spent");
    expect(counts.use(nonceAt(START_MS + 1), 1, "a", START_MS)).toBe("spent");
  });
});

test("no request is taken twice, whatever the order and however long the gaps", () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b", "c"),
    count: fc.integer({ min: 1, max: 4 }),
    waitMs: fc.constantFrom(0, 1, LIFETIME_MS / 2, LIFETIME_MS, LIFETIME_MS + 1),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const counts = new NonceCounts(LIFETIME_MS, START_MS);
      const taken = new Set<string>();
      let nowMs = START_MS;
      for (const [at, { key, count, waitMs }] of steps.entries()) {
        nowMs += waitMs;
        const isFresh = counts.use(nonceAt(START_MS, key), count, String(at), nowMs) === "fresh";
        const name = `${key} ${count}`;
        expect(isFresh && taken.has(name)).toBe(false);
        if (isFresh) taken.add(name);
      }
    }),
  );
});

test("when more nonces are used than are kept, the oldest are stale instead of good again", () => {
  const counts = used();
  for (let round = 0; round < 2; round += 1) {
    for (let n = 0; n <= MAX_COUNTED_NONCES; n += 1) {
      counts.use(nonceAt(START_MS + 1, `${round} ${n}`), 1, "x", START_MS + 2);
    }
  }
  expect(counts.use(nonceAt(START_MS), 1, "replay", START_MS + 3)).toBe("spent");
  expect(counts.use(nonceAt(START_MS + 3, "new"), 1, "x", START_MS + 3)).toBe("fresh");
});
