import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Timer, TimerQueue } from "../../src/server/timer-queue.ts";
import { runs } from "../support/effort.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Run {
  readonly clock: VirtualClock;
  readonly timers: TimerQueue;
  readonly fired: string[];
  readonly errors: unknown[];
  readonly owner: { onTimer(what: string): void };
}

function start(startMs = 0): Run {
  const clock = new VirtualClock(startMs);
  const errors: unknown[] = [];
  const fired: string[] = [];
  const timers = new TimerQueue(clock, (error) => errors.push(error));
  const owner = { onTimer: (what: string) => void fired.push(`${what}@${clock.nowMs()}`) };
  return { clock, timers, fired, errors, owner };
}

describe("a timer", () => {
  test("fires once, at its time, with what it was started for", () => {
    const { clock, timers, fired, owner } = start();
    timers.start(500, owner, "a");
    clock.advance(499);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(["a@500"]);
    clock.advance(10_000);
    expect(fired).toEqual(["a@500"]);
  });

  test("fires in the order of the deadlines, whatever the durations", () => {
    const { clock, timers, fired, owner } = start();
    timers.start(32_000, owner, "long");
    timers.start(500, owner, "short");
    clock.advance(100);
    timers.start(500, owner, "later");
    timers.start(50, owner, "first");
    clock.advance(40_000);
    expect(fired).toEqual(["first@150", "short@500", "later@600", "long@32000"]);
  });

  test("does not fire once it is cancelled, not even by another at the same moment", () => {
    const { clock, timers, fired, owner } = start();
    const cancelled = timers.start(10, owner, "cancelled");
    cancelled.cancel();
    cancelled.cancel();
    const handles: Timer[] = [];
    timers.start(10, { onTimer: () => handles[0]?.cancel() }, "canceller");
    handles.push(timers.start(10, owner, "victim"));
    timers.start(10, owner, "other");
    clock.advance(100);
    expect(fired).toEqual(["other@10"]);
  });

  test("may be started by another that fires, even for an earlier deadline than the rest", () => {
    const { clock, timers, fired, owner } = start();
    timers.start(1000, owner, "rest");
    const again = { onTimer: () => void timers.start(20, owner, "earlier") };
    timers.start(10, again, "starter");
    clock.advance(2000);
    expect(fired).toEqual(["earlier@30", "rest@1000"]);
  });

  test("is not held up by an owner that throws", () => {
    const { clock, timers, fired, errors, owner } = start();
    const error = new Error("broken owner");
    timers.start(
      10,
      {
        onTimer: () => {
          throw error;
        },
      },
      "broken",
    );
    timers.start(10, owner, "good");
    timers.start(20, owner, "next");
    clock.advance(100);
    expect(fired).toEqual(["good@10", "next@20"]);
    expect(errors).toEqual([error]);
  });

  test("does not fire after a stop, nor is it started then", () => {
    const { clock, timers, fired, owner } = start();
    timers.start(10, owner, "a");
    timers.stop();
    timers.start(20, owner, "b");
    clock.advance(100);
    expect(fired).toEqual([]);
  });

  test("asks the clock for one alarm, and for another only when an earlier deadline comes", () => {
    const alarms: number[] = [];
    const clock = {
      nowMs: () => 0,
      wallMs: () => 0,
      setAlarm: (atMs: number) => alarms.push(atMs),
    };
    const timers = new TimerQueue(clock, () => undefined);
    const owner = { onTimer: () => undefined };
    for (const durationMs of [500, 500, 32_000, 400, 450]) timers.start(durationMs, owner, "x");
    expect(alarms).toEqual([500, 400]);
  });
});

test("any number of timers fire as a plain list of them would", () => {
  type Step =
    | { readonly kind: "start"; readonly durationMs: number }
    | { readonly kind: "cancel"; readonly which: number }
    | { readonly kind: "pass"; readonly ms: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(10, 500, 4000, 32_000)
        .map((durationMs): Step => ({ kind: "start", durationMs })),
    },
    { weight: 3, arbitrary: fc.nat(400).map((which): Step => ({ kind: "cancel", which })) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(0, 1, 9, 10, 499, 5000).map((ms): Step => ({ kind: "pass", ms })),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const { clock, timers, fired, errors, owner } = start();
      const handles: Timer[] = [];
      const model: { name: string; atMs: number; isLive: boolean }[] = [];
      const expected: string[] = [];
      for (const one of [...steps, { kind: "pass", ms: 40_000 } as const]) {
        if (one.kind === "start") {
          const name = String(model.length);
          handles.push(timers.start(one.durationMs, owner, name));
          model.push({ name, atMs: clock.nowMs() + one.durationMs, isLive: true });
        } else if (one.kind === "cancel") {
          const which = one.which % Math.max(1, model.length);
          handles[which]?.cancel();
          const entry = model[which];
          if (entry !== undefined) entry.isLive = false;
        } else {
          clock.advance(one.ms);
          const due = model.filter(({ isLive, atMs }) => isLive && atMs <= clock.nowMs());
          for (const entry of due) entry.isLive = false;
          expected.push(...due.map(({ name, atMs }) => `${name}@${atMs}`).toSorted());
        }
      }
      expect(errors).toEqual([]);
      expect(fired.toSorted()).toEqual(expected.toSorted());
      const times = fired.map((entry) => Number(entry.split("@")[1]));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
    runs(100),
  );
});
