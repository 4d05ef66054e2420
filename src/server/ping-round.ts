import type { Log, Metrics } from "../ports.ts";

/** Rounds differ by a tenth of the interval on purpose (ping-walk.ts); what takes longer than this times it is late. */
const LATE = 1.25;

interface RoundOptions {
  readonly intervalMs: number;
  /** Pings a second, at most. */
  readonly rate: number;
}

/** How long rounds of pings take, and says so when there are more devices than can be pinged in time. */
export class PingRound {
  readonly #options: RoundOptions;
  readonly #log: Log;
  #startedAtMs = 0;
  #lastMs = 0;
  #pings = 0;
  /** Ticks that have left devices behind which were due. */
  #shortTicks = 0;

  constructor(options: RoundOptions, { log, metrics }: { log: Log; metrics: Metrics }) {
    this.#options = options;
    this.#log = log;
    metrics.gauge("ping_round_seconds", {}, () => this.#lastMs / 1000);
  }

  start(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#pings = 0;
    this.#shortTicks = 0;
  }

  sent(): void {
    this.#pings += 1;
  }

  /** Devices that were due have to wait for the next tick. */
  fellShort(): void {
    this.#shortTicks += 1;
  }

  /** All devices have had their turn, and the next round begins. */
  end(nowMs: number): void {
    const { intervalMs, rate } = this.#options;
    this.#lastMs = nowMs - this.#startedAtMs;
    // Without devices that had to wait, the walk itself has slowed down, for there are fewer of them by now.
    const isLate = this.#lastMs > intervalMs * LATE && this.#shortTicks > 1;
    if (isLate) {
      const round = { seconds: Math.round(this.#lastMs / 1000), pings: this.#pings };
      const settings = { natping_interval: intervalMs / 1000, ping_rate: rate };
      this.#log.warn(
        { ...round, ...settings },
        "a round of pings has taken longer than natping_interval",
      );
    }
    this.start(nowMs);
  }
}
