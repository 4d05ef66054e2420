import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  askedLifetime,
  clampLifetime,
  isSpread,
  lifetimeWithin,
  MAX_LIFETIME_SEC,
  spreadLifetime,
} from "../../src/registrar/lifetimes.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { POLICY } from "../support/world.ts";

function policyWith(parts: Partial<RegisterPolicy>): RegisterPolicy {
  return { ...POLICY, minExpiresSec: 60, defaultExpiresSec: 1800, maxExpiresSec: 3600, ...parts };
}
const policy = policyWith({});

describe("the lifetime a contact asks for (spec section 1.7)", () => {
  test.each([
    ["its own expires before the header, as the reference", 120, 600, 120],
    ["the header where it has none of its own, as the reference", undefined, 600, 600],
    ["the default where there is neither, as the reference", undefined, undefined, 1800],
    [
      "the default where its own is malformed, even beside a header, as the reference",
      Number.NaN,
      600,
      1800,
    ],
    ["0 as it is: a removal is not clamped, as the reference", 0, 600, 0],
    ["0 of the header", undefined, 0, 0],
    ["min_expires where it asks for less, as the reference", 59, undefined, 60],
    ["max_expires where it asks for more, as the reference", 3601, undefined, 3600],
    ["T29: max_expires for 2^31; differs: the reference overflows", 2 ** 31, undefined, 3600],
    [
      "T29: max_expires for 4294967295; differs: the reference overflows",
      4_294_967_295,
      undefined,
      3600,
    ],
  ])("%s", (_, own, header, seconds) => {
    expect(askedLifetime(own, header, policy)).toBe(seconds);
  });

  test.each([
    ["min_expires 0 is no bound, as the reference", { minExpiresSec: 0 }, 1, 1],
    ["max_expires 0 is no bound, as the reference", { maxExpiresSec: 0 }, 86_400, 86_400],
    [
      "T29: without max_expires nothing is beyond 2^31-1",
      { maxExpiresSec: 0 },
      4_294_967_295,
      MAX_LIFETIME_SEC,
    ],
    [
      "max_expires wins over a min_expires above it, as the reference",
      { minExpiresSec: 60, maxExpiresSec: 30 },
      45,
      30,
    ],
  ])("%s", (_, bounds, asked, seconds) => {
    expect(clampLifetime(asked, policyWith(bounds))).toBe(seconds);
  });
});

describe("a spread lifetime", () => {
  test.each([
    ["is the least at a fraction of 0", 600, 10, 0, 590],
    ["is as it was in the middle", 600, 10, 0.5, 600],
    ["is the most close to a fraction of 1", 600, 10, 0.999_999, 610],
    ["stays above min_expires", 60, 10, 0, 60],
    ["stays below max_expires", 3600, 10, 0.999_999, 3600],
    ["stays 0 for a removal", 0, 10, 0.999_999, 0],
    ["does not move without a deviation", 600, 0, 0.999_999, 600],
  ])("%s, as the reference", (_, asked, expiresMaxDeviationSec, ...[fraction, seconds]) => {
    expect(spreadLifetime(asked, policyWith({ expiresMaxDeviationSec }), fraction)).toBe(seconds);
  });

  test("takes every whole number of seconds in its range equally often", () => {
    const given = policyWith({ expiresMaxDeviationSec: 2 });
    const seen = Array.from({ length: 1000 }, (_, at) => spreadLifetime(600, given, at / 1000));
    const counts = [598, 599, 600, 601, 602].map((sec) => seen.filter((one) => one === sec).length);
    expect(counts).toEqual([200, 200, 200, 200, 200]);
  });
});

describe("a lifetime spread by a percentage", () => {
  test.each([
    ["loses all of it at a fraction of 0", 600, 20, 0, 480],
    ["loses half of it in the middle", 600, 20, 0.5, 540],
    ["loses next to nothing close to 1", 600, 20, 0.999_999, 600],
    ["stays above min_expires", 100, 90, 0, 60],
    ["stays 0 for a removal", 0, 50, 0, 0],
  ])("%s", (_, asked, percent, ...[fraction, seconds]) => {
    expect(spreadLifetime(asked, policy, fraction, percent)).toBe(seconds);
  });

  test("is within its bounds, and the longer the higher the fraction, whatever the numbers", () => {
    const seconds = fc.integer({ min: 60, max: 3600 });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({ seconds, one: fraction, other: fraction }),
        fc.nat(100),
        fc.nat(30),
        (draw, percent, expiresMaxDeviationSec) => {
          const given = policyWith({ expiresMaxDeviationSec });
          const [low = 0, high = 0] = [draw.one, draw.other]
            .toSorted((a, b) => a - b)
            .map((at) => spreadLifetime(draw.seconds, given, at, percent));
          expect(low).toBeLessThanOrEqual(high);
          const shortest = draw.seconds * (1 - percent / 100) - expiresMaxDeviationSec;
          expect(low).toBeGreaterThanOrEqual(Math.max(60, Math.floor(shortest)));
          expect(high).toBeLessThanOrEqual(Math.min(3600, draw.seconds + expiresMaxDeviationSec));
        },
      ),
    );
  });

  test.each([
    [{}, false],
    [{ expiresMaxDeviationSec: 1 }, true],
    [{ expiresRangePercent: 1 }, true],
    [{ defaultExpiresRangePercent: 1 }, true],
  ])("is drawn for at random with %j: %s", (parts, expected) => {
    expect(isSpread(policyWith(parts))).toBe(expected);
  });
});

describe("the lifetime within what the main registrar granted", () => {
  test.each([
    ["what was asked for while the grant is longer by the margin", 60, 62, 60],
    ["the grant less the margin", 60, 61, 59],
    ["the grant less the margin, just above twice the margin", 60, 5, 3],
    ["half of a grant of twice the margin", 60, 4, 2],
    ["half of a shorter grant, rounded up", 60, 3, 2],
    ["a second of a grant of one second", 60, 1, 1],
    ["what was asked for, however long the grant", 60, 4_294_967_295, 60],
  ])("is %s; differs: the reference has no margin", (_, asked, granted, seconds) => {
    expect(lifetimeWithin(asked, granted, 2)).toBe(seconds);
  });

  test("is all of the grant without a margin, as the reference", () => {
    expect(lifetimeWithin(60, 9, 0)).toBe(9);
  });

  test("is from one second to what was asked and to the grant, whatever the numbers", () => {
    const seconds = fc.integer({ min: 1, max: MAX_LIFETIME_SEC });
    fc.assert(
      fc.property(seconds, seconds, fc.nat(3600), (asked, granted, margin) => {
        const lifetime = lifetimeWithin(asked, granted, margin);
        expect(lifetime).toBeGreaterThanOrEqual(1);
        expect(lifetime).toBeLessThanOrEqual(Math.min(asked, granted));
        const left = granted > 2 * margin ? margin : 0;
        expect(granted - lifetime).toBeGreaterThanOrEqual(left);
      }),
    );
  });
});
