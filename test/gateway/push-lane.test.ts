import { describe, expect, test } from "vitest";
import { Breaker } from "../../src/gateway/breaker.ts";
import {
  BREAKER_FAILURES,
  BREAKER_FIRST_MS,
  BREAKER_LONGEST_MS,
  MAX_PUSHES_PER_LANE,
} from "../../src/gateway/limits.ts";
import { PushLane } from "../../src/gateway/push-lane.ts";
import {
  type Attempt,
  accepted,
  calledOff,
  outcomeOf,
  type PushSender,
  unavailable,
} from "../../src/gateway/push-sender.ts";
import type { Push, PushOutcome, PushPurpose } from "../../src/ports.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { buildPush, devices, KeptLog, settle, virtualTimers } from "./fixtures.ts";

/** A provider whose answers a test gives, on virtual time. */
class Scripted implements PushSender {
  readonly provider = "apns";
  readonly maxInFlight = 2;
  /** When each attempt was made, and what for. */
  readonly attemptsMs: number[] = [];
  readonly purposes: string[] = [];
  /** What each attempt ends with; undefined: with nothing until it is called off. */
  answer: () => Attempt | undefined = accepted;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  accepts(): boolean {
    return true;
  }

  laneOf(): string {
    return "";
  }

  async attempt({ purpose }: Push, signal: AbortSignal): Promise<Attempt> {
    this.purposes.push(purpose);
    this.attemptsMs.push(this.#clock.nowMs());
    const answer = this.answer();
    if (answer !== undefined) return answer;
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(calledOff()));
    });
  }

  prepare(): () => void {
    return () => undefined;
  }

  stop(): void {
    this.answer = accepted;
  }
}

interface Scene {
  readonly clock: VirtualClock;
  readonly sender: Scripted;
  readonly lane: PushLane;
  readonly log: KeptLog;
  /** Sends a push that is of use for so long; what it ended with is added to `ended`. */
  readonly send: (lifetimeMs?: number, purpose?: PushPurpose) => () => void;
  readonly ended: PushOutcome[];
  readonly advance: (byMs: number) => Promise<void>;
}

function build(): Scene {
  const clock = new VirtualClock();
  const sender = new Scripted(clock);
  const log = new KeptLog();
  const modules = { clock: virtualTimers(clock), fraction: () => 0, log, retried: () => undefined };
  const lane = new PushLane(sender, modules);
  const ended: PushOutcome[] = [];
  const send = (lifetimeMs = 10_000, purpose: PushPurpose = "call"): (() => void) => {
    const deadlineMs = clock.nowMs() + lifetimeMs;
    const push = buildPush(devices.apns("aa"), { purpose, deadlineMs });
    return lane.send(push, (outcome) => ended.push(outcome));
  };
  const advance = async (byMs: number): Promise<void> => {
    for (let left = byMs; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      // oxlint-disable-next-line no-await-in-loop
      await settle();
    }
  };
  return { clock, sender, lane, log, send, ended, advance };
}

const results = (ended: readonly PushOutcome[]): string[] =>
  ended.map(({ result, reason }) => `${result} ${reason}`.trim());

const broken = (): Attempt => unavailable("503", "broken");

describe("the breaker of a push provider", () => {
  test("opens after failures in a row, for longer each time, and closes with a success", () => {
    const breaker = new Breaker();
    for (let count = 1; count < BREAKER_FAILURES; count += 1) expect(breaker.failed(0)).toBe(false);
    breaker.succeeded();
    for (let count = 1; count < BREAKER_FAILURES; count += 1) expect(breaker.failed(0)).toBe(false);
    expect(breaker.failed(0)).toBe(true);
    let nowMs = 0;
    for (let forMs = BREAKER_FIRST_MS; forMs < BREAKER_LONGEST_MS * 4; forMs *= 2) {
      expect(breaker.openUntilMs).toBe(nowMs + Math.min(forMs, BREAKER_LONGEST_MS));
      nowMs = breaker.openUntilMs;
      expect(breaker.failed(nowMs)).toBe(true);
    }
    breaker.succeeded();
    expect(breaker.isProbing).toBe(false);
    expect(breaker.failed(nowMs)).toBe(false);
  });

  test("does not mind failures of what was under way when it opened", () => {
    const breaker = new Breaker();
    for (let count = 0; count < BREAKER_FAILURES; count += 1) breaker.failed(0);
    expect(breaker.failed(1)).toBe(false);
    expect(breaker.openUntilMs).toBe(BREAKER_FIRST_MS);
  });
});

describe("a lane", () => {
  test("makes as many attempts at once as the sender allows", async () => {
    const { sender, send, ended, advance } = build();
    sender.answer = () => undefined;
    for (let count = 0; count < 5; count += 1) send(1000);
    await advance(50);
    expect(sender.attemptsMs).toHaveLength(2);
    await advance(1000);
    expect(results(ended)).toEqual(["timeout", "timeout", "timeout", "timeout", "timeout"]);
  });

  test("sends what somebody waits for before what is to refresh", async () => {
    const { sender, send, advance } = build();
    sender.answer = () => undefined;
    for (let count = 0; count < 2; count += 1) send(1000, "refresh");
    send(5000, "refresh");
    send(2000, "message");
    send(5000, "call");
    await advance(2000);
    expect(sender.purposes).toEqual(["refresh", "refresh", "message", "call", "refresh"]);
  });

  test("sends nothing that was called off before it was its turn, nor again what was", async () => {
    const { sender, lane, send, ended, advance } = build();
    sender.answer = broken;
    const callOffs = [send(), send(), send()];
    sender.answer = accepted;
    callOffs[2]?.();
    await advance(50);
    callOffs[0]?.();
    await advance(5000);
    expect(results(ended)).toEqual(["called-off", "called-off", "accepted"]);
    expect(sender.attemptsMs).toHaveLength(3);
    expect(lane.size).toBe(0);
  });

  test("lets what is under way end as it does, though it is called off", async () => {
    const { sender, send, ended, advance } = build();
    sender.answer = () => undefined;
    const callOff = send(1000);
    callOff();
    callOff();
    await advance(500);
    expect(results(ended)).toEqual([]);
    await advance(1000);
    expect(results(ended)).toEqual(["timeout"]);
  });

  test("tries again after a growing wait, and not beyond the deadline", async () => {
    const { clock, sender, send, ended, advance } = build();
    sender.answer = broken;
    const startedMs = clock.nowMs();
    send(3000);
    await settle();
    await advance(3000);
    expect(sender.attemptsMs.map((atMs) => atMs - startedMs)).toEqual([0, 400, 1200, 2800]);
    expect(results(ended)).toEqual(["unavailable 503"]);
  });

  test("leaves a failing provider alone, then tries it with a single push", async () => {
    const { sender, lane, log, send, ended, advance } = build();
    sender.answer = broken;
    for (let count = 0; count < BREAKER_FAILURES; count += 1) send(100);
    await advance(50);
    expect(lane.isFailing).toBe(true);
    expect(log.lines.join("\n")).toContain("push provider fails and is left alone");
    const before = sender.attemptsMs.length;
    // One whose deadline comes first ends at once, others wait for the breaker.
    send(BREAKER_FIRST_MS - 100);
    for (let count = 0; count < 3; count += 1) send(20_000);
    await advance(50);
    expect(results(ended).at(-1)).toBe("unavailable breaker-open");
    expect(sender.attemptsMs).toHaveLength(before);
    sender.answer = () => undefined;
    await advance(BREAKER_FIRST_MS);
    expect(sender.attemptsMs).toHaveLength(before + 1);
    // It says nothing until its deadline, which counts as a failure.
    await advance(18_000);
    expect(results(ended).slice(-3)).toEqual(["timeout", "timeout", "timeout"]);
    sender.answer = accepted;
    await advance(BREAKER_LONGEST_MS);
    send();
    await advance(50);
    expect(results(ended).at(-1)).toBe("accepted");
    expect(lane.isFailing).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  test("sends nothing while it is told to pause, and those that cannot wait end", async () => {
    const { sender, log, send, ended, advance } = build();
    const outcome = outcomeOf("throttled", "QUOTA_EXCEEDED", "too many");
    let isFirst = true;
    sender.answer = () => {
      if (!isFirst) return accepted();
      isFirst = false;
      const [retryAfterMs, pauseMs] = [5000, 5000];
      return { outcome, isRetriable: true, retryAfterMs, pauseMs, health: "good" };
    };
    send(10_000);
    await advance(50);
    send(1000);
    send(8000);
    await advance(50);
    expect(results(ended)).toEqual(["throttled QUOTA_EXCEEDED"]);
    await advance(4500);
    expect(sender.attemptsMs).toHaveLength(1);
    await advance(1000);
    expect(log.lines.filter((line) => line.includes("asks for a pause"))).toHaveLength(1);
    expect(results(ended)).toEqual(["throttled QUOTA_EXCEEDED", "accepted", "accepted"]);
  });

  test("has room for so many pushes and no more", async () => {
    const { sender, lane, send, ended, advance } = build();
    sender.answer = () => undefined;
    for (let count = 0; count < MAX_PUSHES_PER_LANE; count += 1) send(1000);
    expect(lane.size).toBe(MAX_PUSHES_PER_LANE);
    send(1000);
    await advance(1);
    expect(results(ended)).toEqual(["overloaded queue-full"]);
    lane.stop(outcomeOf("unavailable", "stopping", ""));
    expect(lane.size).toBe(0);
    expect(new Set(results(ended))).toEqual(
      new Set(["overloaded queue-full", "unavailable stopping"]),
    );
  });

  test("tries at once what had to wait, when the keys have changed", async () => {
    const { sender, lane, send, ended, advance } = build();
    sender.answer = broken;
    for (let count = 0; count < BREAKER_FAILURES; count += 1) send(100);
    await advance(50);
    send(60_000);
    sender.answer = accepted;
    lane.reset();
    await advance(50);
    expect(results(ended).at(-1)).toBe("accepted");
  });

  test("a fault in a sender ends the push, and its text is not logged", async () => {
    const { sender, log, send, ended, advance } = build();
    sender.answer = () => {
      throw new Error("token 0123");
    };
    send();
    await advance(50);
    expect(results(ended)).toEqual(["unavailable internal"]);
    expect(log.lines.join("\n")).toContain("push sender failed");
    expect(log.lines.join("\n")).not.toContain("0123");
  });
});
