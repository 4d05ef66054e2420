import { beforeEach, describe, expect, test, vi } from "vitest";
import { resumeOffset, SteadyClock } from "../../src/cli/steady-clock.ts";

const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

/** A machine whose clocks a test moves: time passes, the machine sleeps, somebody sets the wall clock. */
class Machine {
  #wallMs = START_MS;
  #monotonicMs = 1000.25;
  #uptimeMs = 50_000;

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  uptimeMs(): number {
    return this.#uptimeMs;
  }

  pass(ms: number): void {
    this.#monotonicMs += ms;
    this.sleep(ms);
  }

  sleep(ms: number): void {
    this.#uptimeMs += ms;
    this.#wallMs += ms;
  }

  setWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Another process on the same machine: its monotonic clock starts anew. */
  restart(): void {
    this.#monotonicMs = 30;
  }
}

function started(): { machine: Machine; clock: SteadyClock } {
  const machine = new Machine();
  return { machine, clock: new SteadyClock(0, machine) };
}

describe("the timeline", () => {
  test("starts at the wall clock and passes as time does", () => {
    const { machine, clock } = started();
    expect(clock.nowMs()).toBeCloseTo(START_MS, 3);
    machine.pass(1234.5);
    expect(clock.nowMs()).toBeCloseTo(START_MS + 1234.5, 3);
    expect(clock.check()).toBe(0);
    expect(clock.offsetMs).toBe(0);
  });

  test.each([
    ["forward by an hour", HOUR_MS],
    ["back by an hour", -HOUR_MS],
    ["forward by a second", 1000],
    ["back to 1970", -START_MS],
  ])("does not follow when the wall clock is set %s", (_, byMs) => {
    const { machine, clock } = started();
    machine.pass(5000);
    machine.setWall(byMs);
    expect(clock.nowMs()).toBeCloseTo(START_MS + 5000, 3);
    expect(clock.check()).toBeCloseTo(byMs, 3);
    machine.pass(1000);
    expect(clock.check()).toBe(0);
    expect(clock.nowMs()).toBeCloseTo(START_MS + 6000, 3);
    expect(clock.offsetMs).toBeCloseTo(byMs, 3);
    expect(clock.wallMs()).toBe(START_MS + 6000 + byMs);
  });

  test("goes on while the machine sleeps, once the sleep is noticed", () => {
    const { machine, clock } = started();
    machine.sleep(HOUR_MS);
    expect(clock.check()).toBe(0);
    expect(clock.nowMs()).toBeCloseTo(START_MS + HOUR_MS, 3);
    expect(clock.offsetMs).toBe(0);
  });

  test("tells a sleep from a step that happens during it", () => {
    const { machine, clock } = started();
    machine.sleep(HOUR_MS);
    machine.setWall(-2 * HOUR_MS);
    expect(clock.check()).toBeCloseTo(-2 * HOUR_MS, 3);
    expect(clock.nowMs()).toBeCloseTo(START_MS + HOUR_MS, 3);
    machine.sleep(60_000);
    expect(clock.check()).toBe(0);
    expect(clock.nowMs()).toBeCloseTo(START_MS + HOUR_MS + 60_000, 3);
  });

  test.each([499, -499])("takes %i ms for drift, which is no step", (byMs) => {
    const { machine, clock } = started();
    machine.setWall(byMs);
    expect(clock.check()).toBe(0);
    expect(clock.offsetMs).toBe(0);
  });

  test("notices drift that adds up, without following it", () => {
    const { machine, clock } = started();
    machine.setWall(300);
    expect(clock.check()).toBe(0);
    machine.setWall(300);
    expect(clock.check()).toBeCloseTo(600, 3);
    expect(clock.nowMs()).toBeCloseTo(START_MS, 3);
  });

  test("two steps that cancel out leave the offset as it was", () => {
    const { machine, clock } = started();
    machine.setWall(HOUR_MS);
    clock.check();
    machine.setWall(-HOUR_MS);
    expect(clock.check()).toBeCloseTo(-HOUR_MS, 3);
    expect(clock.offsetMs).toBeCloseTo(0, 3);
  });
});

describe("after a restart", () => {
  test.each([HOUR_MS, -HOUR_MS])("with a wall clock %i ms off, the timeline goes on", (byMs) => {
    const { machine, clock } = started();
    machine.setWall(byMs);
    clock.check();
    machine.pass(1000);
    const lastMs = clock.nowMs();
    machine.restart();
    machine.sleep(2000);
    const next = new SteadyClock(clock.offsetMs, machine);
    expect(next.nowMs()).toBeCloseTo(lastMs + 2000, 3);
    expect(next.check()).toBe(0);
  });

  test("a wall clock set back meanwhile does not take the timeline behind what it has seen", () => {
    const { machine, clock } = started();
    machine.pass(5000);
    const lastMs = clock.nowMs();
    machine.restart();
    machine.setWall(-HOUR_MS);
    const offsetMs = resumeOffset(clock.offsetMs, { lastMs, wallMs: machine.wallMs() });
    expect(new SteadyClock(offsetMs, machine).nowMs()).toBeCloseTo(lastMs, 3);
  });

  test.each([
    ["nothing was stored", 0, Number.NEGATIVE_INFINITY, 0],
    ["the wall clock is where it was", 250, START_MS - 5000, 250],
    ["time has passed", -HOUR_MS, START_MS - 1, -HOUR_MS],
    ["what was stored is no number", Number.NaN, Number.NEGATIVE_INFINITY, 0],
  ])("the stored offset is used when %s", (_, storedMs, lastMs, expected) => {
    expect(resumeOffset(storedMs, { lastMs, wallMs: START_MS })).toBe(expected);
  });
});

function elapsedMs(): number {
  return vi.getMockedSystemTime()?.getTime() ?? 0;
}

/** A clock on the faked timers of a test. */
function clockOfTimers(): SteadyClock {
  return new SteadyClock(0, { wallMs: elapsedMs, monotonicMs: elapsedMs, uptimeMs: elapsedMs });
}

describe("the alarm", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => vi.useRealTimers();
  });

  test("rings once, at its time, and only the last one that was set", () => {
    const rung: string[] = [];
    const clock = clockOfTimers();
    clock.setAlarm(clock.nowMs() + 5, () => rung.push("replaced"));
    clock.setAlarm(clock.nowMs() + 20, () => rung.push("due"));
    vi.advanceTimersByTime(19);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual(["due"]);
    vi.advanceTimersByTime(1000);
    expect(rung).toEqual(["due"]);
  });

  test("in the past rings at once, but not before setAlarm has returned", () => {
    const rung: string[] = [];
    const clock = clockOfTimers();
    clock.setAlarm(clock.nowMs() - 5000, () => rung.push("due"));
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual(["due"]);
  });

  test("further off than a timer can hold rings early, not at once", () => {
    let rung = 0;
    const clock = clockOfTimers();
    clock.setAlarm(clock.nowMs() + 1e12, () => {
      rung += 1;
    });
    vi.advanceTimersByTime(86_400_000);
    expect(rung).toBe(0);
    vi.advanceTimersByTime(2 ** 31);
    expect(rung).toBe(1);
  });

  test("is let go of when the clock stops", () => {
    const clock = clockOfTimers();
    clock.setAlarm(clock.nowMs() + 5, () => expect.unreachable());
    clock.stop();
    vi.advanceTimersByTime(10);
    expect(vi.getTimerCount()).toBe(0);
  });
});
