import type { SrvRecord } from "node:dns";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { orderSrv } from "../../src/transport/order-srv.ts";

function record(name: string, priority: number, weight: number): SrvRecord {
  return { name, priority, weight, port: 5060 };
}

/** A linear congruential generator: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const POOL = [record("c", 2, 5), record("a", 1, 10), record("b", 1, 30), record("z", 1, 0)];

test.each([
  // Running sums within priority 1: z 0, a 10, b 40. The numbers drawn are 0 to 40, both included.
  [0, "z"],
  [1, "a"],
  [10, "a"],
  [11, "b"],
  [40, "b"],
])(
  "RFC 2782: the number %d of 0 to 40 draws %s first, and the second priority last",
  (drawn, first) => {
    const ordered = orderSrv(POOL, () => (drawn + 0.01) / 41).map(({ name }) => name);
    expect(ordered[0]).toBe(first);
    expect(ordered.at(-1)).toBe("c");
  },
);

test("the first choice follows the weights", () => {
  const fraction = seeded(7);
  const pool = [record("a", 1, 10), record("b", 1, 30), record("c", 1, 60)];
  const first = { a: 0, b: 0, c: 0 } as Record<string, number>;
  for (let run = 0; run < 10_000; run += 1) {
    const [best] = orderSrv(pool, fraction);
    if (best !== undefined) first[best.name] = (first[best.name] ?? 0) + 1;
  }
  // RFC 2782 draws from 0 to the sum inclusive, so that the first record has a chance of 11 in 101.
  expect((first["a"] ?? 0) / 10_000).toBeCloseTo(11 / 101, 1);
  expect((first["b"] ?? 0) / 10_000).toBeCloseTo(30 / 101, 1);
  expect((first["c"] ?? 0) / 10_000).toBeCloseTo(60 / 101, 1);
});

test("records without weight are drawn seldom, but they are", () => {
  const fraction = seeded(11);
  const pool = [record("zero", 1, 0), record("heavy", 1, 9)];
  const drawn = Array.from({ length: 2000 }, () => orderSrv(pool, fraction)[0]?.name);
  const share = drawn.filter((name) => name === "zero").length / drawn.length;
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(0.15);
});

test("the order holds every record once, priorities ascending, and the input is left alone", () => {
  const records = fc.array(
    fc.record({
      name: fc.string(),
      priority: fc.nat({ max: 3 }),
      weight: fc.nat({ max: 65_535 }),
      port: fc.nat({ max: 65_535 }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(records, fc.nat(), (pool, seed) => {
      const before = [...pool];
      const ordered = orderSrv(pool, seeded(seed));
      expect(pool).toEqual(before);
      expect(new Set(ordered)).toEqual(new Set(pool));
      expect(ordered).toHaveLength(pool.length);
      const priorities = ordered.map(({ priority }) => priority);
      expect(priorities).toEqual(priorities.toSorted((x, y) => x - y));
    }),
  );
});
