import { LINE_BURST, LINES_PER_SECOND } from "./limits.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** The one name that lines of a kind are counted under. */
const ALL = "";

/**
 * Bounds how often a line of one kind is written, so that neither peers nor an outage can fill the disk with it. What is
 * left out is counted, and told with the next line.
 */
export class LineLimiter {
  readonly #lines = new TokenBuckets({
    max: LINE_BURST,
    periodMs: (LINE_BURST / LINES_PER_SECOND) * 1000,
    maxNames: 1,
  });
  #leftOut = 0;

  /** How many have been left out since the last line; undefined when this one is left out as well. */
  take(nowMs: number): number | undefined {
    if (!this.#lines.has(ALL, nowMs)) {
      this.#leftOut += 1;
      return undefined;
    }
    this.#lines.take(ALL, nowMs);
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
