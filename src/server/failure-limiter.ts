import { AUTH_FAILURE_WINDOW_MS, MAX_COUNTED_FAILURES } from "./limits.ts";

interface Failures {
  count: number;
  atMs: number;
}

/** Counts failed attempts to log in, by whatever names who tries, and forgets them one by one. */
export class FailureLimiter {
  readonly #failures = new Map<string, Failures>();
  readonly #max: number;

  /** `max` failures within the window are put up with. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there have been too many. */
  isOver(key: string, nowMs: number): boolean {
    const failures = this.#failures.get(key);
    return failures !== undefined && this.#left(failures, nowMs) > this.#max - 1;
  }

  add(key: string, nowMs: number): void {
    const before = this.#failures.get(key);
    const count = before === undefined ? 1 : this.#left(before, nowMs) + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, atMs: nowMs });
    if (this.#failures.size <= MAX_COUNTED_FAILURES) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      return;
    }
  }

  #left({ count, atMs }: Failures, nowMs: number): number {
    return Math.max(0, count - ((nowMs - atMs) / AUTH_FAILURE_WINDOW_MS) * this.#max);
  }
}
