import type { Clock } from "../ports.ts";

/** The clocks of the machine, in milliseconds. */
export interface MachineClocks {
  /** Since the Unix epoch; may be set forward or back at any time. */
  wallMs(): number;
  /** Runs evenly, but stands still while the machine sleeps. */
  monotonicMs(): number;
  /** Since the machine was started, sleep included. */
  uptimeMs(): number;
}

/** A wall clock that is further off than this has been set; less is drift and rounding. */
const STEP_MS = 500;

/**
 * The steady timeline: starts close to the Unix epoch, runs with the monotonic clock, and does not follow
 * when somebody sets the wall clock. How far apart the two have come is kept in the store, so that the
 * timeline goes on where it was after a restart.
 */
export class SteadyClock implements Clock {
  readonly #machine: MachineClocks;
  /** Steady time minus monotonic time. */
  #baseMs: number;
  /** Wall time minus steady time. */
  #offsetMs: number;
  /** Uptime minus monotonic time: grows by the time the machine sleeps. */
  #sleptMs: number;
  #alarm: NodeJS.Timeout | undefined;

  /** `offsetMs` is what `offsetMs` was when the process before this one ended; 0 for the first. */
  constructor(offsetMs: number, machine: MachineClocks) {
    this.#machine = machine;
    this.#offsetMs = offsetMs;
    this.#baseMs = machine.wallMs() - offsetMs - machine.monotonicMs();
    this.#sleptMs = machine.uptimeMs() - machine.monotonicMs();
  }

  nowMs(): number {
    return this.#baseMs + this.#machine.monotonicMs();
  }

  wallMs(): number {
    return this.#machine.wallMs();
  }

  setAlarm(atMs: number, ring: () => void): void {
    clearTimeout(this.#alarm);
    // Rounded up, since a timer that fires early would only have to be set again.
    const delayMs = Math.min(Math.max(0, Math.ceil(atMs - this.nowMs())), MAX_DELAY_MS);
    this.#alarm = setTimeout(ring, delayMs);
  }

  /** How far the wall clock is ahead of the steady timeline; to be kept for the next process. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /**
   * Looks whether the machine has slept, which counts as time, or its wall clock was set, which does not.
   * Returns by how much the wall clock was set, 0 when it was not. To be called about once a second.
   */
  check(): number {
    const apartMs = this.#machine.wallMs() - this.nowMs() - this.#offsetMs;
    if (Math.abs(apartMs) < STEP_MS) return 0;
    const sleptMs = this.#machine.uptimeMs() - this.#machine.monotonicMs();
    const justSleptMs = sleptMs - this.#sleptMs;
    this.#sleptMs = sleptMs;
    if (justSleptMs >= STEP_MS) this.#baseMs += justSleptMs;
    const steppedMs = this.#machine.wallMs() - this.nowMs() - this.#offsetMs;
    if (Math.abs(steppedMs) < STEP_MS) return 0;
    this.#offsetMs += steppedMs;
    return steppedMs;
  }

  /** Lets go of the alarm. */
  stop(): void {
    clearTimeout(this.#alarm);
  }
}

/**
 * The offset to start with: the stored one, or less when the wall clock was set back while nothing ran. The
 * timeline must not go back behind the last moment it is known to have reached, or lifetimes would grow.
 */
export function resumeOffset(
  storedMs: number,
  { lastMs, wallMs }: { readonly lastMs: number; readonly wallMs: number },
): number {
  return Math.min(Number.isFinite(storedMs) ? storedMs : 0, wallMs - lastMs);
}

/** Longest delay setTimeout takes; an alarm further off rings early and is set again. */
const MAX_DELAY_MS = 2_147_483_647;
