import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RepeatingTimer, TimerName } from "../../src/transaction/timers.ts";
import {
  firstDurationMs,
  nextDurationMs,
  RFC_TIMINGS,
  TIMER_RULES,
} from "../../src/transaction/timers.ts";

const timings = fc.record({
  t1Ms: fc.integer({ min: 1, max: 10_000 }),
  t2Ms: fc.integer({ min: 1, max: 60_000 }),
  t4Ms: fc.integer({ min: 1, max: 60_000 }),
});

/** The intervals of a timer that keeps firing, the first one included. */
function intervals(timer: RepeatingTimer, count: number, of = RFC_TIMINGS): number[] {
  const list: number[] = [];
  let intervalMs = of.t1Ms;
  while (list.length < count) {
    list.push(intervalMs);
    intervalMs = nextDurationMs(timer, intervalMs, of);
  }
  return list;
}

describe("with the RFC's defaults a timer runs at first", () => {
  const expected: Record<TimerName, [unreliable: number, reliable: number | undefined]> = {
    "timer-a": [500, undefined],
    "timer-b": [32_000, 32_000],
    "timer-d": [32_000, 0],
    "timer-e": [500, undefined],
    "timer-f": [32_000, 32_000],
    "timer-g": [500, undefined],
    "timer-h": [32_000, 32_000],
    "timer-i": [5000, 0],
    "timer-j": [32_000, 0],
    "timer-k": [5000, 0],
    "timer-l": [32_000, 32_000],
    "timer-m": [32_000, 32_000],
    "timer-100": [3500, 3500],
  };
  const timers = Object.keys(expected) as TimerName[];

  test.each(timers)("%s", (timer) => {
    const [unreliable, reliable] = expected[timer];
    expect(firstDurationMs(timer, false, RFC_TIMINGS)).toBe(unreliable);
    expect(firstDurationMs(timer, true, RFC_TIMINGS)).toBe(reliable);
  });

  test("and those are all the timers there are", () => {
    expect(Object.keys(TIMER_RULES)).toEqual(timers);
  });
});

test.each<[TimerName, number]>([
  ["timer-a", 100],
  ["timer-b", 6400],
  ["timer-d", 32_000],
  ["timer-i", 300],
  ["timer-j", 6400],
  ["timer-k", 300],
  ["timer-l", 6400],
  ["timer-100", 300],
])("with a T1 of 100 ms, a T2 of 400 ms and a T4 of 300 ms %s runs for %d ms", (timer, ms) => {
  const quick = { t1Ms: 100, t2Ms: 400, t4Ms: 300 };
  expect(firstDurationMs(timer, false, quick)).toBe(ms);
});

test.each<[RepeatingTimer, number[]]>([
  ["timer-a", [500, 1000, 2000, 4000, 8000, 16_000]],
  ["timer-e", [500, 1000, 2000, 4000, 4000, 4000]],
  ["timer-g", [500, 1000, 2000, 4000, 4000, 4000]],
])("%s repeats after %j", (timer, expected) => {
  expect(intervals(timer, expected.length)).toEqual(expected);
});

test("no interval of Timer E or G passes T2 once it has fired, and Timer A has no such bound", () => {
  fc.assert(
    fc.property(timings, fc.constantFrom("timer-e", "timer-g"), (of, timer) => {
      const later = intervals(timer, 20, of).slice(1);
      expect(Math.max(...later)).toBeLessThanOrEqual(of.t2Ms);
      expect(intervals("timer-a", 20, of).at(-1)).toBe(of.t1Ms * 2 ** 19);
    }),
  );
});

test("the late 100 is due exactly when a client's Timer E is reset to T2", () => {
  fc.assert(
    fc.property(timings, (of) => {
      const list = intervals("timer-e", 20, of);
      const resetToT2 = list.findIndex((ms, index) => index > 0 && ms === of.t2Ms);
      const elapsedMs = list.slice(0, resetToT2).reduce((sum, ms) => sum + ms, 0);
      expect(firstDurationMs("timer-100", false, of)).toBe(elapsedMs);
      expect(firstDurationMs("timer-100", true, of)).toBe(elapsedMs);
    }),
  );
});
