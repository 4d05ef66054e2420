import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LatencyHistogram } from "./latency-histogram.ts";

const durations = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1 });
const fractions = fc.double({ min: 0, max: 1, noNaN: true });

test("a percentile is within 0.1 % below the value a sorted list would give", () => {
  fc.assert(
    fc.property(durations, fractions, (values, fraction) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? 0;
      const found = histogram.percentile(fraction);
      expect(found).toBeLessThanOrEqual(exact);
      expect(found).toBeGreaterThanOrEqual(exact * 0.999);
    }),
  );
});

test("the maximum is exact, and fractions of a microsecond are cut off", () => {
  const histogram = new LatencyHistogram();
  histogram.record(123_456_789.9);
  histogram.record(7.2);
  expect(histogram.percentiles()).toMatchObject({ p50: 7, max: 123_456_789 });
});

test("an empty histogram says 0 for everything", () => {
  const none = { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
  expect(new LatencyHistogram().percentiles()).toEqual(none);
});
