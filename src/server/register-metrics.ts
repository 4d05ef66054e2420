import type { Metrics, Tally, Timing } from "../ports.ts";

type Result = "absorbed" | "forwarded" | "rejected" | "error";

/** Counts REGISTERs by result and reason, and times them. Counters are looked up once per reason. */
export class RegisterMetrics {
  readonly #metrics: Metrics;
  readonly #tallies: Readonly<Record<Result, Map<string, Tally>>> = {
    absorbed: new Map(),
    forwarded: new Map(),
    rejected: new Map(),
    error: new Map(),
  };
  readonly #durations: Readonly<Record<Result, Timing>>;
  readonly upstream: Timing;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    const duration = (result: Result): Timing =>
      metrics.timing("register_duration_seconds", { result });
    this.#durations = {
      absorbed: duration("absorbed"),
      forwarded: duration("forwarded"),
      rejected: duration("rejected"),
      error: duration("error"),
    };
    this.upstream = metrics.timing("upstream_register_duration_seconds");
  }

  /** One REGISTER has been decided. */
  count(result: Result, reason: string): void {
    let tally = this.#tallies[result].get(reason);
    if (tally === undefined) {
      tally = this.#metrics.counter("registers_total", { result, reason });
      this.#tallies[result].set(reason, tally);
    }
    tally.n += 1;
  }

  /** One REGISTER has been answered, so many milliseconds after it came. */
  observe(result: Result, elapsedMs: number): void {
    this.#durations[result].observe(elapsedMs / 1000);
  }
}
