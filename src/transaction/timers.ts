import { freezeDeep } from "./machine.ts";

/** The three numbers all timers are made of. Milliseconds, all greater than 0. */
export interface TransactionTimings {
  /** Estimate of the round-trip time. */
  readonly t1Ms: number;
  /** Longest interval between retransmissions of a non-INVITE request or an INVITE response. */
  readonly t2Ms: number;
  /** Longest time a message stays in the network. */
  readonly t4Ms: number;
}

/** The defaults of RFC 3261 appendix A. */
export const RFC_TIMINGS: TransactionTimings = freezeDeep({ t1Ms: 500, t2Ms: 4000, t4Ms: 5000 });

export type RepeatingTimer = "timer-a" | "timer-e" | "timer-g";

export type TimerName =
  | RepeatingTimer
  | "timer-b"
  | "timer-d"
  | "timer-f"
  | "timer-h"
  | "timer-i"
  | "timer-j"
  | "timer-k"
  | "timer-l"
  | "timer-m"
  | "timer-100";

type Duration = "0" | "T1" | "T4" | "64*T1" | "32 s" | "until E is T2";

/** One timer: how long it runs the first time, what a repeat does to that, and who says so. */
export interface TimerRule {
  readonly unreliable: Duration;
  /** "0" is due at once, "unused" is never started. */
  readonly reliable: Duration | "unused";
  readonly growth: "none" | "doubles" | "doubles up to T2";
  readonly rule: string;
}

/** Every timer of the four machines. */
export const TIMER_RULES: Readonly<Record<TimerName, TimerRule>> = freezeDeep({
  "timer-a": {
    unreliable: "T1",
    reliable: "unused",
    growth: "doubles",
    rule: "INVITE again, at intervals that double (RFC 3261 section 17.1.1.2)",
  },
  "timer-b": {
    unreliable: "64*T1",
    reliable: "64*T1",
    growth: "none",
    rule: "no response to the INVITE at all (RFC 3261 section 17.1.1.2)",
  },
  "timer-d": {
    unreliable: "32 s",
    reliable: "0",
    growth: "none",
    rule: "at least 32 seconds, as the server's T1 is unknown (RFC 6026 section 8.4)",
  },
  "timer-e": {
    unreliable: "T1",
    reliable: "unused",
    growth: "doubles up to T2",
    rule: "request again, MIN(2*T1, T2) and so on; T2 once Proceeding (RFC 3261 section 17.1.2.2)",
  },
  "timer-f": {
    unreliable: "64*T1",
    reliable: "64*T1",
    growth: "none",
    rule: "no final response to the request (RFC 3261 section 17.1.2.2)",
  },
  "timer-g": {
    unreliable: "T1",
    reliable: "unused",
    growth: "doubles up to T2",
    rule: "failure again, MIN(2*T1, T2) and so on (RFC 3261 section 17.2.1)",
  },
  "timer-h": {
    unreliable: "64*T1",
    reliable: "64*T1",
    growth: "none",
    rule: "no ACK for the failure, on all transports (RFC 3261 section 17.2.1)",
  },
  "timer-i": {
    unreliable: "T4",
    reliable: "0",
    growth: "none",
    rule: "absorbs repeated ACKs (RFC 3261 section 17.2.1)",
  },
  "timer-j": {
    unreliable: "64*T1",
    reliable: "0",
    growth: "none",
    rule: "absorbs repeated requests (RFC 3261 section 17.2.2)",
  },
  "timer-k": {
    unreliable: "T4",
    reliable: "0",
    growth: "none",
    rule: "absorbs repeated responses (RFC 3261 section 17.1.2.2)",
  },
  "timer-l": {
    unreliable: "64*T1",
    reliable: "64*T1",
    growth: "none",
    rule: "absorbs repeated INVITEs after a 2xx, on all transports (RFC 6026 section 8.7)",
  },
  "timer-m": {
    unreliable: "64*T1",
    reliable: "64*T1",
    growth: "none",
    rule: "waits for repeated and further 2xx (RFC 6026 section 8.4)",
  },
  "timer-100": {
    unreliable: "until E is T2",
    reliable: "until E is T2",
    growth: "none",
    rule: "100 to a non-INVITE: due on any transport, too early before on UDP (RFC 4320 section 4.1)",
  },
});

const DURATIONS_MS: Readonly<Record<Duration, (timings: TransactionTimings) => number>> = {
  "0": () => 0,
  T1: ({ t1Ms }) => t1Ms,
  T4: ({ t4Ms }) => t4Ms,
  "64*T1": ({ t1Ms }) => t1Ms * 64,
  "32 s": () => 32_000,
  "until E is T2": untilTimerEIsT2Ms,
};

/** How long a timer runs when it is started: 0 is due at once, undefined means it is not started at all. */
export function firstDurationMs(
  timer: TimerName,
  isReliable: boolean,
  timings: TransactionTimings,
): number | undefined {
  const rule = TIMER_RULES[timer];
  const duration = isReliable ? rule.reliable : rule.unreliable;
  return duration === "unused" ? undefined : DURATIONS_MS[duration](timings);
}

/** How long a repeating timer runs after it has fired, given how long it ran before. */
export function nextDurationMs(
  timer: RepeatingTimer,
  previousMs: number,
  timings: TransactionTimings,
): number {
  const doubledMs = previousMs * 2;
  const isCapped = TIMER_RULES[timer].growth === "doubles up to T2";
  return isCapped ? Math.min(doubledMs, timings.t2Ms) : doubledMs;
}

/** From the first sending of a request until its Timer E is reset to T2: 3.5 s with the defaults. */
function untilTimerEIsT2Ms(timings: TransactionTimings): number {
  let elapsedMs = timings.t1Ms;
  let intervalMs = nextDurationMs("timer-e", timings.t1Ms, timings);
  while (intervalMs < timings.t2Ms) {
    elapsedMs += intervalMs;
    intervalMs = nextDurationMs("timer-e", intervalMs, timings);
  }
  return elapsedMs;
}
