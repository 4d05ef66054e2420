import type { PushDevice } from "../location/push-device.ts";
import type { Push, PushOutcome, PushResult } from "../ports.ts";
import { MAX_WALL_DRIFT_MS } from "./limits.ts";

/** Time as the senders need it. Steady milliseconds, except for `wallMs`. */
export interface GatewayClock {
  nowMs(): number;
  /** The wall clock, which providers compare with their own. */
  wallMs(): number;
  /** Runs something once after a delay, never at once. Gives back what calls that off. */
  after(delayMs: number, run: () => void): () => void;
}

/** How one attempt to send a push has ended. */
export interface Attempt {
  readonly outcome: PushOutcome;
  /** Whether the same push may do better a little later. */
  readonly isRetriable: boolean;
  /** The push is not to be sent again sooner than that. */
  readonly retryAfterMs?: number | undefined;
  /** Nothing at all is to be sent for so long. */
  readonly pauseMs?: number | undefined;
  /** What it says about the provider: it works, it does not (for us), or nothing. */
  readonly health: "good" | "bad" | "unknown";
}

/** What sends pushes to one provider. */
export interface PushSender {
  /** The pn-provider it serves, as counted in metrics. */
  readonly provider: string;
  /** Pushes at once in one lane. */
  readonly maxInFlight: number;
  /** Whether it can push to a device: the form of the push resource, and whose it is. */
  accepts(device: PushDevice): boolean;
  /** Devices of one lane share a queue and a breaker; of a closed or bounded set. */
  laneOf(device: PushDevice): string;
  /** Sends it once. Resolves in any case, soon after `signal` aborts. */
  attempt(push: Push, signal: AbortSignal): Promise<Attempt>;
  /** Reads keys anew. Gives back what puts them into use, so that it can be done for all senders or for none. */
  prepare(): () => void;
  /** Closes its connections. */
  stop(): void;
}

export function outcomeOf(
  result: PushResult,
  reason: string,
  detail: string,
  deadSinceMs?: number,
): PushOutcome {
  return { result, reason, detail, deadSinceMs };
}

export function accepted(): Attempt {
  return {
    outcome: outcomeOf("accepted", "", "the provider has taken it"),
    isRetriable: false,
    health: "good",
  };
}

/** An attempt that ended because the push was called off. */
export function calledOff(): Attempt {
  return {
    outcome: outcomeOf("timeout", "", "no answer before the deadline"),
    isRetriable: false,
    health: "unknown",
  };
}

/** The provider could not be reached, or has answered with an error of its own. */
export function unavailable(reason: string, detail: string, retryAfterMs?: number): Attempt {
  return {
    outcome: outcomeOf("unavailable", reason, detail),
    isRetriable: true,
    retryAfterMs,
    pauseMs: retryAfterMs,
    health: "bad",
  };
}

/** Whole seconds until a push is of no use, at least 1. */
export function ttlSec(push: Push, clock: GatewayClock): number {
  return Math.max(1, Math.ceil((push.deadlineMs - clock.nowMs()) / 1000));
}

/** The deadline on the wall clock, in seconds since the epoch. */
export function expiresAtSec(push: Push, clock: GatewayClock): number {
  return Math.ceil((push.deadlineMs - clock.nowMs() + clock.wallMs()) / 1000);
}

/**
 * Wall time minus steady time. What is signed has wall times in it: when this changes the clock was set, and what was
 * signed before is too old or not yet valid to the provider.
 */
export function wallAheadMs(clock: GatewayClock): number {
  return clock.wallMs() - clock.nowMs();
}

/** Whether the wall clock was set since then. A clock that is disciplined drifts by less. */
export function wasSetSince(thenAheadMs: number, clock: GatewayClock): boolean {
  return Math.abs(wallAheadMs(clock) - thenAheadMs) > MAX_WALL_DRIFT_MS;
}
