import { describe, expect, test } from "vitest";
import { TokenBuckets } from "../../src/server/token-buckets.ts";
import { WakeBudget } from "../../src/server/wake-budget.ts";

describe("a bucket", () => {
  test("gives out what it holds at once, and fills again over its period", () => {
    const buckets = new TokenBuckets({ max: 2, periodMs: 1000, maxNames: 10 });
    const takes = (nowMs: number): boolean => {
      const has = buckets.has("bob", nowMs);
      if (has) buckets.take("bob", nowMs);
      return has;
    };
    expect([0, 0, 0, 499, 500, 500].map((nowMs) => takes(nowMs))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
    expect(buckets.has("carol", 500)).toBe(true);
  });

  test("of size 0 has no bottom", () => {
    const buckets = new TokenBuckets({ max: 0, periodMs: 1000, maxNames: 10 });
    for (let n = 0; n < 100; n += 1) buckets.take("bob", 0);
    expect(buckets.has("bob", 0)).toBe(true);
  });

  test("that is in use is not forgotten because others are opened after it", () => {
    const buckets = new TokenBuckets({ max: 2, periodMs: 1000, maxNames: 2 });
    for (const name of ["bob", "carol", "bob", "dave"]) buckets.take(name, 0);
    expect(buckets.has("bob", 0)).toBe(false);
  });

  test("is forgotten when too many others are opened after it", () => {
    const buckets = new TokenBuckets({ max: 1, periodMs: 1000, maxNames: 2 });
    for (const name of ["bob", "carol", "dave"]) buckets.take(name, 0);
    expect(["bob", "carol", "dave"].map((name) => buckets.has(name, 0))).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test("a device is counted however its token is written", () => {
  const budget = new WakeBudget({ perCaller: 0, perDevice: 1, total: 0 });
  expect(budget.take("bob", "apns TEAM123456.app aabb", 0)).toBeUndefined();
  expect(budget.take("bob", "apns TEAM123456.app AaBB", 0)).toBe("device");
});

test("a budget that is used up takes nothing from the others", () => {
  const budget = new WakeBudget({ perCaller: 1, perDevice: 2, total: 3 });
  expect(budget.take("bob", "phone", 0)).toBeUndefined();
  expect(budget.take("bob", "phone", 0)).toBe("caller");
  expect(budget.take("carol", "phone", 0)).toBeUndefined();
  expect(budget.take("dave", "phone", 0)).toBe("device");
  expect(budget.take("dave", "tablet", 0)).toBeUndefined();
  expect(budget.take("erin", "tablet", 0)).toBe("total");
});
