import { LINE_BURST, LINES_PER_SECOND } from "./limits.ts";

/**
 * Bounds how often a line of one kind is written, so that neither peers nor an outage can fill the disk with it. What is
 * left out is counted, and told with the next line.
 */
export class LineLimiter {
  #tokens = LINE_BURST;
  #atMs = 0;
  #leftOut = 0;

  /** How many have been left out since the last line; undefined when this one is left out as well. */
  take(nowMs: number): number | undefined {
    const earned = (Math.max(0, nowMs - this.#atMs) / 1000) * LINES_PER_SECOND;
    this.#tokens = Math.min(LINE_BURST, this.#tokens + earned);
    this.#atMs = nowMs;
    if (this.#tokens < 1) {
      this.#leftOut += 1;
      return undefined;
    }
    this.#tokens -= 1;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
