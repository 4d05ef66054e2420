import { BREAKER_FAILURES, BREAKER_FIRST_MS, BREAKER_LONGEST_MS } from "./limits.ts";

type State =
  | { readonly kind: "closed"; readonly failures: number }
  /** Until that moment nothing is sent; after it one push at a time, until one succeeds. */
  | { readonly kind: "open"; readonly untilMs: number; readonly forMs: number };

/** Keeps pushes from a provider that fails, and tries it with single ones after a while. Time is given to it. */
export class Breaker {
  #state: State = { kind: "closed", failures: 0 };

  /** The moment from which something may be sent; in the past while all is well. */
  get openUntilMs(): number {
    return this.#state.kind === "open" ? this.#state.untilMs : Number.NEGATIVE_INFINITY;
  }

  /** Whether it was opened and nothing has succeeded since, so that one push at a time is the limit. */
  get isProbing(): boolean {
    return this.#state.kind === "open";
  }

  succeeded(): void {
    this.#state = { kind: "closed", failures: 0 };
  }

  /** Returns whether this failure has opened it. */
  failed(nowMs: number): boolean {
    const state = this.#state;
    if (state.kind === "open") {
      // What was under way when it opened says nothing new.
      if (nowMs < state.untilMs) return false;
      const forMs = Math.min(state.forMs * 2, BREAKER_LONGEST_MS);
      this.#state = { kind: "open", untilMs: nowMs + forMs, forMs };
      return true;
    }
    const failures = state.failures + 1;
    const isOver = failures >= BREAKER_FAILURES;
    this.#state = isOver
      ? { kind: "open", untilMs: nowMs + BREAKER_FIRST_MS, forMs: BREAKER_FIRST_MS }
      : { kind: "closed", failures };
    return isOver;
  }
}
