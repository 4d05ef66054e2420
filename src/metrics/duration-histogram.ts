import type { Timing } from "../ports.ts";

/** Upper bounds in seconds: from well under a UDP round trip to a little less than Timer F (32 s). */
const BOUNDS_SEC = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** One line of a histogram in the exposition format, without the name of the metric. */
interface HistogramLine {
  readonly suffix: "_bucket" | "_sum" | "_count";
  readonly bound: string | undefined;
  readonly value: number;
}

/** Durations counted in plain numbers, cheap enough for every message. */
export class DurationHistogram implements Timing {
  readonly #counts = new Float64Array(BOUNDS_SEC.length + 1);
  #sumSec = 0;

  /** Counts a duration. One that is negative or no number counts as zero, so that the sum stays a sum. */
  observe(seconds: number): void {
    const sec = seconds > 0 ? seconds : 0;
    let at = 0;
    while (sec > (BOUNDS_SEC[at] ?? Number.POSITIVE_INFINITY)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sumSec += sec;
  }

  /** Cumulative buckets, sum and count, in the order of the exposition format. */
  lines(): HistogramLine[] {
    let count = 0;
    const buckets = [...BOUNDS_SEC.map(String), "+Inf"].map((bound, at): HistogramLine => {
      count += this.#counts[at] ?? 0;
      return { suffix: "_bucket", bound, value: count };
    });
    return [
      ...buckets,
      { suffix: "_sum", bound: undefined, value: this.#sumSec },
      { suffix: "_count", bound: undefined, value: count },
    ];
  }
}
